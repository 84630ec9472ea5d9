#include "desk/severity.h"

#include <math.h>
#include <string.h>

static const char *const words[][2] = {{"none", "geen"}, {"low", "laag"},
	{"medium", "middel"}, {"high", "hoog"}, {"critical", "kritiek"}};

/* Metrics and their values; the first `needed` must be given. */
struct version {
	const char *prefix;
	int needed;
	const char *const *metrics; /* "AV:NALP", NULL ends */
};

static const char *const v3_metrics[] = {"AV:N A L P", "AC:L H", "PR:N L H",
	"UI:N R", "S:U C", "C:N L H", "I:N L H", "A:N L H", "E:X U P F H",
	"RL:X O T W U", "RC:X U R C", "CR:X L M H", "IR:X L M H", "AR:X L M H",
	"MAV:X N A L P", "MAC:X L H", "MPR:X N L H", "MUI:X N R", "MS:X U C",
	"MC:X N L H", "MI:X N L H", "MA:X N L H", NULL};
static const char *const v4_metrics[] = {"AV:N A L P", "AC:L H", "AT:N P",
	"PR:N L H", "UI:N P A", "VC:H L N", "VI:H L N", "VA:H L N", "SC:H L N",
	"SI:H L N", "SA:H L N", "E:X A P U", "CR:X H M L", "IR:X H M L",
	"AR:X H M L", "MAV:X N A L P", "MAC:X L H", "MAT:X N P", "MPR:X N L H",
	"MUI:X N P A", "MVC:X H L N", "MVI:X H L N", "MVA:X H L N",
	"MSC:X H L N", "MSI:X S H L N", "MSA:X S H L N", "S:X N P", "AU:X N Y",
	"R:X A U I", "V:X D C", "RE:X L M H", "U:X Clear Green Amber Red",
	NULL};
static const struct version versions[] = {{"CVSS:3.1/", 8, v3_metrics},
	{"CVSS:3.0/", 8, v3_metrics}, {"CVSS:4.0/", 11, v4_metrics}};

/* The place of "AV:N" in the table, or -1. */
static int
metric_of(const struct version *version, const char *given)
{
	const char *value = strchr(given, ':');

	for (int i = 0; value && version->metrics[i] != NULL; i++) {
		const char *metric = version->metrics[i];
		const char *colon = strchr(metric, ':');
		g_auto(GStrv) values = g_strsplit(colon + 1, " ", -1);

		if (value - given == colon - metric &&
			strncmp(given, metric, value - given) == 0)
			return g_strv_contains((const char *const *)values,
				       value + 1)
				? i
				: -1;
	}
	return -1;
}

static bool
is_valid(const struct version *version, const char *vector)
{
	g_auto(GStrv) given = g_strsplit(vector + strlen(version->prefix), "/",
		64);
	bool seen[64] = {false};

	for (char **p = given; *p != NULL; p++) {
		int i = metric_of(version, *p);

		if (i < 0 || seen[i])
			return false;
		seen[i] = true;
	}
	for (int i = 0; i < version->needed; i++)
		if (!seen[i])
			return false;
	return true;
}

char *
severity_read(const char *value)
{
	g_autofree char *lower = g_ascii_strdown(value, -1);

	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		if (strcmp(lower, words[i][0]) == 0 ||
			strcmp(lower, words[i][1]) == 0)
			return g_strdup(words[i][0]);
	for (size_t i = 0; i < G_N_ELEMENTS(versions); i++)
		if (g_str_has_prefix(value, versions[i].prefix) &&
			is_valid(&versions[i], value))
			return g_strdup(value);
	return NULL;
}

bool
severity_is_vector(const char *value)
{
	return g_str_has_prefix(value, "CVSS:");
}

/* The letter given for a metric of a v3 vector. */
static char
letter(const char *vector, const char *metric)
{
	g_autofree char *wanted = g_strdup_printf("/%s:", metric);

	return strstr(vector, wanted)[strlen(wanted)];
}

static double
impact_of(char value)
{
	return value == 'H' ? 0.56 : value == 'L' ? 0.22 : 0;
}

static double
privileges_of(char value, bool changed)
{
	if (value == 'N')
		return 0.85;
	if (value == 'L')
		return changed ? 0.68 : 0.62;
	return changed ? 0.5 : 0.27;
}

/* CVSS v3.1 section 7.1, with the Roundup of its appendix A. */
static double
base_score(const char *vector)
{
	bool changed = letter(vector, "S") == 'C';
	char vector_letter = letter(vector, "AV");
	double iss = 1 -
		(1 - impact_of(letter(vector, "C"))) *
			(1 - impact_of(letter(vector, "I"))) *
			(1 - impact_of(letter(vector, "A")));
	double impact = changed
		? 7.52 * (iss - 0.029) - 3.25 * pow(iss - 0.02, 15)
		: 6.42 * iss;
	double reach = vector_letter == 'N' ? 0.85
		: vector_letter == 'A'	    ? 0.62
		: vector_letter == 'L'	    ? 0.55
					    : 0.2;
	double exploitability = 8.22 * reach *
		(letter(vector, "AC") == 'L' ? 0.77 : 0.44) *
		privileges_of(letter(vector, "PR"), changed) *
		(letter(vector, "UI") == 'N' ? 0.85 : 0.62);
	double sum = (changed ? 1.08 : 1) * (impact + exploitability);
	long whole = lround(MIN(sum, 10) * 100000);

	if (impact <= 0)
		return 0;
	return whole % 10000 == 0 ? whole / 100000.0
				  : (whole / 10000 + 1) / 10.0;
}

const char *
severity_of_vector(const char *vector)
{
	double score;

	if (!g_str_has_prefix(vector, "CVSS:3."))
		return NULL;
	score = base_score(vector);
	return score == 0 ? "none"
		: score < 4 ? "low"
		: score < 7 ? "medium"
		: score < 9 ? "high"
			    : "critical";
}

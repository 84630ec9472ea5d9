#include "desk/own_words.h"

#include <stdbool.h>
#include <string.h>

#define ATTRIBUTION_LINES 3 /* over which clients wrap one */
#define MAX_ATTRIBUTION 400 /* bytes */
#define SIGNATURE_LINES 6   /* at the end of a text */
#define SIGNATURE_WIDTH 60

static bool
is_quote(const char *line)
{
	return *line == '>' || g_str_has_prefix(line, " >");
}

static bool
matches(const char *text, const char *pattern)
{
	return g_regex_match_simple(pattern, text, G_REGEX_CASELESS, 0);
}

/* Linear, whatever a stranger writes: no pattern that looks back. */
static bool
is_attribution_text(const char *text, size_t length)
{
	while (length > 0 && g_ascii_isspace(text[length - 1]))
		length--;
	return length > 10 && length < MAX_ATTRIBUTION &&
		text[length - 1] == ':' &&
		matches(text, "\\d{4}|\\d:\\d\\d|@") &&
		matches(text, "\\b(?:wrote|schreef|schrieb|.crit)\\b");
}

/* What is quoted follows, marked as such. */
static bool
precedes_quote(char *const *lines)
{
	while (*lines != NULL && lines[0][strspn(lines[0], " \t\r")] == '\0')
		lines++;
	return *lines != NULL && is_quote(*lines);
}

/*
 * "On DATE, NAME wrote:" of this many clients, perhaps wrapped: how many
 * lines it takes, or 0.
 */
static int
attribution(char *const *lines)
{
	g_autoptr(GString) joined = g_string_new(NULL);

	if (strlen(lines[0]) > MAX_ATTRIBUTION ||
		!matches(lines[0], "^\\s*(?:On|Op|Am|Le)\\s"))
		return 0;
	for (int i = 0; i < ATTRIBUTION_LINES && lines[i] != NULL; i++) {
		g_string_append_printf(joined, "%.*s ", MAX_ATTRIBUTION,
			lines[i]);
		if (is_attribution_text(joined->str, joined->len) ||
			(i == 0 && g_str_has_suffix(g_strchomp(joined->str),
					   ":") &&
				precedes_quote(lines + 1)))
			return i + 1;
		joined->len = strlen(joined->str);
	}
	return 0;
}

/* The header of a quoted mail, as Outlook and others put it in the text. */
static bool
is_quoted_header(char *const *lines)
{
	return matches(lines[0],
		       "^\\s*\\*?(?:From|Van|Von|De)\\s*:\\*?\\s.*\\S") &&
		lines[1] != NULL &&
		matches(lines[1],
			"^\\s*\\*?(?:Sent|Date|Verzonden|Datum|Gesendet|Envoy."
			"|To|Aan|An)\\s*:\\*?\\s");
}

static bool
begins_quote(char *const *lines, bool finished)
{
	size_t length = strlen(lines[0]);
	int taken = attribution(lines);

	/* a sentence of one's own may look like it, and nothing is quoted */
	if (taken > 0)
		return !finished || precedes_quote(lines + taken);
	if (finished)
		return false;
	if (is_quoted_header(lines) ||
		matches(lines[0], "^\\s*-{5}\\s*(?:Original|Oorspronkelijk"
				  "|Forwarded|Doorgestuurd|Urspr)"))
		return true;
	/* a rule above such a header */
	return length > 20 && strspn(lines[0], "_ \r") == length &&
		lines[1] != NULL && is_quoted_header(lines + 1);
}

/* What a telephone adds, on a paragraph of its own. */
static bool
is_advertisement(const char *line)
{
	return strlen(line) < 80 &&
		matches(line, "^\\s*(?:Sent (?:from|with|via) (?:my |Outlook|Mail"
			      "|Proton|Yahoo|the )"
			      "|(?:Verstuurd|Verzonden) (?:vanaf|met|vanuit) "
			      "|Get Outlook for |Outlook voor |Download Outlook"
			      "|Von meinem .{1,40}gesendet"
			      "|Envoy. de(?:puis)? mon )");
}

static bool
begins_footer(char *const *lines, guint n, char *const *footers, bool finished)
{
	const char *line = lines[n];

	if (strcmp(line, "-- ") == 0 || (!finished && strcmp(line, "--") == 0))
		return true;
	if (is_advertisement(line) &&
		(n == 0 || lines[n - 1][strspn(lines[n - 1], " \t\r")] == '\0'))
		return true;
	for (; footers != NULL && *footers != NULL; footers++)
		if (**footers && g_str_has_prefix(line, *footers))
			return true;
	return false;
}

char *
own_words_of(char *const *lines, char *const *footers, bool finished)
{
	GString *out = g_string_new(NULL);

	for (guint n = 0; lines[n] != NULL; n++) {
		if (begins_footer(lines, n, footers, finished) ||
			begins_quote(lines + n, finished))
			break;
		if (!is_quote(lines[n]))
			g_string_append_printf(out, "%s\n", lines[n]);
	}
	g_strstrip(out->str);
	return g_string_free(out, FALSE);
}

/* Words that names have besides, and sentences too. */
static bool
is_particle(const char *word)
{
	static const char *const particles[] = {"van", "de", "der", "den",
		"ter", "ten", "te", "het", "op", "in", "von", "zu", "la", "le",
		"di", "da", "el", "al", NULL};

	return g_strv_contains(particles, word);
}

static bool
is_capital(const char *word)
{
	return g_unichar_isupper(g_utf8_get_char_validated(word, -1));
}

/*
 * The name or a part of it, alone or as people sign: "Sanne", "Jansen",
 * "Sanne de Vries", "Sanne Jansen CERT"; no sentence that begins with it.
 */
static bool
is_name(const char *line, const char *name)
{
	g_autofree char *whole = g_utf8_casefold(name, -1);
	g_autofree char *bare = g_strdup(line);
	g_auto(GStrv) parts = g_strsplit(whole, " ", -1);
	g_auto(GStrv) words = NULL;
	bool sentence, only = true, any = false, first = false;
	int n = 0;

	g_strstrip(bare);
	sentence = *bare != '\0' && strchr(".!?:;", bare[strlen(bare) - 1]);
	g_strdelimit(bare, ",.", ' ');
	words = g_strsplit(bare, " ", -1);
	for (char **p = words; *p != NULL; p++) {
		g_autofree char *word = g_utf8_casefold(*p, -1);
		bool own = g_strv_contains((const char *const *)parts, word);

		if (*word == '\0')
			continue;
		first |= n == 0 && own && !is_particle(word);
		any |= own && !is_particle(word) && strlen(word) > 2;
		only &= own || is_particle(word);
		/* what else may stand in a signature */
		sentence |= !own && !is_particle(word) && !is_capital(*p);
		n++;
	}
	return any && n <= 4 && (only || (first && !sentence));
}

static bool
is_address_line(const char *line, const char *address)
{
	g_autofree char *lower = g_ascii_strdown(line, -1);

	return strstr(lower, address) != NULL &&
		matches(lower, "^\\s*(?:\\S+\\s*){1,5}$");
}

char *
own_words_unsigned(const char *text, const char *name, const char *address)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	guint n = g_strv_length(lines);
	guint first = n > SIGNATURE_LINES ? n - SIGNATURE_LINES : 0;
	g_autofree char *mail = g_ascii_strdown(address, -1);
	char *out;

	for (guint i = n; i > first; i--) {
		if (strlen(lines[i - 1]) > SIGNATURE_WIDTH)
			break;
		/* the title and the telephone below it go with the name */
		if (!is_name(lines[i - 1], name) &&
			!is_address_line(lines[i - 1], mail))
			continue;
		for (guint k = i - 1; k < n; k++)
			g_clear_pointer(&lines[k], g_free);
		n = i - 1;
	}
	out = g_strjoinv("\n", lines);
	g_strchomp(out);
	return out;
}

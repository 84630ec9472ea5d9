#include "desk/own_words.h"

#include <stdbool.h>
#include <string.h>

#define ATTRIBUTION_LINES 3 /* over which clients wrap one */

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

/*
 * "On DATE, NAME wrote:" of this many clients, perhaps wrapped.  A date or an
 * address belongs to it: a sentence that ends in a colon is none.
 */
static bool
is_attribution(char *const *lines)
{
	g_autoptr(GString) joined = g_string_new(NULL);

	if (!matches(lines[0], "^\\s*(?:On|Op|Am|Le)\\s"))
		return false;
	if (matches(lines[0], ":\\s*$") && lines[1] != NULL &&
		(is_quote(lines[1]) || (*lines[1] == '\0' && lines[2] != NULL &&
					       is_quote(lines[2]))))
		return true;
	for (int i = 0; i < ATTRIBUTION_LINES && lines[i] != NULL; i++) {
		g_string_append_printf(joined, "%s ", lines[i]);
		if (matches(joined->str,
			    "^\\s*(?:On|Op|Am|Le)\\s.*(?:\\d{4}|\\d:\\d\\d|@).*"
			    "(?:wrote|schreef|schrieb|a\\s+.crit)\\b[^.!?]*:\\s*$"))
			return true;
	}
	return false;
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
begins_quote(char *const *lines)
{
	size_t length = strlen(lines[0]);

	if (is_attribution(lines) || is_quoted_header(lines) ||
		matches(lines[0], "^\\s*-{5}\\s*(?:Original|Oorspronkelijk"
				  "|Forwarded|Doorgestuurd|Urspr)"))
		return true;
	/* a rule above such a header */
	return length > 20 && strspn(lines[0], "_ \r") == length &&
		lines[1] != NULL && is_quoted_header(lines + 1);
}

static bool
begins_footer(const char *line, char *const *footers)
{
	if (strcmp(line, "-- ") == 0 || strcmp(line, "--") == 0 ||
		matches(line, "^\\s*(?:Sent (?:from|with|via) (?:my |Outlook|Mail"
			      "|Proton|Yahoo|the )"
			      "|(?:Verstuurd|Verzonden) (?:vanaf|met|vanuit) "
			      "|Get Outlook for |Outlook voor |Download Outlook"
			      "|Von meinem .* gesendet|Envoy. de(?:puis)? mon )"))
		return true;
	for (; footers != NULL && *footers != NULL; footers++)
		if (**footers && g_str_has_prefix(line, *footers))
			return true;
	return false;
}

char *
own_words_of(char *const *lines, char *const *footers)
{
	GString *out = g_string_new(NULL);

	for (; *lines != NULL; lines++) {
		if (begins_footer(*lines, footers) || begins_quote(lines))
			break;
		if (!is_quote(*lines))
			g_string_append_printf(out, "%s\n", *lines);
	}
	g_strstrip(out->str);
	return g_string_free(out, FALSE);
}

/* One of the words of the name, or all of it. */
static bool
is_name(const char *line, const char *name)
{
	g_auto(GStrv) words = g_strsplit(name, " ", -1);
	g_autofree char *folded = g_utf8_casefold(line, -1);
	g_autofree char *whole = g_utf8_casefold(name, -1);

	g_strdelimit(folded, ",.", ' ');
	g_strstrip(folded);
	if (strcmp(folded, whole) == 0)
		return true;
	for (char **p = words; *p != NULL; p++) {
		g_autofree char *word = g_utf8_casefold(*p, -1);

		if (strlen(word) > 2 && strcmp(folded, word) == 0)
			return true;
	}
	return false;
}

char *
own_words_unsigned(const char *text, const char *name, const char *address)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	guint n = g_strv_length(lines);
	g_autofree char *mail = g_ascii_strdown(address, -1);
	char *out;

	while (n > 0) {
		g_autofree char *lower = g_ascii_strdown(lines[n - 1], -1);

		if (*g_strstrip(lines[n - 1]) != '\0' &&
			!is_name(lines[n - 1], name) &&
			!(strstr(lower, mail) != NULL &&
				matches(lower, "^(?:\\S+\\s*){1,5}$")))
			break;
		g_clear_pointer(&lines[--n], g_free);
	}
	out = g_strjoinv("\n", lines);
	g_strchomp(out);
	return out;
}

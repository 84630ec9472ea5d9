#include "desk/own_words.h"

#include <stdbool.h>
#include <string.h>

static bool
is_quote(const char *line)
{
	return *line == '>' || g_str_has_prefix(line, " >");
}

/* "On ... wrote:" of this many clients, and the headers of Outlook. */
static bool
begins_quote(char *const *lines)
{
	g_autofree char *line = g_strstrip(g_strdup(lines[0]));
	size_t length = strlen(line);
	bool introduces = g_str_has_prefix(line, "On ") ||
		g_str_has_prefix(line, "Op ") ||
		g_str_has_prefix(line, "Am ") ||
		g_str_has_prefix(line, "Le ");

	if (introduces && length > 10 && line[length - 1] == ':')
		return true;
	/* the introduction may be wrapped */
	if (introduces && lines[1] != NULL && length > 10) {
		g_autofree char *second = g_strstrip(g_strdup(lines[1]));

		if (g_str_has_suffix(second, "wrote:") ||
			g_str_has_suffix(second, "schreef:"))
			return true;
	}
	if (g_str_has_prefix(line, "-----") &&
		(strstr(line, "Original") || strstr(line, "Oorspronkelijk") ||
			strstr(line, "Forwarded") ||
			strstr(line, "Doorgestuurd")))
		return true;
	if (length > 20 && strspn(line, "_") == length)
		return true;
	return (g_str_has_prefix(line, "From: ") ||
		       g_str_has_prefix(line, "Van: ")) &&
		lines[1] != NULL &&
		(g_str_has_prefix(lines[1], "Sent:") ||
			g_str_has_prefix(lines[1], "Verzonden:") ||
			g_str_has_prefix(lines[1], "Date:"));
}

static bool
begins_footer(const char *line, char *const *footers)
{
	if (strcmp(line, "-- ") == 0 || strcmp(line, "--") == 0 ||
		g_str_has_prefix(line, "Sent from my ") ||
		g_str_has_prefix(line, "Verstuurd vanaf mijn ") ||
		g_str_has_prefix(line, "Get Outlook for ") ||
		g_str_has_prefix(line, "Outlook voor "))
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

#include "intake/repair.h"

#include "intake/gate.h"

#include <glib.h>
#include <string.h>

#define MAX_BOUNDARY 70 /* RFC 2046, 5.1.1 */

/* The first line of the body that starts like a delimiter and comes again. */
static char *
guess(const char *body, size_t length)
{
	g_autofree char *text = g_strndup(body, MIN(length, 1 << 20));
	g_autoptr(GRegex) form = g_regex_new(
		"^--([0-9A-Za-z'()+_,./:=?-]{1,70})[ \\t]*\\r?$",
		G_REGEX_MULTILINE | G_REGEX_RAW, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;

	for (g_regex_match(form, text, 0, &match);
		g_match_info_matches(match);
		g_match_info_next(match, NULL)) {
		g_autofree char *word = g_match_info_fetch(match, 1);
		g_autofree char *again = g_strdup_printf("\n--%s", word);
		const char *first = strstr(text, again + 1);

		/* a line of dashes is an armor or a rule */
		if (strspn(word, "-") == strlen(word) ||
			g_str_has_prefix(word, "---"))
			continue;
		if (first != NULL && strstr(first + 1, again) != NULL)
			return g_steal_pointer(&word);
	}
	return NULL;
}

char *
repair_boundary(const char *data, size_t length, const char *type,
	size_t *size)
{
	size_t end = gate_header_end(data, length);
	g_autofree char *head = g_strndup(data, end);
	g_autofree char *boundary = guess(data + end, length - end);
	g_autoptr(GRegex) field = g_regex_new(
		"^Content-Type[ \\t]*:[^\\n]*\\n(?:[ \\t][^\\n]*\\n)*",
		G_REGEX_CASELESS | G_REGEX_MULTILINE | G_REGEX_RAW, 0, NULL);
	g_autofree char *line = NULL, *fixed = NULL;
	GString *out;

	if (boundary == NULL || strlen(boundary) > MAX_BOUNDARY ||
		strlen(head) != end)
		return NULL;
	line = g_strdup_printf("Content-Type: %s; boundary=\"%s\"%s\r\n", type,
		boundary,
		strstr(head, "application/pgp-signature")
			? "; protocol=\"application/pgp-signature\""
			: "");
	fixed = g_regex_replace_literal(field, head, -1, 0, line, 0, NULL);
	if (fixed == NULL)
		return NULL;
	out = g_string_new(fixed);
	g_string_append_len(out, data + end, length - end);
	*size = out->len;
	return g_string_free(out, FALSE);
}

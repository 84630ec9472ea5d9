/* Templates: built in, or a mailbox's own in their place. */
#include "outbox/letters.h"

#include <gio/gio.h>
#include <string.h>

static char *
built_in(const char *language, const char *name)
{
	g_autofree char *path = g_strdup_printf(
		"/meldpunt/templates/%s/%s.txt", language, name);
	g_autoptr(GBytes) bytes = g_resources_lookup_data(path,
		G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);

	return bytes ? g_strndup(g_bytes_get_data(bytes, NULL),
			       g_bytes_get_size(bytes))
		     : NULL;
}

/* A ${name} that the built-in one does not have: nothing would fill it. */
static char *
find_stranger(const char *text, const char *ours)
{
	g_autoptr(GRegex) form = g_regex_new("\\$\\{([^}]*)\\}", 0, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;

	for (g_regex_match(form, text, 0, &match);
		g_match_info_matches(match);
		g_match_info_next(match, NULL)) {
		g_autofree char *whole = g_match_info_fetch(match, 0);

		if (strstr(ours, whole) == NULL)
			return g_steal_pointer(&whole);
	}
	return NULL;
}

char *
letter_template_fault(const char *text, const char *language, const char *name)
{
	g_autofree char *ours = built_in(language, name);
	g_autofree char *stranger = NULL;

	if (ours == NULL)
		return g_strdup("no letter has this name");
	if (!g_utf8_validate(text, -1, NULL))
		return g_strdup("it is not UTF-8");
	stranger = find_stranger(text, ours);
	return stranger ? g_strdup_printf("nothing fills %s", stranger) : NULL;
}

char *
letter_template(const struct mailbox *mailbox, const char *language,
	const char *name)
{
	g_autofree char *file = g_strdup_printf("%s.txt", name);
	g_autofree char *own = g_build_filename(mailbox->templates, language,
		file, NULL);
	g_autofree char *text = NULL;
	g_autofree char *fault = NULL;
	char *ours;

	if (*mailbox->templates != '\0' &&
		g_file_get_contents(own, &text, NULL, NULL)) {
		/* `meldpunt check` tells of it; letters go out all the same */
		fault = letter_template_fault(text, language, name);
		if (fault == NULL)
			return g_steal_pointer(&text);
	}
	ours = built_in(language, name);
	if (ours == NULL)
		g_error("template %s is not built in", file);
	return ours;
}

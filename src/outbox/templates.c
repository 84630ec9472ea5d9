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

/* Why a mailbox's own cannot be used, or NULL. */
static char *
fault_of(const char *text, const char *language, const char *name)
{
	g_autofree char *ours = built_in(language, name);
	g_autofree char *stranger = NULL;

	if (text == NULL)
		return g_strdup("it cannot be read");
	if (ours == NULL)
		return g_strdup("no letter has this name");
	if (!g_utf8_validate(text, -1, NULL))
		return g_strdup("it is not UTF-8");
	stranger = find_stranger(text, ours);
	return stranger ? g_strdup_printf("nothing fills %s", stranger) : NULL;
}

static void
load_language(struct mailbox *box, const char *language, GPtrArray *faults)
{
	g_autofree char *folder =
		g_build_filename(box->templates, language, NULL);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *file;

	while (dir != NULL && (file = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(folder, file, NULL);
		g_autofree char *text = NULL, *fault = NULL, *name = NULL;

		if (!g_str_has_suffix(file, ".txt"))
			continue;
		name = g_strndup(file, strlen(file) - strlen(".txt"));
		g_file_get_contents(path, &text, NULL, NULL);
		fault = fault_of(text, language, name);
		if (fault == NULL)
			g_hash_table_insert(box->words,
				g_strdup_printf("%s/%s", language, name),
				g_steal_pointer(&text));
		else
			g_ptr_array_add(faults,
				g_strdup_printf("template %s: %s; the built-in "
						"one is used", path, fault));
	}
}

GPtrArray *
letter_templates_load(const struct conf *conf)
{
	GPtrArray *faults = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < conf->mailboxes->len; i++) {
		struct mailbox *box = conf->mailboxes->pdata[i];

		if (*box->templates == '\0')
			continue;
		g_clear_pointer(&box->words, g_hash_table_unref);
		box->words = g_hash_table_new_full(g_str_hash, g_str_equal,
			g_free, g_free);
		load_language(box, "nl", faults);
		load_language(box, "en", faults);
	}
	return faults;
}

char *
letter_template(const struct mailbox *mailbox, const char *language,
	const char *name)
{
	g_autofree char *key = g_strdup_printf("%s/%s", language, name);
	const char *own = mailbox->words
		? g_hash_table_lookup(mailbox->words, key)
		: NULL;
	char *ours = own ? g_strdup(own) : built_in(language, name);

	if (ours == NULL)
		g_error("template %s is not built in", key);
	return ours;
}

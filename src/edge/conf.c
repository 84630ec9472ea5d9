#include "edge/conf_private.h"

#include "base/fault.h"

#include <libconfig.h>
#include <string.h>

void
conf_complain(struct reading_conf *in, unsigned int line, const char *format, ...)
{
	va_list arguments;

	g_string_append_printf(in->faults, "%s%s:", in->faults->len ? "\n" : "",
		in->path);
	if (line > 0)
		g_string_append_printf(in->faults, "%u:", line);
	g_string_append_c(in->faults, ' ');
	va_start(arguments, format);
	g_string_append_vprintf(in->faults, format, arguments);
	va_end(arguments);
}

static bool
is_group(const char *scope, const char *name, char *path, size_t size)
{
	g_snprintf(path, size, "%s%s%s", scope, *scope ? "." : "", name);
	for (size_t i = 0; i < conf_option_count; i++)
		if (strcmp(conf_options[i].scope, path) == 0)
			return true;
	return false;
}

static const struct option *
find_option(const char *scope, const char *name)
{
	for (size_t i = 0; i < conf_option_count; i++)
		if (strcmp(conf_options[i].scope, scope) == 0 &&
			strcmp(conf_options[i].name, name) == 0)
			return &conf_options[i];
	return NULL;
}

static void
complain_unknown(struct reading_conf *in, const char *scope,
	const config_setting_t *setting)
{
	const char *name = config_setting_name(setting);
	g_autofree char *nearest = conf_nearest(scope, name);

	conf_complain(in, config_setting_source_line(setting),
		"unknown option \"%s%s%s\"%s%s%s", scope, *scope ? "." : "",
		name, nearest ? ", did you mean \"" : "",
		nearest ? nearest : "", nearest ? "\"?" : "");
}

/* A scalar or list of strings as the words that conf_set() takes. */
static char *
words_of(const config_setting_t *setting)
{
	GString *words;

	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_STRING:
		return g_strdup(config_setting_get_string(setting));
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return g_strdup_printf("%lld",
			config_setting_get_int64(setting));
	case CONFIG_TYPE_BOOL:
		return g_strdup(
			config_setting_get_bool(setting) ? "true" : "false");
	case CONFIG_TYPE_ARRAY:
	case CONFIG_TYPE_LIST:
		break;
	default:
		return NULL;
	}
	words = g_string_new("\x1f");
	for (int i = 0; i < config_setting_length(setting); i++) {
		const char *word = config_setting_get_string_elem(setting, i);

		if (word == NULL || *word == '\0' || strchr(word, '\x1f')) {
			g_string_free(words, TRUE);
			return NULL;
		}
		if (i > 0)
			g_string_append_c(words, '\x1f');
		g_string_append(words, word);
	}
	return g_string_free(words, FALSE);
}

static void
read_option(struct reading_conf *in, const struct option *option, void *base,
	const config_setting_t *setting)
{
	g_autofree char *words = words_of(setting);
	g_autoptr(GError) why = NULL;
	int type = config_setting_type(setting);
	bool list = type == CONFIG_TYPE_ARRAY || type == CONFIG_TYPE_LIST;

	g_hash_table_add(in->given,
		g_strdup_printf("%p/%s/%s", base, option->scope, option->name));
	if (words == NULL || list != (option->type == OPTION_TEXTS))
		conf_complain(in, config_setting_source_line(setting),
			"%s must be %s", option->name,
			option->type == OPTION_TEXTS ? "a list of strings"
						     : "a single value");
	else if (!conf_set(option, base, words, &why))
		conf_complain(in, config_setting_source_line(setting), "%s",
			why->message);
}

static void read_group(struct reading_conf *in, const char *scope, void *base,
	const config_setting_t *group);

static void
read_entries(struct reading_conf *in, const char *scope,
	const config_setting_t *list)
{
	bool mailboxes = strcmp(scope, "mailboxes") == 0;

	if (config_setting_type(list) != CONFIG_TYPE_LIST) {
		conf_complain(in, config_setting_source_line(list),
			"%s must be a list: %s = ( { ... } );", scope, scope);
		return;
	}
	for (int i = 0; i < config_setting_length(list); i++) {
		void *entry = mailboxes ? (void *)g_new0(struct mailbox, 1)
					: (void *)g_new0(struct staff, 1);

		g_ptr_array_add(
			mailboxes ? in->conf->mailboxes : in->conf->staff,
			entry);
		read_group(in, scope, entry,
			config_setting_get_elem(list, i));
	}
}

static void
read_group(struct reading_conf *in, const char *scope, void *base,
	const config_setting_t *group)
{
	if (config_setting_type(group) != CONFIG_TYPE_GROUP) {
		conf_complain(in, config_setting_source_line(group),
			"%s must be a group: { ... }", scope);
		return;
	}
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *s = config_setting_get_elem(group, i);
		const char *name = config_setting_name(s);
		const struct option *option = find_option(scope, name);
		char inner[64];

		if (option != NULL)
			read_option(in, option, base, s);
		else if (!is_group(scope, name, inner, sizeof(inner)))
			complain_unknown(in, scope, s);
		else if (strcmp(inner, "mailboxes") == 0 ||
			strcmp(inner, "staff") == 0)
			read_entries(in, inner, s);
		else
			read_group(in, inner, base, s);
	}
}

/* Gives every option under scope that the file did not set its default. */
static void
fill_presets(struct reading_conf *in, const char *scope, void *base)
{
	size_t length = strlen(scope);

	for (size_t i = 0; i < conf_option_count; i++) {
		const struct option *o = &conf_options[i];
		g_autofree char *key = g_strdup_printf("%p/%s/%s", base,
			o->scope, o->name);
		bool top = base == in->conf &&
			!g_str_has_prefix(o->scope, "mailboxes") &&
			!g_str_has_prefix(o->scope, "staff");
		bool mine = length > 0 && strncmp(o->scope, scope, length) == 0;

		if ((!top && !mine) || g_hash_table_contains(in->given, key))
			continue;
		if (o->preset == NULL)
			conf_complain(in, 0, "%s%s%s is missing", o->scope,
				*o->scope ? "." : "", o->name);
		else
			conf_set(o, base, o->preset, NULL);
	}
}

/*
 * libconfig 1.5 cuts integers to 32 bits without a word, and includes files
 * that a role could not read: both are found before it reads.
 */
static void
scan_text(struct reading_conf *in, const char *text)
{
	static const char pattern[] = "\"(?:[^\"\\\\]|\\\\.)*\""
				      "|/\\*.*?\\*/|//[^\n]*|#[^\n]*"
				      "|(?<number>\\b[0-9]+L*\\b)"
				      "|(?<include>@include)";
	g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_DOTALL, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;

	g_regex_match(regex, text, 0, &match);
	for (; g_match_info_matches(match); g_match_info_next(match, NULL)) {
		g_autofree char *number =
			g_match_info_fetch_named(match, "number");
		g_autofree char *include =
			g_match_info_fetch_named(match, "include");
		unsigned int line = 1;
		int start = 0;

		g_match_info_fetch_pos(match, 0, &start, NULL);
		for (int i = 0; i < start; i++)
			line += text[i] == '\n';
		if (number != NULL && *number != '\0' &&
			(strlen(number) > 10 || strchr(number, 'L') ||
				g_ascii_strtoull(number, NULL, 10) > G_MAXINT32))
			conf_complain(in, line, "the number %s is too large",
				number);
		if (include != NULL && *include != '\0')
			conf_complain(in, line, "@include is not supported");
	}
}

static void
read_settings(struct reading_conf *in, const char *text)
{
	config_t file;

	config_init(&file);
	if (config_read_string(&file, text) == CONFIG_FALSE)
		conf_complain(in, config_error_line(&file), "%s",
			config_error_text(&file));
	else {
		read_group(in, "", in->conf, config_root_setting(&file));
		fill_presets(in, "", in->conf);
		for (guint i = 0; i < in->conf->mailboxes->len; i++)
			fill_presets(in, "mailboxes",
				in->conf->mailboxes->pdata[i]);
		for (guint i = 0; i < in->conf->staff->len; i++)
			fill_presets(in, "staff", in->conf->staff->pdata[i]);
		/* what refers to each other is looked at once each is right */
		if (in->faults->len == 0)
			conf_check(in);
	}
	config_destroy(&file);
}

static void
free_entry(const char *scope, void *base)
{
	for (size_t i = 0; i < conf_option_count; i++) {
		const struct option *o = &conf_options[i];
		void **field = (void **)((char *)base + o->offset);
		bool mine = *scope ? g_str_has_prefix(o->scope, scope)
				   : !g_str_has_prefix(o->scope, "mailboxes") &&
				!g_str_has_prefix(o->scope, "staff");

		if (!mine)
			continue;
		if (o->type == OPTION_TEXTS)
			g_strfreev((char **)*field);
		else if (o->type == OPTION_TEXT || o->type == OPTION_ADDRESS ||
			o->type == OPTION_FINGERPRINT || o->type == OPTION_TIME)
			g_free(*field);
	}
}

static void
free_mailbox(void *mailbox)
{
	g_clear_pointer(&((struct mailbox *)mailbox)->words, g_hash_table_unref);
	free_entry("mailboxes", mailbox);
	g_free(mailbox);
}

static void
free_staff(void *staff)
{
	free_entry("staff", staff);
	g_free(staff);
}

struct conf *
conf_parse(const char *text, const char *path, GError **error)
{
	g_autoptr(conf_auto) conf = g_new0(struct conf, 1);
	g_autoptr(GString) faults = g_string_new(NULL);
	g_autoptr(GHashTable) given = g_hash_table_new_full(g_str_hash,
		g_str_equal, g_free, NULL);
	struct reading_conf in = {conf, path, faults, given};

	conf->path = g_strdup(path);
	conf->text = g_strdup(text);
	conf->mailboxes = g_ptr_array_new_with_free_func(free_mailbox);
	conf->staff = g_ptr_array_new_with_free_func(free_staff);
	scan_text(&in, text);
	if (faults->len == 0)
		read_settings(&in, text);
	if (faults->len == 0)
		return g_steal_pointer(&conf);
	fault_set(error, FAULT_SETUP, "%s", faults->str);
	return NULL;
}

struct conf *
conf_load(const char *path, GError **error)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) why = NULL;

	if (!g_file_get_contents(path, &text, NULL, &why)) {
		fault_set(error, FAULT_SETUP, "configuration: %s",
			why->message);
		return NULL;
	}
	return conf_parse(text, path, error);
}

void
conf_free(struct conf *conf)
{
	if (conf == NULL)
		return;
	free_entry("", conf);
	g_clear_pointer(&conf->mailboxes, g_ptr_array_unref);
	g_clear_pointer(&conf->staff, g_ptr_array_unref);
	g_clear_pointer(&conf->zone, g_time_zone_unref);
	g_free(conf->path);
	g_free(conf->text);
	g_free(conf);
}

/* meldpunt config: the options in force, those that differ, or one. */
#include "meldpunt/command.h"

#include "base/text.h"
#include "desk/orders.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static bool
is_default(const struct option *option, const void *base)
{
	char space[sizeof(struct conf) + sizeof(struct mailbox)] = {0};
	g_autofree char *preset = NULL, *value = NULL;

	if (option->preset == NULL)
		return false;
	/* through the same conversions as the value */
	conf_set(option, space, option->preset, NULL);
	preset = conf_format(option, space);
	conf_unset(option, space);
	value = conf_format(option, base);
	return strcmp(preset, value) == 0;
}

/* One place in the configuration: the whole, a mailbox or a person. */
struct place {
	const char *scope; /* "", "mailboxes", "staff" */
	const char *name;  /* of the mailbox, or the person's address */
	const void *base;
};

/* The name of an option in a place, without or with the place's own name. */
static char *
key_of(const struct option *option, const struct place *place, bool named)
{
	const char *inner = option->scope + strlen(place->scope);

	return g_strconcat(place->scope, named ? "." : "",
		named ? place->name : "", inner, *option->scope ? "." : "",
		option->name, NULL);
}

static bool
is_in(const struct option *option, const struct place *place)
{
	bool entry = g_str_has_prefix(option->scope, "mailboxes") ||
		g_str_has_prefix(option->scope, "staff");

	return *place->scope ? g_str_has_prefix(option->scope, place->scope)
			     : !entry;
}

/* One member of an object; mailboxes and persons are told apart. */
static void
print_member(const struct option *option, const struct place *place, bool first)
{
	g_autofree char *named = key_of(option, place, *place->name != '\0');
	g_autofree char *plain = conf_plain(option, place->base);
	g_autofree char *key = text_json(named);
	g_autofree char *value = text_json(plain);

	printf("%s%s: %s", first ? "{" : ",\n ", key, value);
}

static void
print_place(const struct place *place, bool changed_only, bool json,
	bool *first)
{
	for (size_t i = 0; i < conf_option_count; i++) {
		const struct option *option = &conf_options[i];
		g_autofree char *key = NULL, *value = NULL;

		if (!is_in(option, place) ||
			(changed_only && is_default(option, place->base)))
			continue;
		if (json) {
			print_member(option, place, *first);
			*first = false;
			continue;
		}
		key = key_of(option, place, false);
		value = conf_format(option, place->base);
		printf("%s = %s;\n", key, value);
	}
}

/* Prints the options of this place that have this key; found and how many. */
static int
print_key(const struct place *place, const char *wanted, bool json, int found)
{

	for (size_t i = 0; i < conf_option_count; i++) {
		const struct option *option = &conf_options[i];
		g_autofree char *key = NULL, *named = NULL, *value = NULL;
		g_autofree char *string = NULL;

		if (!is_in(option, place))
			continue;
		key = key_of(option, place, false);
		named = key_of(option, place, true);
		if (strcmp(key, wanted) != 0 &&
			(*place->scope == '\0' || strcmp(named, wanted) != 0))
			continue;
		value = conf_plain(option, place->base);
		string = text_json(value);
		if (json)
			printf("%s%s", found > 0 ? ", " : "[", string);
		else
			puts(value);
		found++;
	}
	return found;
}

static GArray *
places_of(const struct conf *conf)
{
	GArray *places = g_array_new(FALSE, FALSE, sizeof(struct place));
	const struct place whole = {"", "", conf};

	g_array_append_val(places, whole);
	for (guint i = 0; i < conf->mailboxes->len; i++) {
		const struct mailbox *box = conf->mailboxes->pdata[i];
		const struct place place = {"mailboxes", box->name, box};

		g_array_append_val(places, place);
	}
	for (guint i = 0; i < conf->staff->len; i++) {
		const struct staff *member = conf->staff->pdata[i];
		const struct place place = {"staff", member->address, member};

		g_array_append_val(places, place);
	}
	return places;
}

static int
get(const GArray *places, const char *key, bool json)
{
	int found = 0;

	for (guint i = 0; i < places->len; i++)
		found = print_key(&g_array_index(places, struct place, i), key,
			json, found);
	if (found > 0) {
		fputs(json ? "]\n" : "", stdout);
		return EX_OK;
	}
	fprintf(stderr, "meldpunt config: there is no option \"%s\" (meldpunt "
			"config --options lists them)\n", key);
	return EX_USAGE;
}

static void
print_option(const struct option *option, const char *preset, bool first)
{
	g_autofree char *value = preset ? text_json(preset) : g_strdup("null");
	g_autofree char *help = text_json(option->help);

	printf("%s{\"name\": \"%s%s%s\", \"default\": %s, \"help\": %s}",
		first ? "[" : ",\n ", option->scope, *option->scope ? "." : "",
		option->name, value, help);
}

/* The table itself: name, default as it is written in a file, help. */
static void
print_options(bool json)
{
	for (size_t i = 0; i < conf_option_count; i++) {
		const struct option *option = &conf_options[i];
		char space[sizeof(struct conf) + sizeof(struct mailbox)] = {0};
		g_autofree char *preset = NULL;

		if (option->preset != NULL &&
			conf_set(option, space, option->preset, NULL))
			preset = conf_format(option, space);
		conf_unset(option, space);
		if (json) {
			print_option(option, preset, i == 0);
			continue;
		}
		printf("%s%s%s\t%s\t%s\n", option->scope,
			*option->scope ? "." : "", option->name,
			preset ? preset : "-", option->help);
	}
	fputs(json ? "]\n" : "", stdout);
}

int
command_config(struct command_line *line)
{
	gboolean changed_only = FALSE, options = FALSE, orders = FALSE;
	const GOptionEntry entries[] = {
		{"options", 0, 0, G_OPTION_ARG_NONE, &options,
			"All options there are, with default and meaning",
			NULL},
		{"orders", 0, 0, G_OPTION_ARG_NONE, &orders,
			"The orders that staff may mail", NULL},
		{"non-default", 'n', 0, G_OPTION_ARG_NONE, &changed_only,
			"Only what differs from the default", NULL},
		{0}};
	g_autoptr(conf_auto) conf = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(GArray) places = NULL;
	bool first = true;

	if (!command_parse(line, entries, 0, 2))
		return EX_USAGE;
	if (line->argc > 1 &&
		(line->argc != 3 || strcmp(line->argv[1], "get") != 0)) {
		fputs("meldpunt config: there is only \"get KEY\"\n", stderr);
		return EX_USAGE;
	}
	if (options) {
		print_options(line->json);
		return EX_OK;
	}
	if (orders) {
		g_autofree char *help = orders_help("en");

		if (line->json) {
			g_autofree char *string = text_json(help);

			puts(string);
			return EX_OK;
		}
		fputs(help, stdout);
		return EX_OK;
	}
	conf = conf_load(line->conf_path, &error);
	if (conf == NULL)
		return command_failed(error);
	places = places_of(conf);
	if (line->argc == 3)
		return get(places, line->argv[2], line->json);
	for (guint i = 0; i < places->len; i++)
		print_place(&g_array_index(places, struct place, i),
			changed_only, line->json, &first);
	if (line->json)
		puts(first ? "{}" : "}");
	return EX_OK;
}

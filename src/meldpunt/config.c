/* meldpunt config: the options in force, or those that differ. */
#include "meldpunt/command.h"

#include "desk/orders.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static void
print_option(const struct option *option, const void *base, bool changed_only)
{
	g_autofree char *value = conf_format(option, base);

	if (changed_only && option->preset != NULL) {
		char space[sizeof(struct conf) + sizeof(struct mailbox)] = {0};
		g_autofree char *preset = NULL;

		/* the default, through the same conversions as the value */
		conf_set(option, space, option->preset, NULL);
		preset = conf_format(option, space);
		if (strcmp(preset, value) == 0)
			return;
	}
	printf("%s%s%s = %s;\n", option->scope, *option->scope ? "." : "",
		option->name, value);
}

static void
print_scope(const char *scope, const void *base, bool changed_only)
{
	for (size_t i = 0; i < conf_option_count; i++) {
		const struct option *option = &conf_options[i];
		bool entry = g_str_has_prefix(option->scope, "mailboxes") ||
			g_str_has_prefix(option->scope, "staff");

		if (*scope ? g_str_has_prefix(option->scope, scope) : !entry)
			print_option(option, base, changed_only);
	}
}

/* The table itself: name, default as it is written in a file, help. */
static void
print_options(void)
{
	for (size_t i = 0; i < conf_option_count; i++) {
		const struct option *option = &conf_options[i];
		char space[sizeof(struct conf) + sizeof(struct mailbox)] = {0};
		g_autofree char *preset = NULL;

		if (option->preset != NULL &&
			conf_set(option, space, option->preset, NULL))
			preset = conf_format(option, space);
		printf("%s%s%s\t%s\t%s\n", option->scope,
			*option->scope ? "." : "", option->name,
			preset ? preset : "-", option->help);
	}
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

	if (!command_parse(line, entries, 0, 0))
		return EX_USAGE;
	if (options) {
		print_options();
		return EX_OK;
	}
	if (orders) {
		g_autofree char *help = orders_help("en");

		fputs(help, stdout);
		return EX_OK;
	}
	conf = conf_load(line->conf_path, &error);
	if (conf == NULL)
		return command_failed(error);
	print_scope("", conf, changed_only);
	for (guint i = 0; i < conf->mailboxes->len; i++)
		print_scope("mailboxes", conf->mailboxes->pdata[i],
			changed_only);
	for (guint i = 0; i < conf->staff->len; i++)
		print_scope("staff", conf->staff->pdata[i], changed_only);
	return EX_OK;
}

#include "meldpunt/command.h"

#include "base/fault.h"
#include "base/text.h"
#include "edge/privileges.h"
#include "edge/schema.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define MAX_COLUMN 60

bool
command_parse(struct command_line *line, const GOptionEntry *entries, int min,
	int max)
{
	const GOptionEntry common[] = {
		{"config", 'c', 0, G_OPTION_ARG_FILENAME, &line->conf_path,
			"Configuration file", "FILE"},
		{"json", 0, 0, G_OPTION_ARG_NONE, &line->json,
			"Print JSON for programs", NULL},
		{0}};
	g_autoptr(GOptionContext) context =
		g_option_context_new(line->command->arguments);
	g_autoptr(GError) error = NULL;
	g_autofree char *name = g_strdup_printf("meldpunt %s",
		line->command->name);

	g_set_prgname(name);
	g_option_context_set_summary(context, line->command->summary);
	g_option_context_add_main_entries(context, common, NULL);
	if (entries != NULL)
		g_option_context_add_main_entries(context, entries, NULL);
	if (g_option_context_parse(context, &line->argc, &line->argv, &error) &&
		line->argc - 1 >= min && line->argc - 1 <= max)
		return true;
	fprintf(stderr, "%s: %s (see %s --help)\n", name,
		error ? error->message : "wrong number of arguments", name);
	return false;
}

int
command_failed(const GError *error)
{
	fprintf(stderr, "meldpunt: %s\n", error->message);
	return fault_exit_status(error);
}

static bool
connect_database(struct session *session, GError **error)
{
	const struct conf *conf = session->conf;
	g_autofree char *conninfo = cluster_conninfo(conf);
	g_autofree char *password = cluster_password(conf, "admin", error);

	if (password == NULL)
		return false;
	if (conf_is_embedded(conf)) {
		session->cluster = cluster_start(conf, false, error);
		if (session->cluster == NULL)
			return false;
	}
	if (db_names_user(conninfo))
		session->db = db_open(conninfo, NULL, NULL, error);
	else
		session->db =
			db_open(conninfo, "meldpunt_admin", password, error);
	return session->db != NULL;
}

struct session *
session_start(const struct command_line *line, GError **error)
{
	g_autoptr(session_auto) session = g_new0(struct session, 1);

	session->conf = conf_load(line->conf_path, error);
	if (session->conf == NULL ||
		!privileges_drop(session->conf, error) ||
		!connect_database(session, error))
		return NULL;
	return g_steal_pointer(&session);
}

struct session *
session_open(const struct command_line *line, GError **error)
{
	g_autoptr(session_auto) session = session_start(line, error);
	g_autofree char *zone = NULL;
	g_autofree char *sql = NULL;

	if (session == NULL || !schema_check(session->db, error))
		return NULL;
	/* people and JSON see times where they live, with the offset */
	zone = db_literal(session->db, session->conf->time_zone);
	sql = g_strdup_printf("SET TimeZone = %s", zone);
	return db_script(session->db, sql, error) ? g_steal_pointer(&session)
						  : NULL;
}

void
session_close(struct session *session)
{
	if (session == NULL)
		return;
	db_close(session->db);
	cluster_stop(session->cluster);
	conf_free(session->conf);
	g_free(session);
}

static char *
cell(const struct rows *table, int row, const char *column)
{
	const char *raw = rows_text(table, row, column);

	return raw ? text_line(raw, MAX_COLUMN * 4) : g_strdup("-");
}

void
print_table(const struct rows *table, const char *const *columns)
{
	glong width[16] = {0};

	for (int row = -1; row < rows_count(table); row++)
		for (int i = 0; columns[i] != NULL; i++) {
			g_autofree char *text = row < 0
				? g_strdup(columns[i])
				: cell(table, row, columns[i]);

			width[i] = MAX(width[i],
				MIN(g_utf8_strlen(text, -1), MAX_COLUMN));
		}
	for (int row = -1; row < rows_count(table); row++) {
		for (int i = 0; columns[i] != NULL; i++) {
			g_autofree char *text = row < 0
				? g_ascii_strup(columns[i], -1)
				: cell(table, row, columns[i]);
			g_autofree char *shown =
				g_utf8_substring(text, 0, MIN(MAX_COLUMN,
					g_utf8_strlen(text, -1)));
			int pad = columns[i + 1]
				? width[i] - g_utf8_strlen(shown, -1) + 2
				: 0;

			printf("%s%*s", shown, pad, "");
		}
		putchar('\n');
	}
}

char *
command_actor(void)
{
	const char *sudo = g_getenv("SUDO_USER");
	struct passwd *user = getpwuid(getuid());

	return g_strdup_printf("operator %s",
		sudo ? sudo : user ? user->pw_name : "unknown");
}

void
facts_say(struct facts *facts, const char *name, const char *value)
{
	g_autofree char *string = text_json(value);

	if (facts->json)
		printf("%s\"%s\": %s", facts->any ? ", " : "{", name, string);
	else
		printf("%s:%*s%s\n", name, MAX(14 - (int)strlen(name), 1), "",
			value);
	facts->any = true;
}

void
facts_end(const struct facts *facts)
{
	if (facts->json)
		puts(facts->any ? "}" : "{}");
}

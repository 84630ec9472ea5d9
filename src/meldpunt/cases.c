/* meldpunt cases: the list, newest promise first to be broken on top. */
#include "meldpunt/command.h"

#include <stdio.h>
#include <sysexits.h>

static const char sql_json[] =
	"SELECT coalesce(json_agg(case_json(id, false) ORDER BY id), '[]') AS j"
	" FROM cases WHERE $1 OR state <> 'closed'";

static const char sql_table[] =
	"SELECT c.number, c.state, coalesce(c.severity, '-') AS severity,"
	" to_char(c.arrived_at, 'YYYY-MM-DD HH24:MI') AS arrived,"
	" CASE WHEN c.answered_at IS NOT NULL THEN 'answered'"
	" WHEN c.answer_due_at < now() THEN 'LATE since '"
	" || to_char(c.answer_due_at, 'YYYY-MM-DD HH24:MI')"
	" ELSE to_char(c.answer_due_at, 'YYYY-MM-DD HH24:MI') END AS answer,"
	" coalesce(c.owner, '-') AS owner, c.title FROM cases c"
	" WHERE $1 OR state <> 'closed'"
	" ORDER BY (c.answered_at IS NOT NULL), c.answer_due_at, c.id";

int
command_cases(struct command_line *line)
{
	static const char *const columns[] = {"number", "state", "severity",
		"arrived", "answer", "owner", "title", NULL};
	gboolean open = FALSE;
	const GOptionEntry entries[] = {
		{"open", 0, 0, G_OPTION_ARG_NONE, &open,
			"Leave out closed cases", NULL},
		{0}};
	g_autoptr(session_auto) session = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(rows) found = NULL;

	if (!command_parse(line, entries, 0, 0))
		return EX_USAGE;
	session = session_open(line, &error);
	if (session != NULL)
		found = db_query(session->db, &error,
			line->json ? sql_json : sql_table, PARAM_BOOL(!open));
	if (found == NULL)
		return command_failed(error);
	if (line->json)
		puts(rows_text(found, 0, "j"));
	else
		print_table(found, columns);
	return EX_OK;
}

/* meldpunt queue: letters that the SMTP server has not taken yet. */
#include "meldpunt/command.h"

#include <stdio.h>
#include <sysexits.h>

static const char sql_json[] =
	"SELECT coalesce(json_agg(json_build_object('id', o.id, 'case', c.number,"
	" 'mailbox', b.name, 'kind', o.kind, 'state', o.state,"
	" 'attempts', o.attempts, 'queued_at', o.queued_at,"
	" 'next_try_at', o.next_try_at, 'reply_code', o.reply_code,"
	" 'reply_text', CASE WHEN $2 THEN o.reply_text END,"
	" 'recipient', CASE WHEN $2 THEN o.recipient END)"
	" ORDER BY o.id), '[]') AS j";

static const char sql_table[] =
	"SELECT o.id, coalesce(c.number, '-') AS \"case\", b.name AS mailbox,"
	" o.kind, o.state, o.attempts,"
	" to_char(o.queued_at, 'YYYY-MM-DD HH24:MI:SS') AS queued,"
	" CASE WHEN o.state = 'queued'"
	" THEN to_char(o.next_try_at, 'YYYY-MM-DD HH24:MI:SS') END AS next_try,"
	" o.reply_code AS reply, CASE WHEN $2 THEN o.recipient END AS recipient";

static const char sql_from[] =
	" FROM outbound o JOIN letters l ON l.id = o.letter"
	" JOIN mailboxes b ON b.id = o.mailbox"
	" LEFT JOIN cases c ON c.id = l.case_id"
	" WHERE $1 OR o.state <> 'sent'";

/* Who looked at whom is on record, as with a case. */
static const char sql_seen[] =
	"INSERT INTO events (case_id, actor, what)"
	" SELECT DISTINCT l.case_id, $2::text, 'identity-shown' FROM outbound o"
	" JOIN letters l ON l.id = o.letter"
	" WHERE l.case_id IS NOT NULL AND ($1 OR o.state <> 'sent')";

int
command_queue(struct command_line *line)
{
	static const char *const columns[] = {"id", "case", "mailbox", "kind",
		"state", "attempts", "queued", "next_try", "reply", "recipient",
		NULL};
	gboolean all = FALSE, identity = FALSE;
	const GOptionEntry entries[] = {
		{"all", 0, 0, G_OPTION_ARG_NONE, &all,
			"Also those that were sent", NULL},
		{"identity", 0, 0, G_OPTION_ARG_NONE, &identity,
			"Show the recipients", NULL},
		{0}};
	g_autoptr(session_auto) session = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(rows) found = NULL;
	g_autofree char *sql = NULL, *actor = command_actor();

	if (!command_parse(line, entries, 0, 0))
		return EX_USAGE;
	sql = g_strconcat(line->json ? sql_json : sql_table, sql_from,
		line->json ? "" : " ORDER BY o.id", NULL);
	session = session_open(line, &error);
	if (session != NULL &&
		(!identity || db_run(session->db, &error, sql_seen,
				      PARAM_BOOL(all), PARAM_TEXT(actor))))
		found = db_query(session->db, &error, sql, PARAM_BOOL(all),
			PARAM_BOOL(identity));
	if (found == NULL)
		return command_failed(error);
	if (line->json)
		puts(rows_text(found, 0, "j"));
	else
		print_table(found, columns);
	return EX_OK;
}

/* meldpunt quarantine: messages that could not be opened, and their fate. */
#include "meldpunt/command.h"

#include "base/fault.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const char sql_json[] =
	"SELECT coalesce(json_agg(json_build_object('id', i.id, 'case', c.number,"
	" 'mailbox', b.name, 'reason', i.reason, 'state', i.state,"
	" 'size', i.size, 'arrived_at', i.arrived_at,"
	" 'sha256', encode(i.sha256, 'hex'), 'header_only', i.header_only)"
	" ORDER BY i.id), '[]') AS j";

static const char sql_table[] =
	"SELECT i.id, coalesce(c.number, '-') AS \"case\", b.name AS mailbox,"
	" to_char(i.arrived_at, 'YYYY-MM-DD HH24:MI') AS arrived, i.size,"
	" i.reason, encode(i.sha256, 'hex') AS sha256";

static const char sql_from[] =
	" FROM inbound i JOIN mailboxes b ON b.id = i.mailbox"
	" LEFT JOIN cases c ON c.id = i.case_id"
	" WHERE i.state = 'quarantined' AND ($1::bigint = 0 OR i.id = $1)";

static int
list(struct session *session, int64_t id, bool json, GError **error)
{
	static const char *const columns[] = {"id", "case", "mailbox",
		"arrived", "size", "reason", NULL};
	static const char *const all_columns[] = {"id", "case", "mailbox",
		"arrived", "size", "reason", "sha256", NULL};
	g_autofree char *sql = g_strconcat(json ? sql_json : sql_table, sql_from,
		json ? "" : " ORDER BY i.id", NULL);
	g_autoptr(rows) found =
		db_query(session->db, error, sql, PARAM_INT8(id));

	if (found == NULL)
		return command_failed(*error);
	if (id != 0 && !json && rows_count(found) == 0) {
		fprintf(stderr, "meldpunt: no such message in quarantine\n");
		return EX_DATAERR;
	}
	if (json)
		puts(rows_text(found, 0, "j"));
	else
		print_table(found, id ? all_columns : columns);
	return EX_OK;
}

static const char sql_blob[] =
	"SELECT blob FROM inbound WHERE id = $1 AND state = 'quarantined'";

/* The message as it came: for a file or a pipe, never for a screen. */
static int
write_raw(struct session *session, int64_t id, GError **error)
{
	g_autoptr(rows) found =
		db_query(session->db, error, sql_blob, PARAM_INT8(id));
	g_autoptr(bytes_auto) bytes = NULL;

	if (found == NULL)
		return command_failed(*error);
	if (rows_count(found) == 0) {
		fprintf(stderr, "meldpunt: no such message in quarantine\n");
		return EX_DATAERR;
	}
	if (isatty(STDOUT_FILENO)) {
		fprintf(stderr, "meldpunt: a raw message is not written to a "
				"terminal\n");
		return EX_USAGE;
	}
	bytes = blob_load(session->db, rows_int8(found, 0, "blob"), error);
	if (bytes == NULL)
		return command_failed(*error);
	for (uint64_t at = 0; at < bytes->size; at += 65536) {
		uint64_t n = MIN(bytes->size - at, 65536);
		g_autofree char *copy = bytes_copy(bytes, at, n);

		fwrite(copy, 1, n, stdout);
	}
	return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

static const char sql_release[] =
	"WITH done AS (UPDATE inbound SET state = 'new', claims = 0,"
	" reader_deaths = 0, next_try_at = now()"
	" WHERE id = $1 AND state = 'quarantined' AND NOT header_only"
	" RETURNING id, case_id)"
	" INSERT INTO events (case_id, inbound, actor, what)"
	" SELECT case_id, id, $2::text, 'release' FROM done RETURNING id";

static const char sql_discard[] =
	"WITH done AS (UPDATE inbound SET state = 'discarded'"
	" WHERE id = $1 AND state = 'quarantined' RETURNING id, case_id)"
	" INSERT INTO events (case_id, inbound, actor, what)"
	" SELECT case_id, id, $2::text, 'discard' FROM done RETURNING id";

static int
change(struct session *session, int64_t id, bool release, GError **error)
{
	g_autofree char *actor = command_actor();
	g_autoptr(rows) done = db_query(session->db, error,
		release ? sql_release : sql_discard, PARAM_INT8(id),
		PARAM_TEXT(actor));

	if (done == NULL)
		return command_failed(*error);
	if (rows_count(done) == 1) {
		puts(release ? "released: it is tried again now"
			     : "discarded: its case stays open until somebody "
			       "closes it");
		return EX_OK;
	}
	fprintf(stderr, "meldpunt: no such message in quarantine%s\n",
		release ? ", or only its header is here (it is in the mail "
			  "server's failed_folder)"
			: "");
	return EX_DATAERR;
}

int
command_quarantine(struct command_line *line)
{
	gboolean raw = FALSE;
	const GOptionEntry entries[] = {
		{"raw", 0, 0, G_OPTION_ARG_NONE, &raw,
			"With show: the message as it came", NULL},
		{0}};
	g_autoptr(session_auto) session = NULL;
	static const char *const verbs[] = {"list", "show", "release",
		"discard", NULL};
	g_autoptr(GError) error = NULL;
	const char *verb;
	guint64 id = 0;

	if (!command_parse(line, entries, 0, 2))
		return EX_USAGE;
	verb = line->argc > 1 ? line->argv[1] : "list";
	if (line->argc > 2 && !g_ascii_string_to_unsigned(line->argv[2], 10, 1,
				      INT64_MAX, &id, NULL))
		id = 0;
	if ((strcmp(verb, "list") == 0) != (id == 0) ||
		!g_strv_contains(verbs, verb)) {
		fprintf(stderr, "meldpunt: quarantine list | show ID | release "
				"ID | discard ID\n");
		return EX_USAGE;
	}
	session = session_open(line, &error);
	if (session == NULL)
		return command_failed(error);
	if (strcmp(verb, "show") == 0 && raw)
		return write_raw(session, id, &error);
	if (strcmp(verb, "list") == 0 || strcmp(verb, "show") == 0)
		return list(session, id, line->json, &error);
	return change(session, id, strcmp(verb, "release") == 0, &error);
}

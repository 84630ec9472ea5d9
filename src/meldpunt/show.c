/* meldpunt show: one case, for people, for programs, or an attachment. */
#include "meldpunt/command.h"

#include "base/fault.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const char sql_find[] = "SELECT id FROM cases WHERE number = upper($1)";

static const char sql_json[] = "SELECT case_json($1, $2) AS j";

static const char sql_head[] =
	"SELECT c.number, c.state, coalesce(c.resolution, '') AS resolution,"
	" c.title, coalesce(c.severity, '-') AS severity,"
	" coalesce(c.owner, '-') AS owner, c.arrived_at::text AS arrived,"
	" c.answer_due_at::text AS due, coalesce(c.answered_at::text, '-')"
	" AS answered, coalesce(c.fix_date::text, '-') AS fix_date, r.alias,"
	" CASE WHEN $2 THEN concat_ws(' ', r.name, '<' || r.address || '>',"
	" r.fingerprint) ELSE '(--identity shows who)' END AS who,"
	" (SELECT string_agg(value, ', ' ORDER BY kind, value) FROM assets"
	" WHERE case_id = c.id) AS assets,"
	" (SELECT clock || ' ' || step || ' at ' || fires_at FROM deadlines"
	" WHERE case_id = c.id AND fired_at IS NULL AND cancelled_at IS NULL"
	" ORDER BY fires_at LIMIT 1) AS next"
	" FROM cases c JOIN meldpunt_private.reporters r ON r.id = c.reporter"
	" WHERE c.id = $1";

static const char sql_messages[] =
	"SELECT id, direction, at::text AS at, protection, signature, subject,"
	" body FROM messages WHERE case_id = $1 ORDER BY at, id";

static const char sql_attachments[] =
	"SELECT n, name, type, size, CASE WHEN protected THEN ''"
	" ELSE ' - not protected' END AS remark FROM attachments"
	" WHERE message = $1 ORDER BY n";

static const char sql_identity_seen[] =
	"INSERT INTO events (case_id, actor, what) VALUES ($1, $2,"
	" 'identity-shown')";

static bool
print_head(struct db *db, int64_t id, bool identity, GError **error)
{
	static const char *const fields[][2] = {{"State", "state"},
		{"Resolution", "resolution"}, {"Title", "title"},
		{"Severity", "severity"}, {"Owner", "owner"},
		{"Arrived", "arrived"}, {"Answer due", "due"},
		{"Answered", "answered"}, {"Fix date", "fix_date"},
		{"Reporter", "alias"}, {"", "who"}, {"Assets", "assets"},
		{"Next", "next"}};
	g_autoptr(rows) head = db_query(db, error, sql_head, PARAM_INT8(id),
		PARAM_BOOL(identity));

	if (head == NULL)
		return false;
	printf("%s\n\n", rows_text(head, 0, "number"));
	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
		g_autofree char *text =
			text_line(rows_text(head, 0, fields[i][1]), 2000);

		if (*text)
			printf("%-12s %s\n", fields[i][0], text);
	}
	return true;
}

static bool
print_attachments(struct db *db, int64_t message, GError **error)
{
	g_autoptr(rows) found = db_query(db, error, sql_attachments,
		PARAM_INT8(message));

	for (int i = 0; found != NULL && i < rows_count(found); i++) {
		g_autofree char *name =
			text_line(rows_text(found, i, "name"), 200);

		printf("  [attachment %s: %s, %s, %s bytes%s]\n",
			rows_text(found, i, "n"), name,
			rows_text(found, i, "type"),
			rows_text(found, i, "size"),
			rows_text(found, i, "remark"));
	}
	return found != NULL;
}

static bool
print_messages(struct db *db, int64_t id, GError **error)
{
	g_autoptr(rows) found =
		db_query(db, error, sql_messages, PARAM_INT8(id));

	for (int i = 0; found != NULL && i < rows_count(found); i++) {
		const char *raw = rows_text(found, i, "body");
		g_autofree char *block = text_block(raw, strlen(raw),
			strlen(raw));
		g_autofree char *body = text_indent(block, "  | ");
		g_autofree char *subject =
			text_line(rows_text(found, i, "subject"), 1000);

		printf("\n%s  %s  %s, signature %s\n  %s\n%s",
			rows_text(found, i, "direction"),
			rows_text(found, i, "at"),
			rows_text(found, i, "protection"),
			rows_text(found, i, "signature"), subject, body);
		if (!print_attachments(db, rows_int8(found, i, "id"), error))
			return false;
	}
	return found != NULL;
}

static const char sql_attachment[] =
	"SELECT a.blob FROM attachments a JOIN messages m ON m.id = a.message"
	" WHERE m.case_id = $1 AND a.n = $2";

/* To a file that did not exist, or to standard output if that is no screen. */
static int
save_attachment(struct db *db, int64_t id, int n, const char *path,
	GError **error)
{
	g_autoptr(rows) found = db_query(db, error, sql_attachment,
		PARAM_INT8(id), PARAM_INT8(n));
	g_autoptr(bytes_auto) bytes = NULL;
	char buffer[65536];
	int fd = STDOUT_FILENO;

	if (found == NULL)
		return command_failed(*error);
	if (rows_count(found) == 0) {
		fprintf(stderr, "meldpunt: the case has no attachment %d\n", n);
		return EX_DATAERR;
	}
	if (path == NULL && isatty(STDOUT_FILENO)) {
		fprintf(stderr, "meldpunt: an attachment is not written to a "
				"terminal: use --output=FILE or a pipe\n");
		return EX_USAGE;
	}
	bytes = blob_load(db, rows_int8(found, 0, "blob"), error);
	if (bytes == NULL)
		return command_failed(*error);
	if (path != NULL)
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	for (uint64_t at = 0; fd >= 0 && at < bytes->size;) {
		size_t size = MIN(bytes->size - at, sizeof(buffer));

		if (!bytes_read(bytes, at, buffer, size) ||
			write(fd, buffer, size) != (ssize_t)size)
			fd = -1;
		at += size;
	}
	if (fd >= 0)
		return EX_OK;
	fprintf(stderr, "meldpunt: %s: %s\n", path ? path : "standard output",
		g_strerror(errno));
	return EX_CANTCREAT;
}

static bool
show_case(struct session *session, int64_t id, bool json, bool identity,
	GError **error)
{
	g_autofree char *actor = command_actor();

	if (identity && !db_run(session->db, error, sql_identity_seen,
				PARAM_INT8(id), PARAM_TEXT(actor)))
		return false;
	if (json) {
		g_autoptr(rows) found = db_query(session->db, error, sql_json,
			PARAM_INT8(id), PARAM_BOOL(identity));

		if (found != NULL)
			puts(rows_text(found, 0, "j"));
		return found != NULL;
	}
	return print_head(session->db, id, identity, error) &&
		print_messages(session->db, id, error);
}

int
command_show(struct command_line *line)
{
	gboolean identity = FALSE;
	int attachment = 0;
	g_autofree char *output = NULL;
	const GOptionEntry entries[] = {
		{"identity", 0, 0, G_OPTION_ARG_NONE, &identity,
			"Show who reported it; leaves an event in the case",
			NULL},
		{"attachment", 0, 0, G_OPTION_ARG_INT, &attachment,
			"Write this attachment instead", "N"},
		{"output", 'o', 0, G_OPTION_ARG_FILENAME, &output,
			"Where to write the attachment (a new file)", "FILE"},
		{0}};
	g_autoptr(session_auto) session = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(rows) found = NULL;

	if (!command_parse(line, entries, 1, 1))
		return EX_USAGE;
	if (attachment < 0) {
		fputs("meldpunt: attachments are numbered from 1\n", stderr);
		return EX_USAGE;
	}
	session = session_open(line, &error);
	if (session != NULL)
		found = db_query(session->db, &error, sql_find,
			PARAM_TEXT(line->argv[1]));
	if (found == NULL)
		return command_failed(error);
	if (rows_count(found) == 0) {
		fprintf(stderr, "meldpunt: there is no such case\n");
		return EX_DATAERR;
	}
	if (attachment > 0)
		return save_attachment(session->db, rows_int8(found, 0, "id"),
			attachment, output, &error);
	if (!show_case(session, rows_int8(found, 0, "id"), line->json, identity,
		    &error))
		return command_failed(error);
	return EX_OK;
}

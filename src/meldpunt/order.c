/* meldpunt order: what staff order by mail, by an operator in an emergency. */
#include "meldpunt/command.h"

#include "base/fault.h"
#include "base/stop.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define PATIENCE (30 * CLOCK_SECOND)

static const char sql_add[] =
	"INSERT INTO operator_orders (case_id, text, actor)"
	" SELECT id, $2, $3 FROM cases WHERE number = upper($1) RETURNING id";

static const char sql_result[] =
	"SELECT result, refused, json_build_object('number', $2::text, 'done',"
	" NOT refused, 'text', result) AS j FROM operator_orders"
	" WHERE id = $1 AND done_at IS NOT NULL";

static char *
read_orders(const struct command_line *line, const char *file, GError **error)
{
	char *text = NULL;

	if (file == NULL)
		return g_strjoinv(" ", line->argv + 2);
	if (!g_file_get_contents(strcmp(file, "-") == 0 ? "/dev/stdin" : file,
		    &text, NULL, error))
		return NULL;
	if (g_utf8_validate(text, -1, NULL))
		return text;
	g_free(text);
	fault_set(error, FAULT_SETUP, "%s is no UTF-8 text", file);
	return NULL;
}

/* Waits for a worker; NULL without error if none took it up in time. */
static struct rows *
wait_for_result(const struct session *session, int64_t id, const char *number,
	GError **error)
{
	int64_t end = clock_ticks() + PATIENCE;

	while (clock_ticks() < end) {
		struct rows *found = db_query(session->db, error, sql_result,
			PARAM_INT8(id), PARAM_TEXT(number));

		if (found == NULL || rows_count(found) > 0)
			return found;
		rows_free(found);
		if (!db_notified(session->db))
			stop_wait(db_socket(session->db), 1000);
	}
	return NULL;
}

static int
show(const struct command_line *line, const struct rows *found)
{
	const char *text = rows_text(found, 0, "result");
	g_autofree char *shown = text_block(text, strlen(text), strlen(text));

	puts(line->json ? rows_text(found, 0, "j") : shown);
	return rows_bool(found, 0, "refused") ? EX_DATAERR : EX_OK;
}

int
command_order(struct command_line *line)
{
	g_autofree char *file = NULL;
	const GOptionEntry entries[] = {
		{"file", 'f', 0, G_OPTION_ARG_FILENAME, &file,
			"Read orders and their text; \"-\" is standard input",
			"FILE"},
		{0}};
	g_autoptr(session_auto) session = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(rows) added = NULL, found = NULL;
	g_autofree char *text = NULL, *actor = command_actor();
	const char *number;

	if (!command_parse(line, entries, 1, 100))
		return EX_USAGE;
	number = line->argv[1];
	text = read_orders(line, file, &error);
	session = text ? session_open(line, &error) : NULL;
	if (session != NULL &&
		db_run(session->db, &error,
			"LISTEN meldpunt_operator_orders"))
		added = db_query(session->db, &error, sql_add,
			PARAM_TEXT(number), PARAM_TEXT(text),
			PARAM_TEXT(actor));
	if (added == NULL)
		return command_failed(error);
	if (rows_count(added) == 0) {
		fprintf(stderr, "meldpunt: there is no case %s\n", number);
		return EX_DATAERR;
	}
	found = wait_for_result(session, rows_int8(added, 0, "id"), number,
		&error);
	if (found != NULL)
		return show(line, found);
	if (error != NULL)
		return command_failed(error);
	fputs("meldpunt: no worker has taken it up yet; it is carried out "
	      "once the daemon runs\n", stderr);
	return EX_TEMPFAIL;
}

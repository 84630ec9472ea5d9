/* meldpunt report: was the promise kept?  Figures without personal data. */
#include "meldpunt/command.h"
#include "meldpunt/report_html.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* The whole month, or the last twelve; in the session's time zone. */
static const char sql_period[] =
	"SELECT s AS start, e AS finish, to_char(s, 'YYYY-MM-DD') || ' to '"
	" || to_char(e - interval '1 day', 'YYYY-MM-DD') AS period FROM"
	" (SELECT CASE WHEN $1 = '' THEN date_trunc('month', now())"
	" - interval '11 months' ELSE to_timestamp($1, 'YYYY-MM') END AS s,"
	" CASE WHEN $1 = '' THEN date_trunc('month', now()) ELSE"
	" to_timestamp($1, 'YYYY-MM') END + interval '1 month' AS e) AS p";

static const char sql_json[] =
	"SELECT report_json($1::timestamptz, $2::timestamptz, $3, $4) AS j";
static const char sql_figures[] =
	"SELECT * FROM report_figures($1::timestamptz, $2::timestamptz)";
static const char sql_months[] =
	"SELECT * FROM report_months($1::timestamptz, $2::timestamptz, $3)";
static const char sql_ages[] =
	"SELECT * FROM report_ages($1::timestamptz, $2::timestamptz)";

static const char *const columns[] = {"mailbox", "cases", "answered",
	"in_time", "missed", "share", "median_hours", "p90_hours",
	"worst_hours", "open", "overdue", "fixed", "median_fix_days",
	"date_slips", NULL};

static void
print_csv(const struct rows *figures, bool totals_only)
{
	for (int i = 0; columns[i] != NULL; i++)
		printf("%s%s", i ? "," : "", columns[i]);
	putchar('\n');
	for (int row = 0; row < rows_count(figures); row++) {
		if (totals_only && row > 0)
			break;
		for (int i = 0; columns[i] != NULL; i++) {
			const char *text = rows_text(figures, row, columns[i]);

			printf("%s%s", i ? "," : "", text ? text : "");
		}
		putchar('\n');
	}
}

struct wishes {
	gboolean csv;
	gboolean totals_only;
	char *html;
	char *month;
};

static bool
write_html(const struct session *session, const struct rows *period,
	const struct rows *figures, const struct wishes *wishes, GError **error)
{
	const char *start = rows_text(period, 0, "start");
	const char *finish = rows_text(period, 0, "finish");
	g_autoptr(rows) months = db_query(session->db, error, sql_months,
		PARAM_TEXT(start), PARAM_TEXT(finish),
		PARAM_TEXT(session->conf->time_zone));
	g_autoptr(rows) ages = NULL;
	g_autofree char *page = NULL;
	struct report_rows report = {.period = rows_text(period, 0, "period"),
		.figures = figures,
		.months = months};

	if (months == NULL)
		return false;
	if (!wishes->totals_only) {
		ages = db_query(session->db, error, sql_ages,
			PARAM_TEXT(start), PARAM_TEXT(finish));
		if (ages == NULL)
			return false;
		report.ages = ages;
	}
	page = report_html(&report);
	if (strcmp(wishes->html, "-") == 0)
		return fputs(page, stdout) >= 0;
	return g_file_set_contents(wishes->html, page, -1, error);
}

static bool
make(struct command_line *line, const struct session *session,
	const struct wishes *wishes, GError **error)
{
	g_autoptr(rows) period = db_query(session->db, error, sql_period,
		PARAM_TEXT(wishes->month ? wishes->month : ""));
	g_autoptr(rows) found = NULL;
	const char *start, *finish;

	if (period == NULL)
		return false;
	start = rows_text(period, 0, "start");
	finish = rows_text(period, 0, "finish");
	if (line->json) {
		found = db_query(session->db, error, sql_json,
			PARAM_TEXT(start), PARAM_TEXT(finish),
			PARAM_TEXT(session->conf->time_zone),
			PARAM_BOOL(wishes->totals_only));
		if (found != NULL)
			puts(rows_text(found, 0, "j"));
		return found != NULL;
	}
	found = db_query(session->db, error, sql_figures, PARAM_TEXT(start),
		PARAM_TEXT(finish));
	if (found == NULL)
		return false;
	if (wishes->html != NULL)
		return write_html(session, period, found, wishes, error);
	if (wishes->csv)
		print_csv(found, wishes->totals_only);
	else {
		printf("Reports of %s; the first line is all of them.\n",
			rows_text(period, 0, "period"));
		print_table(found, columns);
	}
	return true;
}

int
command_report(struct command_line *line)
{
	g_autofree char *month = NULL, *html = NULL;
	struct wishes wishes = {0};
	const GOptionEntry entries[] = {
		{"month", 0, 0, G_OPTION_ARG_STRING, &month,
			"Reports that arrived in this month", "YYYY-MM"},
		{"html", 0, 0, G_OPTION_ARG_FILENAME, &html,
			"Write one page; \"-\" is standard output", "FILE"},
		{"csv", 0, 0, G_OPTION_ARG_NONE, &wishes.csv,
			"Comma-separated values", NULL},
		{"public", 0, 0, G_OPTION_ARG_NONE, &wishes.totals_only,
			"Totals only, for publication", NULL},
		{0}};
	g_autoptr(session_auto) session = NULL;
	g_autoptr(GError) error = NULL;

	if (!command_parse(line, entries, 0, 0))
		return EX_USAGE;
	wishes.month = month;
	wishes.html = html;
	if (month != NULL &&
		!g_regex_match_simple("^[0-9]{4}-(0[1-9]|1[0-2])$", month, 0,
			0)) {
		fprintf(stderr, "meldpunt report: --month is YYYY-MM\n");
		return EX_USAGE;
	}
	session = session_open(line, &error);
	if (session == NULL || !make(line, session, &wishes, &error))
		return command_failed(error);
	return EX_OK;
}

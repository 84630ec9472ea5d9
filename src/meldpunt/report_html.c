#include "meldpunt/report_html.h"

#include "base/text.h"

#include <gio/gio.h>

#define CHART_HEIGHT 160
#define CHART_WIDTH 720
#define BASELINE 140

static const char *
value(const struct rows *rows, int row, const char *column)
{
	const char *text = rows_text(rows, row, column);

	return text ? text : "-";
}

static char *
percent(const struct rows *rows, int row)
{
	const char *share = rows_text(rows, row, "share");
	double n = share ? g_ascii_strtod(share, NULL) * 100 : 0;

	return share ? g_strdup_printf("%.1f %%", n) : g_strdup("-");
}

/* Hours as days and hours; days as days. */
static char *
duration(const struct rows *rows, int row, const char *column, double hours)
{
	const char *text = rows_text(rows, row, column);
	double n = text ? g_ascii_strtod(text, NULL) * hours : 0;

	if (text == NULL)
		return g_strdup("-");
	return n < 48 ? g_strdup_printf("%.1f h", n)
		      : g_strdup_printf("%.1f d", n / 24);
}

/* One bar a month: in time from the ground up, missed on top of it. */
static char *
chart(const struct rows *months)
{
	GString *out = g_string_new(NULL);
	int count = rows_count(months);
	int64_t most = 1;
	double slot = (double)CHART_WIDTH / MAX(count, 1);

	for (int i = 0; i < count; i++)
		most = MAX(most, rows_int8(months, i, "in_time") +
				rows_int8(months, i, "missed"));
	g_string_append_printf(out,
		"<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"Reports "
		"answered in time and missed, by month\">\n",
		CHART_WIDTH, CHART_HEIGHT);
	for (int i = 0; i < count; i++) {
		double good = rows_int8(months, i, "in_time") * 120.0 / most;
		double bad = rows_int8(months, i, "missed") * 120.0 / most;
		double x = i * slot + slot * 0.15, width = MIN(slot * 0.7, 60);

		g_string_append_printf(out,
			"<g><title>%s: %s in time, %s missed</title>"
			"<rect class=\"good\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>"
			"<rect class=\"bad\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>"
			"<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text></g>\n",
			value(months, i, "month"), value(months, i, "in_time"),
			value(months, i, "missed"), x, BASELINE - good, width,
			good, x, BASELINE - good - bad, width, bad,
			x + width / 2, BASELINE + 15,
			value(months, i, "month") + 2);
	}
	g_string_append_printf(out,
		"<line class=\"axis\" x1=\"0\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/></svg>",
		CHART_WIDTH, BASELINE, BASELINE);
	return g_string_free(out, FALSE);
}

/* Rows as a table; the figures' first row is the total and left out. */
static char *
table(const char *title, const struct rows *rows, int first,
	const char *const *columns, const char *const *headings)
{
	GString *out = g_string_new(NULL);

	if (rows == NULL)
		return g_strdup("");
	g_string_append_printf(out,
		"<section><h2>%s</h2><div class=\"scroll\"><table><tr>", title);
	for (int i = 0; headings[i] != NULL; i++)
		g_string_append_printf(out, "<th>%s</th>", headings[i]);
	g_string_append(out, "</tr>\n");
	for (int row = first; row < rows_count(rows); row++) {
		g_string_append(out, "<tr>");
		for (int i = 0; columns[i] != NULL; i++) {
			g_autofree char *cell = g_markup_escape_text(
				value(rows, row, columns[i]), -1);

			g_string_append_printf(out, "<td>%s</td>", cell);
		}
		g_string_append(out, "</tr>\n");
	}
	g_string_append(out, "</table></div></section>");
	return g_string_free(out, FALSE);
}

char *
report_html(const struct report_rows *r)
{
	static const char *const columns[] = {"mailbox", "cases", "in_time",
		"missed", "median_hours", "p90_hours", "worst_hours", "open",
		"overdue", "fixed", "date_slips", NULL};
	static const char *const headings[] = {"Mailbox", "Reports", "In time",
		"Missed", "Median (h)", "90 % (h)", "Worst (h)", "Open",
		"Overdue", "Fixed", "Dates moved", NULL};
	static const char *const age_columns[] = {
		"age", "open", "overdue", NULL};
	static const char *const age_headings[] = {
		"Age", "Open", "Overdue", NULL};
	g_autoptr(GBytes) page = g_resources_lookup_data(
		"/meldpunt/templates/report.html",
		G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
	g_autofree char *pattern = g_strndup(g_bytes_get_data(page, NULL),
		g_bytes_get_size(page));
	g_autofree char *share = percent(r->figures, 0);
	g_autofree char *median = duration(r->figures, 0, "median_hours", 1);
	g_autofree char *p90 = duration(r->figures, 0, "p90_hours", 1);
	g_autofree char *worst = duration(r->figures, 0, "worst_hours", 1);
	g_autofree char *fix = duration(r->figures, 0, "median_fix_days", 24);
	g_autofree char *bars = chart(r->months);
	g_autofree char *boxes = r->ages
		? table("By mailbox", r->figures, 1, columns, headings)
		: g_strdup("");
	g_autofree char *ages = table("Open reports by age", r->ages, 0,
		age_columns, age_headings);
	const char *pairs[] = {"period", r->period, "share", share, "cases",
		value(r->figures, 0, "cases"), "missed",
		value(r->figures, 0, "missed"), "median", median, "p90", p90,
		"worst", worst, "open", value(r->figures, 0, "open"), "overdue",
		value(r->figures, 0, "overdue"), "fix", fix, "slips",
		value(r->figures, 0, "date_slips"), "chart", bars, "mailboxes",
		boxes, "ages", ages, NULL};

	return text_fill(pattern, pairs);
}

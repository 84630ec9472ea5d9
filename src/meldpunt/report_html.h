/* The report as one self-contained page, without personal data. */
#ifndef MELDPUNT_REPORT_HTML_H
#define MELDPUNT_REPORT_HTML_H

#include "edge/db.h"

#include <glib.h>
#include <stdbool.h>

/* Rows as report_figures(), report_months() and report_ages() give them. */
struct report_rows {
	const char *period; /* "2026-01-01 to 2026-12-31" */
	const struct rows *figures;
	const struct rows *months;
	const struct rows *ages; /* NULL: public, totals only */
};

/* Caller frees. */
char *report_html(const struct report_rows *report);

#endif

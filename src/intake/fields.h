/*
 * What a report's text tells by its form: assets, CVSS vector, title.
 * Pure functions over text of strangers; only in the reader.
 */
#ifndef INTAKE_FIELDS_H
#define INTAKE_FIELDS_H

#include "model/reading.h"

#include <glib.h>

/*
 * The affected systems: URLs, hosts, IP addresses and networks, also
 * defanged (hxxp, [.]); not out of quotes and signature.
 */
void fields_assets(const char *text, GPtrArray *assets);

/* The first CVSS vector (3.x or 4.0), or NULL; caller frees. */
char *fields_cvss(const char *text);

/* Own words only: without quoted lines and what follows "-- ". */
char *fields_own_words(const char *text);

/* RFC 3676: soft line breaks undone; del_space as the DelSp parameter. */
char *fields_unflow(const char *text, bool del_space);

/*
 * The first case number of ours (PREFIX-YEAR-NNNN) in the subject or the
 * first lines, or NULL; caller frees.
 */
char *fields_case_number(const char *prefix, const char *subject,
	const char *text);

/*
 * A subject as a title: without Re:, Fwd:, [EXT] and the like; a
 * placeholder (empty, "...", "Encrypted Message") gives the first line of
 * text instead.
 */
char *fields_title(const char *subject, const char *text);

#endif

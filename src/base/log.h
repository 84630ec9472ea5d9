/*
 * The log: one line an event, to journald with fields where standard error is
 * the journal, else to standard error.
 *
 * A line never holds content, an address or a subject.  What identifies a
 * message is its case number, its row or its sha256.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <glib.h>

/* Names this process in every line; role is kept by reference. */
void log_open(const char *role);

/* The mailbox that all later lines of this process belong to, or NULL. */
void log_mailbox(const char *mailbox);

void log_info(const char *format, ...) G_GNUC_PRINTF(1, 2);
void log_warning(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* One step in the life of a case: EVENT= and CASE= in the journal. */
void log_case(const char *event, const char *number, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

#endif

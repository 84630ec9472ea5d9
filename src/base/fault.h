/*
 * What went wrong, and what the caller does next.
 *
 * Every function that can fail returns bool or a pointer and takes a GError
 * last.  There is one error domain; its code is the advice to the caller.
 * Only edge/ chooses the code.  A message is lower case, says first what
 * failed, and never holds a word of a report.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <glib.h>
#include <stdbool.h>

#define FAULT (fault_quark())

enum fault_code {
	FAULT_LATER = 1, /* the world is down, the same call may work later */
	FAULT_MAIL,	 /* this message is bad, set it aside, take the next */
	FAULT_SETUP,	 /* a person has to change something first */
	FAULT_UNSURE,	 /* it may have happened, look before doing it again */
	FAULT_REFUSED,	 /* a rule of the database is against it, and will be */
};

GQuark fault_quark(void);

/* Sets *error and returns false, so that callers can return it. */
bool fault_set(GError **error, enum fault_code code, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

/* True if error carries this advice. */
bool fault_is(const GError *error, enum fault_code code);

/* The exit status of sysexits.h that tells the same to a supervisor. */
int fault_exit_status(const GError *error);

#endif

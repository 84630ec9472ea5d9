/*
 * The supervisor's alarms: what has been failing for longer than
 * alarms.after is told to the operators, by mail and by a command, again
 * every day, and once more when it works again.  They need neither database
 * nor keys, which are among what fails.
 */
#ifndef MELDPUNTD_ALARMS_H
#define MELDPUNTD_ALARMS_H

#include "meldpuntd/child.h"

#include <glib.h>

struct alarms;

struct alarms *alarms_new(void);
void alarms_free(struct alarms *alarms);

/* The descriptor that roles inherit, and the one to be polled. */
int alarms_told_by_roles(const struct alarms *alarms);
int alarms_socket(const struct alarms *alarms);

/* Takes in what roles have told. */
void alarms_read(struct alarms *alarms);

/* The supervisor's own observation; as health_tell(). */
void alarms_note(struct alarms *alarms, const char *what, const char *name,
	bool well);

/* Tells what is due; when to look again, in ticks. */
int64_t alarms_work(struct alarms *alarms, const struct child_setting *setting);

/* True if this was the process that mails alarms. */
bool alarms_ended(struct alarms *alarms, pid_t pid, int status);

/* Ends that process. */
void alarms_stop(const struct alarms *alarms);

#endif

/*
 * A role that should run: a place for one process after the other; and the
 * set of all of them.
 */
#ifndef MELDPUNTD_CHILD_H
#define MELDPUNTD_CHILD_H

#include "meldpuntd/credentials.h"

#include <sys/types.h>

#define CHILD_FIRST_DELAY (100 * 1000) /* before a restart, doubled */

struct child {
	char *role;
	char *mailbox; /* "" for a worker */
	int64_t index;
	pid_t pid;	    /* 0: not running */
	int64_t started;    /* ticks */
	int64_t restart_at; /* ticks; 0: not wanted */
	int64_t delay;
	char *task; /* of an alarm's mailer; or NULL */
};

/* What every role is started with. */
struct child_setting {
	const struct conf *conf;
	const struct credentials *credentials;
	const char *runtime_dir;
	int health; /* descriptor that becomes HEALTH_FD */
	bool once;
};

struct child *child_new(const char *role, const char *mailbox, int64_t index);
void child_free(struct child *child);

/* Forks and re-executes this program as the role; false if it cannot. */
bool child_start(struct child *child, const struct child_setting *setting);

/* Writes to the log how a role's process ended, if that is worth a word. */
void child_describe_end(const struct child *child, int status);

/* True if only ("fetcher,sender"; NULL: all) has this role. */
bool children_wanted(const char *only, const char *role);

/* Makes the set what a configuration asks for; processes are not touched. */
void children_list(GPtrArray *children, const struct conf *conf,
	const char *only);

/* How many are running, of one role or of all (NULL). */
guint children_running(const GPtrArray *children, const char *role);

void children_signal(const GPtrArray *children, int number);

#endif

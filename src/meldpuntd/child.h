/* A role that should run: a place for one process after the other. */
#ifndef MELDPUNTD_CHILD_H
#define MELDPUNTD_CHILD_H

#include "meldpuntd/credentials.h"

#include <sys/types.h>

struct child {
	char *role;
	char *mailbox; /* "" for a worker */
	int64_t index;
	pid_t pid;	    /* 0: not running */
	int64_t started;    /* ticks */
	int64_t restart_at; /* ticks; 0: not wanted */
	int64_t delay;
};

/* What every role is started with. */
struct child_setting {
	const struct conf *conf;
	const struct credentials *credentials;
	const char *runtime_dir;
	bool once;
};

struct child *child_new(const char *role, const char *mailbox, int64_t index);
void child_free(struct child *child);

/* Forks and re-executes this program as the role; false if it cannot. */
bool child_start(struct child *child, const struct child_setting *setting);

/* Writes to the log how a role's process ended, if that is worth a word. */
void child_describe_end(const struct child *child, int status);

#endif

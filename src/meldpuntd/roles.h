/* The roles: each runs in a process image of its own and returns its exit
 * status (sysexits.h; 75 is a wish to be started again at once). */
#ifndef MELDPUNTD_ROLES_H
#define MELDPUNTD_ROLES_H

#include "meldpuntd/launch.h"

int fetcher_run(const struct launch *launch);
int worker_run(const struct launch *launch);
int sender_run(const struct launch *launch);
int alarm_run(const struct launch *launch);

/* The zygote of readers: limits as decimal arguments. */
int reader_run(int argc, char **argv);

/* The supervisor: the daemon itself. */
struct supervision {
	const char *conf_path;
	const char *only; /* "fetcher,worker,sender" or NULL: all */
	bool once;
};
int supervisor_run(const struct supervision *what);

/* Ends a role after a failure: says why, gives its exit status. */
int role_failed(const GError *error);

#endif

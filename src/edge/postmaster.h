/*
 * The server process of the embedded database.  Who calls this holds the
 * lock on its data: nobody else starts or stops a server there.
 */
#ifndef EDGE_POSTMASTER_H
#define EDGE_POSTMASTER_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Starts the program on these data, listening in this folder, once an old
 * server of a killed parent has ended; -1 on failure.
 */
pid_t postmaster_start(const char *program, const char *data,
	const char *socket);

/* Whether it takes connections by now; 0 as below. */
bool postmaster_is_ready(const char *data, pid_t postmaster);

/*
 * Waits until the server takes connections; 0: one that somebody else has
 * started.  False if it ends or takes too long.
 */
bool postmaster_wait(const char *data, pid_t postmaster);

/* Stops it, in a minute at most. */
void postmaster_stop(pid_t postmaster);

#endif

/*
 * What a process gives up for good: memory and CPU limits, core dumps,
 * system calls (seccomp), files (Landlock).
 */
#ifndef EDGE_JAIL_H
#define EDGE_JAIL_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* No core dumps, no ptrace by others, no new privileges: every process. */
void jail_common(void);

/* Compiles the reader's filter, once, before readers are forked. */
bool jail_prepare_reader(GError **error);

/*
 * The reader: nothing but memory, its descriptors and its end.  memory in
 * bytes of address space beyond what is in use now, cpu in microseconds,
 * file the most that it may write into a memfd.
 */
bool jail_reader(int64_t memory, int64_t cpu, int64_t file, GError **error);

/*
 * Fetcher and sender once connected: no socket, connect, execve, fork, no
 * signal to others, and of files only the system's libraries and ca_file
 * (empty: the system's authorities).
 */
bool jail_talker(const char *ca_file, GError **error);

/*
 * The worker once its database stands: sockets of AF_UNIX only; of files the
 * system's programs and libraries, its own program and engine; it writes in
 * home only, and to shared memory that it has mapped already.
 */
bool jail_worker(const char *home, const char *engine, GError **error);

/* Closes all descriptors from this one on. */
void jail_close_from(int fd);

#endif

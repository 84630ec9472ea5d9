/*
 * The embedded PostgreSQL: a private cluster under state_dir, reachable by
 * Unix socket only, with SCRAM and one login per role.
 *
 * Whoever holds state_dir/database.lock runs the postmaster: the supervisor
 * for its lifetime, or a command while the daemon is down.  A command that
 * finds the lock taken uses the cluster that is there; it holds
 * database.users shared, and a command that stops the cluster waits for it.
 */
#ifndef EDGE_CLUSTER_H
#define EDGE_CLUSTER_H

#include "edge/conf.h"

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

struct cluster {
	pid_t postmaster; /* 0 if somebody else runs it */
	int lock_fd;
	int users_fd;
};

/*
 * Makes the cluster if there is none and starts it, or joins the running
 * one.  wait_for_lock: insist on running it (the supervisor).  NULL with
 * FAULT_SETUP if another major version's data lies there.
 */
struct cluster *cluster_start(const struct conf *conf, bool wait_for_lock,
	GError **error);

/*
 * Brings the data of an older PostgreSQL to the newest server installed, with
 * pg_upgrade; the old data stays beside it.  Nobody may be using it.  With
 * force also if the version is the same.  *from and *to are versions.
 */
bool cluster_upgrade(const struct conf *conf, bool force, int *from, int *to,
	GError **error);

/* Stops the postmaster if it is ours (fast shutdown) and waits for it. */
void cluster_stop(struct cluster *cluster);
typedef struct cluster cluster_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(cluster_auto, cluster_stop)

/* The libpq string for conf's database, embedded or not; caller frees. */
char *cluster_conninfo(const struct conf *conf);

/* The login of a role (fetcher, worker, sender, admin). */
char *cluster_login(const char *role);

/*
 * The password of a role's login out of state_dir/database.passwords, which
 * is made if absent.
 */
char *cluster_password(const struct conf *conf, const char *role,
	GError **error);

#endif

/*
 * What the supervisor hands to a role: one sealed memfd as descriptor 3.
 * All roles so see the same accepted configuration, and each only its own
 * password and secret.
 */
#ifndef MELDPUNTD_LAUNCH_H
#define MELDPUNTD_LAUNCH_H

#include "edge/conf.h"
#include "edge/db.h"

#include <glib.h>
#include <stdbool.h>

#define LAUNCH_FD 3

struct launch {
	char *role;    /* fetcher, worker, sender, alarm */
	char *mailbox; /* "" for a worker */
	int64_t index;
	bool once; /* do what is there, then exit 0 */
	char *task; /* what an alarm says; "" */
	char *runtime_dir;
	char *login; /* NULL: the connection string names a user */
	char *password;
	char *secret; /* "" if the role has to run token_command */
	struct conf *conf;
};

void launch_free(struct launch *launch);
typedef struct launch launch_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(launch_auto, launch_free)

/* A descriptor to be inherited; conf comes from here as text and path. */
int launch_write(const struct launch *launch);

/* NULL if descriptor 3 is no such thing. */
struct launch *launch_read(GError **error);

/*
 * The database, waited for while it is away (not with once); the schema is
 * checked.  NULL with FAULT_LATER if a stop was wanted meanwhile.
 */
struct db *launch_database(const struct launch *launch, GError **error);

/* Counts this start, once the mailbox has been entered. */
bool launch_count(const struct launch *launch, struct db *db, GError **error);

/* The secret for a server: handed over, or printed by token_command. */
char *launch_secret(const struct launch *launch, const struct server *server,
	GError **error);

#endif

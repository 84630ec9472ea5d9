/*
 * The schema: numbered migrations built into the program, applied in order,
 * one transaction each, under an advisory lock.
 */
#ifndef EDGE_SCHEMA_H
#define EDGE_SCHEMA_H

#include "edge/conf.h"
#include "edge/db.h"

#include <glib.h>
#include <stdbool.h>

/* The version that this program was built for. */
int schema_wanted(void);

/* The version of the database; 0 if it is empty, -1 on failure. */
int schema_version(struct db *db, GError **error);

/* FAULT_SETUP, with what to do, unless the versions are the same. */
bool schema_check(struct db *db, GError **error);

/*
 * Applies what is missing.  With separate, the logins of the roles are made
 * with the passwords of state_dir and get their rights.  dry_run changes
 * nothing.  Names of what was, or would be, applied are added to names,
 * which frees them; or NULL.
 */
bool schema_migrate(struct db *db, const struct conf *conf, bool separate,
	bool dry_run, GPtrArray *names, GError **error);

#endif

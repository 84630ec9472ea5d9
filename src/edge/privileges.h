/* From root to the daemon's user, and where that user keeps short-lived keys. */
#ifndef EDGE_PRIVILEGES_H
#define EDGE_PRIVILEGES_H

#include "edge/conf.h"

#include <glib.h>
#include <stdbool.h>

/*
 * Started by root: makes state_dir if absent, becomes conf->user for good.
 * Started by anybody else: stays who it is.
 */
bool privileges_drop(const struct conf *conf, GError **error);

/* Becomes this user for good; nothing to do for who is not root. */
bool privileges_become(const char *user, GError **error);

/* A directory of mode 0700 that belongs to the user. */
bool privileges_make_dir(const char *path, const char *user, GError **error);

/* Lets the user read a file of root's, by its group. */
bool privileges_give_group(const char *path, const char *user, GError **error);

/*
 * The runtime directory, made if absent; one that is not ours alone is
 * refused.  Caller frees.
 */
char *privileges_runtime_dir(const struct conf *conf, GError **error);

/*
 * Removes what an earlier daemon left in it: for the supervisor alone, who
 * knows that nobody is at work there.  Only names that are ours, no
 * recursion.
 */
void privileges_sweep(const char *directory);

/* Removes the files of a directory, and it, as far as the process may. */
void privileges_remove(const char *directory);

/*
 * At the end of the daemon: the workers' homes go, and the directory if it is
 * our own and empty.
 */
void privileges_clear(const char *directory);

#endif

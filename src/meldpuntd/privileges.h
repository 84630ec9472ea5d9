/* From root to the daemon's user, and where that user keeps short-lived keys. */
#ifndef MELDPUNTD_PRIVILEGES_H
#define MELDPUNTD_PRIVILEGES_H

#include "edge/conf.h"

#include <glib.h>
#include <stdbool.h>

/*
 * Started by root: makes state_dir if absent, becomes conf->user for good.
 * Started by anybody else: stays who it is.
 */
bool privileges_drop(const struct conf *conf, GError **error);

/*
 * The runtime directory, made if absent; one that is not ours alone is
 * refused.  Caller frees.
 */
char *privileges_runtime_dir(const struct conf *conf, GError **error);

#endif

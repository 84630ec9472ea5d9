/* Between the files of meldpunt init. */
#ifndef MELDPUNT_INIT_H
#define MELDPUNT_INIT_H

#include "edge/conf.h"

#include <glib.h>
#include <stdbool.h>

/*
 * From when on messages are reports: asks, unless answer ("all", "now") says,
 * where INBOX is not empty.  *since is what the option is set to, or NULL: all.
 */
bool init_find_start(const struct server *server, const char *secret,
	const char *answer, char **since, GError **error);

#endif

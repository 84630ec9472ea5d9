/*
 * The GnuPG home of one process, on a tmpfs: our options, a copy of the
 * public keys of state_dir/gnupg, a way to its agent, and, for one
 * operation, certificates that came with a message.
 */
#ifndef EDGE_PGP_HOME_H
#define EDGE_PGP_HOME_H

#include "edge/conf.h"

#include <glib.h>
#include <stdbool.h>
#include <time.h>

struct pgp_home {
	char *source; /* state_dir/gnupg */
	char *path;
	char *candidate_file;
	char *recipient_file;
	struct timespec keys_changed;
};

/* FAULT_SETUP: runtime_dir is on no tmpfs; FAULT_LATER: no public keys yet. */
bool pgp_home_open(struct pgp_home *home, const struct conf *conf,
	const char *runtime_dir, const char *name, GError **error);
/* Removes it, too, as far as the process may. */
void pgp_home_clear(struct pgp_home *home);

/* Whether there are other public keys than were copied. */
bool pgp_home_is_stale(const struct pgp_home *home);

/* Writes a file of mode 0600 into the home. */
bool pgp_home_write(const char *path, const void *data, size_t length,
	GError **error);

/* The agent's socket for a GnuPG home; caller frees. */
char *pgp_home_agent_socket(const char *home, GError **error);

#endif

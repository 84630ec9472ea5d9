/* Keys into the daemon's GnuPG home, as the daemon's user. */
#ifndef MELDPUNT_INIT_KEYS_H
#define MELDPUNT_INIT_KEYS_H

#include <glib.h>
#include <stdbool.h>

struct key_home {
	const char *path;
	const char *user; /* who gpg runs as, if we are root */
};

/* The fingerprint of the one key in a file; caller frees. */
char *key_home_import(const struct key_home *home, const char *file,
	GError **error);

/* A new Curve25519 key without passphrase, for two years; its fingerprint. */
char *key_home_generate(const struct key_home *home, const char *name,
	const char *address, GError **error);

/* Ends the agent that gpg has started there. */
void key_home_close(const struct key_home *home);

#endif

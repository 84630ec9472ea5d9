/* gpg-agent, asked directly: what GPGME has no call for. */
#ifndef EDGE_PGP_AGENT_H
#define EDGE_PGP_AGENT_H

#include <glib.h>
#include <stdbool.h>

/*
 * Gives the agent of a GnuPG home the passphrase of a key, and of all keys
 * with this address, so that it asks nobody.  The agent must allow it
 * (--allow-preset-passphrase).
 */
bool pgp_agent_unlock(const char *home, const char *fingerprint,
	const char *address, const char *passphrase, GError **error);

/* Whether there is one that takes connections. */
bool pgp_agent_runs(const char *home);

/* Ends the agent of a GnuPG home, whoever started it, and waits for its end. */
void pgp_agent_end(const char *home);

/*
 * The largest count of passphrase hashing (S2K) of the secret keys in a home,
 * which every operation costs again; 0 if none has a passphrase.
 */
unsigned int pgp_agent_hash_count(const char *home);

#endif

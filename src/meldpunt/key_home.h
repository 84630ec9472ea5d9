/* The daemon's GnuPG home, as the daemon's user sees it. */
#ifndef MELDPUNT_KEY_HOME_H
#define MELDPUNT_KEY_HOME_H

#include <glib.h>
#include <stdbool.h>

struct key_home {
	const char *path;
	const char *user; /* who gpg runs as, if we are root */
	const char *passphrase; /* of the keys in it; NULL: none */
};

/* The fingerprint of the one key in a file; caller frees. */
char *key_home_import(const struct key_home *home, const char *file,
	GError **error);

/* A new Curve25519 key for two years; its fingerprint, caller frees. */
char *key_home_generate(const struct key_home *home, const char *name,
	const char *address, GError **error);

/* A key with a secret part that init made before; NULL: none.  Caller frees. */
char *key_home_find(const struct key_home *home, const char *address);

/* What gpg says of a key. */
struct key_facts {
	int64_t created; /* Unix time */
	int64_t expires; /* the same; 0: never */
	bool usable;	 /* neither expired nor revoked nor disabled */
	bool secret;	 /* its secret part is there */
	char *algorithm; /* "rsa4096", "ed25519" */
};

bool key_home_look(const struct key_home *home, const char *fingerprint,
	struct key_facts *facts, GError **error);

/* The public key with what certifies it, armored or binary; caller unrefs. */
GBytes *key_home_export(const struct key_home *home, const char *fingerprint,
	bool armored, GError **error);

/* text cleartext-signed; caller frees. */
char *key_home_clearsign(const struct key_home *home, const char *fingerprint,
	const char *text, GError **error);

/* Certifies a key with another. */
bool key_home_certify(const struct key_home *home, const char *by,
	const char *fingerprint, GError **error);

/* Ends the agent that gpg has started there. */
void key_home_close(const struct key_home *home);

#endif

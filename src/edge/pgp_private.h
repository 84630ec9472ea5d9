/* What the files pgp*.c share; nobody else includes it. */
#ifndef EDGE_PGP_PRIVATE_H
#define EDGE_PGP_PRIVATE_H

#include "edge/pgp.h"
#include "edge/pgp_home.h"
#include "edge/pgp_loop.h"

#include <gpgme.h>

struct pgp {
	struct pgp_home home;
	struct pgp_loop loop;
	int64_t limit;
	uint64_t max_plain;
	gpgme_ctx_t context;
	GHashTable *keys;      /* fingerprint -> gpgme_key_t with secret */
	GHashTable *primaries; /* signing key -> primary, of this operation */
	GHashTable *ours;      /* fingerprints of mailboxes and staff */
	bool decrypted;	       /* gpg decrypted in this operation */
	bool asked;	       /* for a passphrase of the message's, not of a key */
	void (*watch)(void *data, const char *key, bool good); /* or NULL */
	void *watch_data;
};

/* What a callback reads from or writes to. */
struct pgp_channel {
	const struct bytes *from;
	uint64_t at;
	struct bytes *into;
	uint64_t max;
	bool too_much;
};

/* GPGME data that reads bytes; channel must live as long. */
gpgme_data_t pgp_data_from(struct pgp_channel *channel,
	const struct bytes *bytes);

/* GPGME data that fills new bytes, which the caller frees; at most max. */
gpgme_data_t pgp_data_into(struct pgp_channel *channel, uint64_t max);

/* Before every operation: nothing of the last one. */
void pgp_begin(struct pgp *pgp);

/* Waits for an operation that was started, within its deadline. */
gpgme_error_t pgp_run(struct pgp *pgp, gpgme_error_t started);

/* FAULT_LATER; code 0 stands for the deadline.  Returns false. */
bool pgp_later(GError **error, const char *what, gpgme_error_t code);

/* Whether the agent is to blame: it cannot be the message's doing. */
bool pgp_is_agent_trouble(gpgme_error_t code);

/* Makes this the only signer. */
bool pgp_choose_signer(struct pgp *pgp, const char *signer, GError **error);

#endif

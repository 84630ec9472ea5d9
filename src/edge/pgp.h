/*
 * OpenPGP through GPGME and GnuPG 2.2.
 *
 * Secret keys stay with gpg-agent.  A struct pgp works in a GnuPG home of
 * its own on a tmpfs, which holds a copy of the public keys of state_dir's
 * home and, for one operation, the keys that came with a message; the home
 * of state_dir never changes.  Every operation has a deadline.  Trouble with
 * the agent is FAULT_LATER and never looks like a fault of the message.
 */
#ifndef EDGE_PGP_H
#define EDGE_PGP_H

#include "base/bytes.h"
#include "base/clock.h"
#include "edge/conf.h"
#include "edge/packet.h"
#include "model/report.h"

#include <glib.h>
#include <stdbool.h>

struct pgp;

/* What came out of a decryption or verification. */
struct opened {
	struct bytes *plain; /* NULL: not decrypted, see failure */
	char *failure;	     /* fixed words */
	enum signature signature;
	char *fingerprint; /* primary key of a good signature */
	moment signed_at;
	char *session_key; /* of this message, to open it once more */
};
void opened_clear(struct opened *opened);

/* name tells apart several in one runtime directory. */
struct pgp *pgp_open(const struct conf *conf, const char *runtime_dir,
	const char *name, GError **error);
void pgp_close(struct pgp *pgp);
typedef struct pgp pgp_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(pgp_auto, pgp_close)

/* True if this is a mailbox's or a staff member's key. */
bool pgp_is_ours(const struct pgp *pgp, const char *fingerprint);

/*
 * Calls watch after each signature: whether our key could be used for it; and
 * after each decryption, with key NULL.
 */
void pgp_watch(struct pgp *pgp,
	void (*watch)(void *data, const char *key, bool good), void *data);

/* The public keys were changed since pgp_open(), which alone reads them. */
bool pgp_is_stale(const struct pgp *pgp);

/* What gpg needs: the directory it writes to, the program that starts it. */
void pgp_places(const struct pgp *pgp, const char **home, const char **engine);

/* True if the last operation was ended by its deadline. */
bool pgp_timed_out(const struct pgp *pgp);

/* True if the agent answers and holds this key's secret part. */
bool pgp_has_secret(struct pgp *pgp, const char *fingerprint, GError **error);

/*
 * When the key stops being of use, the first of its primary key, signing and
 * encryption subkey; 0: never.  FAULT_SETUP: it is not there.
 */
bool pgp_expires(struct pgp *pgp, const char *fingerprint, moment *when,
	GError **error);

/*
 * Whether mail can be encrypted to it now: neither expired nor revoked, with
 * a key for encryption.  It becomes the only candidate.
 */
bool pgp_can_encrypt(struct pgp *pgp, struct certificate *certificate,
	bool *can, GError **error);

/* The minimal public certificate, binary; caller unrefs. */
GByteArray *pgp_export(struct pgp *pgp, const char *fingerprint,
	GError **error);

/*
 * Makes these certificates known for later operations, until the next call;
 * NULL or empty: none.  Copies of the mailboxes' and the staff's keys are
 * left out.
 */
bool pgp_candidates(struct pgp *pgp, const GPtrArray *certificates,
	GError **error);

/*
 * Decrypts, and verifies a signature inside.  Plaintext counts only when
 * GPGME reports success and a recipient and there is at least one byte.
 * session_key, if not NULL, spares the agent.  False only if it should be
 * tried again later.
 */
bool pgp_decrypt(struct pgp *pgp, const struct bytes *sealed,
	const char *session_key, struct opened *opened, GError **error);

/*
 * Verifies signature over signed_bytes; without signature, signed_bytes is
 * cleartext-signed and its text comes out in opened->plain.
 */
bool pgp_verify(struct pgp *pgp, const struct bytes *signed_bytes,
	const struct bytes *signature, struct opened *opened, GError **error);

/*
 * Signs with signer and encrypts, armored, to the fingerprints of the home
 * (staff) or to the one certificate.  FAULT_MAIL: a recipient's key cannot
 * be used.
 */
struct bytes *pgp_seal(struct pgp *pgp, const char *signer,
	const GPtrArray *fingerprints, const struct certificate *certificate,
	const struct bytes *plain, GError **error);

/* A detached, armored signature; micalg as in RFC 3156, caller frees. */
struct bytes *pgp_sign(struct pgp *pgp, const char *signer,
	const struct bytes *plain, char **micalg, GError **error);

#endif

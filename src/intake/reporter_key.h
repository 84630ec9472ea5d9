/* Which of the keys that came with a message is the reporter's. */
#ifndef INTAKE_REPORTER_KEY_H
#define INTAKE_REPORTER_KEY_H

#include "edge/db.h"
#include "edge/pgp.h"
#include "model/report.h"

/*
 * The key that our answers may be encrypted to, or NULL; caller frees.
 * *pinned: it came out of the very decryption that gave the text (or the
 * report is in clear), so what the report says may be answered with it.
 * NULL with error set: it should be tried again.
 */
struct certificate *reporter_key_find(const struct report *report,
	struct pgp *pgp, bool *pinned, GError **error);

/*
 * Another key than the one with this fingerprint, from inside of what the
 * reporter signed; or NULL.
 */
struct certificate *reporter_key_find_new(const struct report *report,
	struct pgp *pgp, const char *fingerprint, GError **error);

/* This very key, from inside of what it signed; or NULL. */
struct certificate *reporter_key_find_renewed(const struct report *report,
	const struct pgp *pgp, const char *fingerprint);

/*
 * What may have signed: all certificates that came along, whoever's they are,
 * and those pinned for the sender's address.  NULL with error set.
 */
GPtrArray *reporter_key_candidates(const struct report *report, struct db *db,
	GError **error);

#endif

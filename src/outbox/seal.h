/* A letter becomes the exact bytes that go over the wire. */
#ifndef OUTBOX_SEAL_H
#define OUTBOX_SEAL_H

#include "edge/pgp.h"
#include "model/letter.h"

#include <glib.h>

/*
 * Signed by the mailbox's key, and encrypted to the staff's fingerprints or
 * to a reporter's certificate; with neither it is only signed, for words
 * that anyone may read.  FAULT_MAIL: the recipient's key cannot be used.
 */
struct bytes *seal_letter(struct pgp *pgp, const char *signer,
	const struct letter *letter, const GPtrArray *fingerprints,
	const struct certificate *certificate, GError **error);

#endif

/*
 * From a message's bytes to a report: layer after layer is read by a fresh
 * reader, decrypted or verified, until text is in clear.
 */
#ifndef INTAKE_UNSEAL_H
#define INTAKE_UNSEAL_H

#include "edge/db.h"
#include "edge/pgp.h"
#include "model/report.h"

#include <glib.h>

/*
 * How a layer gets read.  read() answers NULL with FAULT_MAIL if the reader
 * died over it, FAULT_LATER if there is none to be had.  *out is the
 * caller's.
 */
struct reader_port {
	struct reading *(*read)(void *self, const struct bytes *in,
		enum layer layer, struct bytes **out, GError **error);
	void *self;
};

/*
 * NULL only if it should be tried again, or (FAULT_MAIL) if a reader died.
 * What cannot be decrypted or may not be parsed is a report too, with its
 * failure set.  header_only: the bytes are a header, or nothing but the
 * header may be looked at.
 */
struct report *unseal(const struct bytes *message, bool header_only,
	const struct reader_port *reader, struct pgp *pgp, struct db *db,
	GError **error);

#endif

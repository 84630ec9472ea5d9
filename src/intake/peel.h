/*
 * One layer of a message: gate, parse, find out which part is sealed, and
 * read what is in clear.  Runs in the reader only.
 *
 * What is sealed is decided by armor and packet headers, never by
 * Content-Type or file name.  Decoded parts go to the end of out.
 */
#ifndef INTAKE_PEEL_H
#define INTAKE_PEEL_H

#include "base/bytes.h"
#include "model/reading.h"

/* Never NULL; a layer that may not be parsed is SHAPE_REFUSED. */
struct reading *peel_layer(const struct bytes *in, enum layer layer,
	struct bytes *out);

#endif

/*
 * Marks of decrypted parts: an HMAC of each, by which the same part from a
 * second reporter is noticed (DESIGN section 7).
 */
#ifndef DESK_MARKS_H
#define DESK_MARKS_H

#include "edge/db.h"
#include "model/casefile.h"
#include "model/report.h"

#define MARK_KEY_SIZE 32

/*
 * Sets file->claims and file->held if another reporter's case has a part of
 * this sealed report.
 */
bool marks_look(struct db *db, const uint8_t *key, const struct report *report,
	struct casefile *file, GError **error);

/* Keeps the marks of a case that has been stored. */
bool marks_keep(struct db *db, const uint8_t *key, const struct report *report,
	const struct casefile *file, GError **error);

#endif

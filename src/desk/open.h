/* A report becomes a case, or more of one, in the caller's transaction. */
#ifndef DESK_OPEN_H
#define DESK_OPEN_H

#include "edge/conf.h"
#include "edge/db.h"
#include "model/casefile.h"
#include "model/inbound.h"
#include "model/report.h"

#include <glib.h>
#include <stdbool.h>

/* What the reporter's key is: certificate and print, or NULL for none. */
struct reporter_key {
	const GByteArray *packets;
	const char *fingerprint;
	bool pinned;
};

/*
 * What a case for this message looks like before it is stored: letters can
 * be sealed while nothing is locked.  title and description are the
 * report's, already cleaned.
 */
struct casefile *open_prepare(const struct conf *conf,
	const struct inbound *inbound, const char *number,
	const struct report *report, const struct reporter_key *key);

/* Stores it: reporter, case, message, attachments, assets, deadlines. */
bool open_store(struct db *db, const struct conf *conf,
	const struct inbound *inbound, const struct report *report,
	struct casefile *casefile, GError **error);

/* Files a message in a case: direction is "in" or "note". */
bool open_file_message(struct db *db, const struct inbound *inbound,
	const struct report *report, const struct casefile *file,
	const char *direction, bool stranger, GError **error);

/*
 * What was quarantined can be read now: its message gets the content, and so
 * does the case if it is the one that the message opened.
 */
bool open_refill(struct db *db, const struct inbound *inbound,
	const struct report *report, const struct casefile *file,
	const struct reporter_key *key, GError **error);

/* A case with its reporter, locked; NULL on failure. */
struct casefile *open_load(struct db *db, int64_t case_id, GError **error);

#endif

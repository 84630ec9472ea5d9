/* What the tables say about a staff mail: replays, cases that it names. */
#ifndef DESK_REPLAY_H
#define DESK_REPLAY_H

#include "edge/db.h"
#include "model/inbound.h"
#include "model/report.h"

/*
 * Enters (primary fingerprint, signature time, sha256 of the signed text);
 * *fresh is false if it stood there before.
 */
bool replay_enter(struct db *db, const struct inbound *inbound,
	const struct report *report, bool *fresh, GError **error);

/* Signed at most 7 days before it arrived, and at most 5 minutes after. */
bool replay_is_timely(moment signed_at, moment arrived_at);

/* The case of this mailbox with this number; 0 if there is none. */
bool replay_find_case(struct db *db, int64_t mailbox_id, const char *number,
	int64_t *id, GError **error);

/* The number of the case of the first id that is a letter of ours, or NULL. */
char *replay_case_of(struct db *db, int64_t mailbox_id, char *const *ids,
	GError **error);

/* True if this address was told of an unproven mail within the hour. */
bool replay_told_lately(struct db *db, const char *address, bool *told,
	GError **error);

/* "answer lead, 2026-01-09 09:12", or "-"; NULL on failure. */
char *replay_next_step(struct db *db, int64_t case_id, const char *zone,
	GError **error);

#endif

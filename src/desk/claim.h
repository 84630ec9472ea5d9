/*
 * Inbound messages claimed by a worker.
 *
 * A claim is counted and committed, then the row is locked in a transaction
 * that lasts until its result commits: the lock dies with the connection, so
 * nothing has to time out.
 */
#ifndef DESK_CLAIM_H
#define DESK_CLAIM_H

#include "edge/db.h"
#include "model/inbound.h"

#include <glib.h>
#include <stdbool.h>

/*
 * The next message to do, claimed and counted; *inbound is NULL if there is
 * none.  False with FAULT_SETUP if the schema is not schema_version.
 */
bool claim_next(struct db *db, int schema_version, struct inbound **inbound,
	GError **error);

/* Begins the transaction and locks the row; *mine tells whether it is ours. */
bool claim_hold(struct db *db, const struct inbound *inbound, bool *mine,
	GError **error);

/* How long until a message is due, in milliseconds; -1: none waits. */
bool claim_wait(struct db *db, int *milliseconds, GError **error);

/*
 * After a rollback because of trouble of ours: try again later, the later the
 * oftener.  It does not count against the message.
 */
bool claim_postpone(struct db *db, const struct inbound *inbound,
	GError **error);

/* After a rollback: a reader died over it. */
bool claim_failed(struct db *db, const struct inbound *inbound,
	GError **error);
bool claim_reader_died(struct db *db, const struct inbound *inbound,
	GError **error);

/*
 * Reserves a case number in a commit of its own and locks the row again;
 * *mine is false if somebody else took it between.
 */
bool claim_number(struct db *db, struct inbound *inbound, const char *zone,
	bool *mine, GError **error);

/* The message has become this; case_id and original may be 0. */
bool claim_done(struct db *db, const struct inbound *inbound,
	const char *outcome, int64_t case_id, int64_t original, GError **error);

/* The message goes to quarantine with a reason in fixed words. */
bool claim_quarantine(struct db *db, const struct inbound *inbound,
	const char *reason, int64_t case_id, GError **error);

/*
 * Whether an older message of the same mailbox is unfinished, so that one that
 * belongs to a case has to wait; never longer than a minute after it came.
 */
bool claim_is_behind(struct db *db, const struct inbound *inbound,
	bool *behind, GError **error);

/* Gives the message back for a moment, uncounted; commits. */
bool claim_give_back(struct db *db, const struct inbound *inbound,
	GError **error);

/*
 * Whether there is anything due that is no message: a deadline, an operator's
 * order, a canary, a morning digest.
 */
bool claim_other_work(struct db *db, bool *due, GError **error);

#endif

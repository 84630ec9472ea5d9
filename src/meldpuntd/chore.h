/*
 * A worker's work that is no message: a step that is due, an operator's order, a
 * canary, a digest.  What fails rests for a while, longer each time, and keeps
 * nothing else from being done.
 */
#ifndef MELDPUNTD_CHORE_H
#define MELDPUNTD_CHORE_H

#include "meldpuntd/case_work.h"

/*
 * Begins a transaction and claims work with a query that locks what it finds
 * and names it, for this kind of work (`what`), in column item.  Its $1 are the
 * items that rest, $2 the names of the mailboxes that are configured.  *due is
 * NULL, and nothing is open, if there is none; else *any is set.
 */
bool chore_claim(struct case_work *work, const char *what, const char *sql,
	struct rows **due, bool *any, GError **error);

/* Says which mailboxes with open cases nothing is done for. */
bool chore_warn(struct case_work *work, GError **error);

/* What was claimed last has been done. */
void chore_done(struct case_work *work);

/*
 * It failed: goes back, and rests.  False, with error left, if the process
 * should end over it.
 */
bool chore_postpone(struct case_work *work, GError **error);

#endif

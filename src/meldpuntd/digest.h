/*
 * Floods: cases above the acknowledgment budgets are opened as always, but
 * staff hear of them in one letter instead of one each.
 */
#ifndef MELDPUNTD_DIGEST_H
#define MELDPUNTD_DIGEST_H

#include "meldpuntd/case_work.h"

/* In the transaction that opens the case: it goes into the next digest. */
bool digest_defer(struct case_work *work, int64_t mailbox_id, int64_t case_id,
	GError **error);

/* Sends a digest that is due; *any tells whether there was one. */
bool digest_send(struct case_work *work, bool *any, GError **error);

#endif

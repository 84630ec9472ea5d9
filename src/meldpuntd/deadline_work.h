/*
 * Deadlines that are due: all steps of one case fire together, once, in one
 * transaction that locks the case, looks again, and queues the mail.
 */
#ifndef MELDPUNTD_DEADLINE_WORK_H
#define MELDPUNTD_DEADLINE_WORK_H

#include "meldpuntd/case_work.h"

/* Fires what is due in one case; *any tells whether there was one. */
bool deadline_work_do(struct case_work *work, bool *any, GError **error);

#endif

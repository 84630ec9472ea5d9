/*
 * The morning digest: on working days staff of a mailbox get one line for
 * each case that needs them, or no mail where there is nothing to say.
 */
#ifndef MELDPUNTD_MORNING_H
#define MELDPUNTD_MORNING_H

#include "meldpuntd/case_work.h"

/* Sends a digest that is due; *any tells whether one was looked after. */
bool morning_send(struct case_work *work, bool *any, GError **error);

#endif

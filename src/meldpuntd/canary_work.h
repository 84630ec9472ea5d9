/* Canaries: sealed mail to ourselves, sent out and recognised again. */
#ifndef MELDPUNTD_CANARY_WORK_H
#define MELDPUNTD_CANARY_WORK_H

#include "meldpuntd/case_letters.h"

/* Sends one that `meldpunt doctor` asked for; *any tells whether. */
bool canary_work_do(struct case_work *work, bool *any, GError **error);

/* A message that may be one: *seen if it was, and all is committed. */
bool canary_work_receive(struct job *job, bool *seen, GError **error);

#endif

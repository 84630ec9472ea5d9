/* Orders that operators gave on the command line. */
#ifndef MELDPUNTD_OPERATOR_WORK_H
#define MELDPUNTD_OPERATOR_WORK_H

#include "meldpuntd/case_work.h"

/* Carries one out, if there is one; *any tells whether there was. */
bool operator_work_do(struct case_work *work, bool *any, GError **error);

#endif

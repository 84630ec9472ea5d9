/* A message that belongs to a case: filed, obeyed where it may order. */
#ifndef MELDPUNTD_FOLLOW_WORK_H
#define MELDPUNTD_FOLLOW_WORK_H

#include "meldpuntd/case_letters.h"

/*
 * More to a case, committed: staff get it at once; a reporter's word is
 * obeyed.  is_note: of a machine, filed and told to nobody.
 */
bool follow_work_do(struct job *job, int64_t case_id, bool is_note,
	GError **error);

#endif

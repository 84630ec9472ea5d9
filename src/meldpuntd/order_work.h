/* Mail of staff: who may order, which case is meant, and doing it. */
#ifndef MELDPUNTD_ORDER_WORK_H
#define MELDPUNTD_ORDER_WORK_H

#include "meldpuntd/case_letters.h"
#include "model/facts.h"

/*
 * A mail whose From is a staff member.  *handled: it was carried out, kept as
 * a draft or refused, and all is committed; else it is an ordinary message,
 * and whoever files it calls order_work_tell().
 */
bool order_work_do(struct job *job, const struct staff *staff,
	const struct facts *facts, bool *handled, GError **error);

/*
 * The same by an operator (job->file is loaded and locked): *result is what a
 * confirmation or refusal would say.  The caller commits, or rolls back to
 * where it was if *refused.
 */
bool order_work_operator(struct job *job, const char *actor, const char *text,
	bool *refused, char **result, GError **error);

/* Queues the refusal that was handed on with a message, if there is one. */
bool order_work_tell(struct job *job, GError **error);

#endif

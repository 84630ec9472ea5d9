/* Between the files of order_work. */
#ifndef MELDPUNTD_ORDER_PRIVATE_H
#define MELDPUNTD_ORDER_PRIVATE_H

#include "desk/apply.h"
#include "meldpuntd/order_work.h"

/* One staff mail under way. */
struct order_job {
	struct job *job;
	const struct staff *staff;
	const struct facts *facts;
	struct order_mail *mail;
	struct applied applied;
	char *number; /* of the case that the signed text names, or NULL */
	struct told *refused;
	int line;
	GString *result; /* of an operator: where the confirmation goes */
};

/* Nothing will be done, because; the first reason counts. */
void order_refuse(struct order_job *o, const char *phrase, const char *value,
	const char *more);

/* Why the signature gives no authority, or NULL if it does. */
const char *order_lacks_authority(const struct report *report,
	const struct staff *staff);

/* Refuses what was signed too long ago or in the future. */
void order_check_time(struct order_job *o);

/* Finds which case the signed text names; refuses two. */
bool order_bind_case(struct order_job *o, GError **error);

/* Locks and loads it. */
bool order_load_case(struct order_job *o, GError **error);

/* Assessment and date are said until they were, and when they change. */
bool order_states_answer(const struct order_job *o);

/* True if what goes to the reporter is the answer. */
bool order_is_answer(const struct order_job *o);

/* Seals and queues what goes to the reporter, if anything; *how: "sent-...". */
bool order_write_to_reporter(struct order_job *o, const char **how,
	GError **error);

#endif

/* The steps of the clocks (DESIGN section 10): pure over configuration. */
#ifndef DESK_DEADLINES_H
#define DESK_DEADLINES_H

#include "edge/conf.h"
#include "model/casefile.h"

#define DEADLINE_ANSWER_STEPS 4

/* By when the reporter must have our answer. */
moment deadline_answer_due(const struct conf *conf, moment arrived_at);

/* The steps of the answer clock, in order of time. */
void deadline_answer_steps(const struct conf *conf, moment arrived_at,
	struct deadline steps[DEADLINE_ANSWER_STEPS]);

#endif

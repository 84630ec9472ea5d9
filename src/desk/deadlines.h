/*
 * The steps of the clocks (DESIGN section 10).  When they fire and what is
 * owed then are pure functions of configuration, case and time.
 */
#ifndef DESK_DEADLINES_H
#define DESK_DEADLINES_H

#include "edge/conf.h"
#include "edge/db.h"
#include "model/casefile.h"

#define DEADLINE_ANSWER_STEPS 4

/* By when the reporter must have our answer. */
moment deadline_answer_due(const struct conf *conf, moment arrived_at);

/*
 * The steps of the answer clock.  Owner and lead are told early enough to
 * have eight working hours before the last working moment ahead of the end,
 * if the report is old enough for that; the end itself never moves.
 */
void deadline_answer_steps(const struct conf *conf, moment arrived_at,
	struct deadline steps[DEADLINE_ANSWER_STEPS]);

/* The first of them as text: "answer owner, 2026-01-08 09:12"; caller frees. */
char *deadline_first_step(const struct conf *conf, moment arrived_at);

/* When a fix date is near, and when it has passed (its day has ended). */
void deadline_fix_date_steps(const struct conf *conf, const char *fix_date,
	struct deadline steps[2]);

/* Sets, moves or sets again one step of a case. */
bool deadline_set(struct db *db, int64_t case_id, const struct deadline *step,
	GError **error);

/* Pending steps of a clock will not fire; clock "" is all of them. */
bool deadline_cancel(struct db *db, int64_t case_id, const char *clock,
	GError **error);

#endif

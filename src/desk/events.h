/* Events of a case: fixed words and ids, never content. */
#ifndef DESK_EVENTS_H
#define DESK_EVENTS_H

#include "edge/db.h"

/* case_id or inbound may be 0: none. */
bool event_add(struct db *db, int64_t case_id, int64_t inbound,
	const char *what, const char *detail, GError **error);

/* The same by somebody: a staff member's address, or an operator. */
bool event_add_by(struct db *db, int64_t case_id, int64_t inbound,
	const char *actor, const char *what, const char *detail,
	GError **error);

#endif

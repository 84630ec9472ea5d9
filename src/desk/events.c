#include "desk/events.h"

static const char sql_add[] =
	"INSERT INTO events (case_id, inbound, actor, what, detail)"
	" VALUES (nullif($1::bigint, 0), nullif($2::bigint, 0), $3, $4, $5)";

bool
event_add_by(struct db *db, int64_t case_id, int64_t inbound,
	const char *actor, const char *what, const char *detail,
	GError **error)
{
	return db_run(db, error, sql_add, PARAM_INT8(case_id),
		PARAM_INT8(inbound), PARAM_TEXT(actor), PARAM_TEXT(what),
		PARAM_TEXT(detail));
}

bool
event_add(struct db *db, int64_t case_id, int64_t inbound, const char *what,
	const char *detail, GError **error)
{
	return event_add_by(db, case_id, inbound, "meldpunt", what, detail,
		error);
}

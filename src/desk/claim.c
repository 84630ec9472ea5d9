#include "desk/claim.h"

#include "base/fault.h"

static const char sql_claim[] =
	"WITH schema AS (SELECT max(version) AS version FROM migrations),"
	" picked AS (UPDATE inbound i SET claims = i.claims + 1,"
	"  claimed_at = now(), next_try_at = now() + retry_delay(i.claims + 1)"
	"  WHERE i.id = (SELECT id FROM inbound WHERE state = 'new'"
	"   AND next_try_at <= now() AND (SELECT version FROM schema) = $1"
	"   ORDER BY (claims >= 3), next_try_at, id LIMIT 1"
	"   FOR UPDATE SKIP LOCKED)"
	"  RETURNING i.*)"
	" SELECT schema.version, p.id, p.mailbox AS mailbox_id, b.name AS mailbox,"
	" (extract(epoch FROM p.arrived_at) * 1000000)::bigint AS arrived_at,"
	" p.size, p.blob, p.header_only, p.claims, p.delays, p.reader_deaths,"
	" p.number, p.case_id"
	" FROM schema LEFT JOIN picked p ON true"
	" LEFT JOIN mailboxes b ON b.id = p.mailbox";

bool
claim_next(struct db *db, int schema_version, struct inbound **inbound,
	GError **error)
{
	g_autoptr(rows) found = db_query(db, error, sql_claim,
		PARAM_INT8(schema_version));
	struct inbound *in;

	*inbound = NULL;
	if (found == NULL)
		return false;
	if (rows_int8(found, 0, "version") != schema_version)
		return fault_set(error, FAULT_SETUP, "the database's schema "
			"was changed by another version of meldpunt");
	if (rows_text(found, 0, "id") == NULL)
		return true;
	*inbound = in = g_new0(struct inbound, 1);
	in->id = rows_int8(found, 0, "id");
	in->mailbox_id = rows_int8(found, 0, "mailbox_id");
	in->mailbox = g_strdup(rows_text(found, 0, "mailbox"));
	in->arrived_at = rows_int8(found, 0, "arrived_at");
	in->size = rows_int8(found, 0, "size");
	in->blob = rows_int8(found, 0, "blob");
	in->header_only = rows_bool(found, 0, "header_only");
	in->claims = rows_int8(found, 0, "claims");
	in->delays = rows_int8(found, 0, "delays");
	in->reader_deaths = rows_int8(found, 0, "reader_deaths");
	in->case_id = rows_int8(found, 0, "case_id");
	in->number = g_strdup(rows_text(found, 0, "number"));
	return true;
}

/*
 * Waits rather than skips: another worker's look for work, or the fetcher that
 * notes a move, holds the row for a moment, and that is no reason to leave the
 * message until its retry.  Who claimed it since has counted on.
 */
static const char sql_hold[] =
	"SELECT id FROM inbound WHERE id = $1 AND state = 'new'"
	" AND claims = $2 FOR NO KEY UPDATE";

bool
claim_hold(struct db *db, const struct inbound *inbound, bool *mine,
	GError **error)
{
	g_autoptr(rows) held = NULL;

	if (!db_begin(db, error))
		return false;
	held = db_query(db, error, sql_hold, PARAM_INT8(inbound->id),
		PARAM_INT8(inbound->claims));
	if (held == NULL)
		return false;
	*mine = rows_count(held) == 1;
	return true;
}

static const char sql_wait[] =
	"SELECT extract(epoch FROM least((SELECT min(next_try_at) FROM inbound"
	" WHERE state = 'new'), (SELECT min(due_at) FROM digests"
	" WHERE due_at < 'infinity'), (SELECT min(fires_at) FROM deadlines"
	" WHERE fired_at IS NULL AND cancelled_at IS NULL),"
	" (SELECT min(morning_at) FROM mailboxes)) - now())"
	" AS seconds";

bool
claim_wait(struct db *db, int *milliseconds, GError **error)
{
	g_autoptr(rows) next = db_query(db, error, sql_wait);
	const char *seconds;

	if (next == NULL)
		return false;
	seconds = rows_text(next, 0, "seconds");
	*milliseconds = -1;
	if (seconds != NULL)
		/* what is due but was not claimed is in other hands */
		*milliseconds = CLAMP(g_ascii_strtod(seconds, NULL) * 1000 + 1,
			500, 3600000);
	return true;
}

static const char sql_behind[] =
	"SELECT EXISTS (SELECT FROM inbound i JOIN inbound o"
	" ON o.mailbox = i.mailbox AND o.id < i.id AND o.state = 'new'"
	" AND o.claims < 3 WHERE i.id = $1"
	" AND i.fetched_at > now() - interval '1 minute') AS behind";

bool
claim_is_behind(struct db *db, const struct inbound *inbound, bool *behind,
	GError **error)
{
	g_autoptr(rows) found =
		db_query(db, error, sql_behind, PARAM_INT8(inbound->id));

	if (found == NULL)
		return false;
	*behind = rows_bool(found, 0, "behind");
	return true;
}

static const char sql_give_back[] =
	"UPDATE inbound SET claims = claims - 1,"
	" next_try_at = now() + interval '200 milliseconds'"
	" WHERE id = $1 AND state = 'new'";

bool
claim_give_back(struct db *db, const struct inbound *inbound, GError **error)
{
	return db_run(db, error, sql_give_back, PARAM_INT8(inbound->id)) &&
		db_commit(db, error);
}

static const char sql_other[] =
	"SELECT EXISTS (SELECT FROM deadlines WHERE fired_at IS NULL"
	" AND cancelled_at IS NULL AND fires_at <= now())"
	" OR EXISTS (SELECT FROM operator_orders WHERE done_at IS NULL)"
	" OR EXISTS (SELECT FROM canaries WHERE letter IS NULL)"
	" OR EXISTS (SELECT FROM mailboxes"
	"  WHERE coalesce(morning_at, '-infinity') <= now()) AS due";

bool
claim_other_work(struct db *db, bool *due, GError **error)
{
	g_autoptr(rows) found = db_query(db, error, sql_other);

	if (found == NULL)
		return false;
	*due = rows_bool(found, 0, "due");
	return true;
}

static const char sql_postpone[] =
	"UPDATE inbound SET claims = claims - 1, delays = delays + 1,"
	" next_try_at = now() + retry_delay(delays + 1)"
	" WHERE id = $1 AND state = 'new'";

bool
claim_postpone(struct db *db, const struct inbound *inbound, GError **error)
{
	return db_run(db, error, sql_postpone, PARAM_INT8(inbound->id));
}

static const char sql_failed[] =
	"UPDATE inbound SET next_try_at = now() + retry_delay(claims)"
	" WHERE id = $1 AND state = 'new'";

bool
claim_failed(struct db *db, const struct inbound *inbound, GError **error)
{
	return db_run(db, error, sql_failed, PARAM_INT8(inbound->id));
}

static const char sql_reader_died[] =
	"UPDATE inbound SET reader_deaths = reader_deaths + 1,"
	" next_try_at = now() WHERE id = $1 AND state = 'new'";

bool
claim_reader_died(struct db *db, const struct inbound *inbound, GError **error)
{
	return db_run(db, error, sql_reader_died, PARAM_INT8(inbound->id));
}

static const char sql_reserve[] = "SELECT number_reserve($1, $2) AS number";

bool
claim_number(struct db *db, struct inbound *inbound, const char *zone,
	bool *mine, GError **error)
{
	g_autoptr(rows) reserved = NULL;

	*mine = true;
	if (inbound->number != NULL)
		return true;
	reserved = db_query(db, error, sql_reserve, PARAM_INT8(inbound->id),
		PARAM_TEXT(zone));
	if (reserved == NULL || !db_commit(db, error))
		return false;
	inbound->number = g_strdup(rows_text(reserved, 0, "number"));
	return claim_hold(db, inbound, mine, error);
}

static const char sql_done[] =
	"UPDATE inbound SET state = 'done', outcome = $2,"
	" case_id = nullif($3::bigint, 0), original = nullif($4::bigint, 0)"
	" WHERE id = $1";

bool
claim_done(struct db *db, const struct inbound *inbound, const char *outcome,
	int64_t case_id, int64_t original, GError **error)
{
	return db_run(db, error, sql_done, PARAM_INT8(inbound->id),
		PARAM_TEXT(outcome), PARAM_INT8(case_id),
		PARAM_INT8(original));
}

static const char sql_quarantine[] =
	"UPDATE inbound SET state = 'quarantined', reason = $2,"
	" case_id = nullif($3::bigint, 0) WHERE id = $1";

bool
claim_quarantine(struct db *db, const struct inbound *inbound,
	const char *reason, int64_t case_id, GError **error)
{
	return db_run(db, error, sql_quarantine, PARAM_INT8(inbound->id),
		PARAM_TEXT(reason), PARAM_INT8(case_id));
}

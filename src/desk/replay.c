#include "desk/replay.h"

#include <string.h>

/* The same message, tried again after a crash, is no replay of itself. */
static const char sql_enter[] =
	"WITH entered AS (INSERT INTO orders"
	"  (fingerprint, signed_at, sha256, inbound)"
	"  VALUES ($1, to_timestamp($2::numeric / 1000000), $3, $4)"
	"  ON CONFLICT DO NOTHING RETURNING inbound)"
	" SELECT inbound FROM entered UNION ALL SELECT inbound FROM orders"
	" WHERE fingerprint = $1 AND sha256 = $3 AND inbound = $4"
	" AND signed_at = to_timestamp($2::numeric / 1000000)";

/*
 * Line ends and white space of a text can be changed without harm to a
 * signature of type 1 or a cleartext signature (RFC 4880, 5.2.1 and 7.1).
 */
static char *
without_space(const char *text)
{
	GString *out = g_string_new(NULL);

	for (const char *p = text ? text : ""; *p != '\0'; p++)
		if (!g_ascii_isspace(*p))
			g_string_append_c(out, *p);
	return g_string_free(out, FALSE);
}

bool
replay_enter(struct db *db, const struct inbound *inbound,
	const struct report *report, bool *fresh, GError **error)
{
	g_autofree char *text = without_space(report->description);
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	uint8_t digest[32];
	gsize size = sizeof(digest);
	g_autoptr(rows) entered = NULL;

	g_checksum_update(sum, (const guchar *)text, strlen(text));
	/* the same words to two cases that their protected subjects name */
	if (report->title != report->outer->subject)
		g_checksum_update(sum, (const guchar *)report->title, -1);
	g_checksum_get_digest(sum, digest, &size);
	entered = db_query(db, error, sql_enter,
		PARAM_TEXT(report->fingerprint), PARAM_INT8(report->signed_at),
		PARAM_BYTEA(digest, sizeof(digest)), PARAM_INT8(inbound->id));
	if (entered == NULL)
		return false;
	*fresh = rows_count(entered) > 0;
	return true;
}

bool
replay_is_timely(moment signed_at, moment arrived_at)
{
	return signed_at >= arrived_at - 7 * CLOCK_DAY &&
		signed_at <= arrived_at + 5 * CLOCK_MINUTE;
}

static const char sql_find[] =
	"SELECT id FROM cases WHERE number = $1 AND mailbox = $2";

bool
replay_find_case(struct db *db, int64_t mailbox_id, const char *number,
	int64_t *id, GError **error)
{
	g_autoptr(rows) found = db_query(db, error, sql_find,
		PARAM_TEXT(number), PARAM_INT8(mailbox_id));

	if (found == NULL)
		return false;
	*id = rows_count(found) ? rows_int8(found, 0, "id") : 0;
	return true;
}

static const char sql_case_of[] =
	"SELECT c.number FROM letters l JOIN cases c ON c.id = l.case_id"
	" WHERE l.message_id = $1 AND l.mailbox = $2";

char *
replay_case_of(struct db *db, int64_t mailbox_id, char *const *ids,
	GError **error)
{
	for (int i = 0; ids[i] != NULL && i < 30; i++) {
		g_autoptr(rows) found = db_query(db, error, sql_case_of,
			PARAM_TEXT(ids[i]), PARAM_INT8(mailbox_id));

		if (found == NULL)
			return NULL;
		if (rows_count(found) > 0)
			return g_strdup(rows_text(found, 0, "number"));
	}
	return NULL;
}

static const char sql_told[] =
	"SELECT EXISTS (SELECT FROM outbound WHERE kind = 'unproven'"
	" AND lower(recipient) = lower($1)"
	" AND queued_at > now() - interval '1 hour') AS told";

bool
replay_told_lately(struct db *db, const char *address, bool *told,
	GError **error)
{
	g_autoptr(rows) found =
		db_query(db, error, sql_told, PARAM_TEXT(address));

	if (found == NULL)
		return false;
	*told = rows_bool(found, 0, "told");
	return true;
}

static const char sql_next[] =
	"SELECT coalesce((SELECT clock || ' ' || step || ', ' ||"
	" to_char(fires_at AT TIME ZONE $2, 'YYYY-MM-DD HH24:MI')"
	" FROM deadlines WHERE case_id = $1 AND fired_at IS NULL"
	" AND cancelled_at IS NULL AND clock NOT IN ('delivery', 'reporter')"
	" ORDER BY fires_at LIMIT 1), '-') AS next";

char *
replay_next_step(struct db *db, int64_t case_id, const char *zone,
	GError **error)
{
	g_autoptr(rows) found = db_query(db, error, sql_next,
		PARAM_INT8(case_id), PARAM_TEXT(zone));

	return found ? g_strdup(rows_text(found, 0, "next")) : NULL;
}

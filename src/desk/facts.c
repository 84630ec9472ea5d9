#include "desk/facts.h"

#include "model/order.h"

#include <string.h>

static const char sql_same_bytes[] =
	"SELECT o.id, coalesce(o.case_id, 0) AS case_id"
	" FROM inbound i JOIN inbound o ON o.mailbox = i.mailbox"
	" AND o.sha256 = i.sha256 AND o.id < i.id"
	" WHERE i.id = $1 AND NOT i.header_only ORDER BY o.id LIMIT 1";

bool
facts_same_bytes(struct db *db, const struct inbound *inbound,
	struct facts *facts, GError **error)
{
	g_autoptr(rows) found =
		db_query(db, error, sql_same_bytes, PARAM_INT8(inbound->id));

	if (found == NULL)
		return false;
	if (rows_count(found) > 0) {
		facts->same_message = rows_int8(found, 0, "id");
		facts->same_case = rows_int8(found, 0, "case_id");
	}
	return true;
}

/* Message-ID, From and Date as one value, or nothing if one is missing. */
static bool
identity_of(const struct reading *outer, uint8_t digest[32])
{
	g_autofree char *text = NULL;
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	gsize size = 32;

	if (outer->message_id == NULL || *outer->message_id == '\0' ||
		outer->from_address == NULL || outer->date == 0)
		return false;
	text = g_strdup_printf("%s\n%s\n%" PRId64, outer->message_id,
		outer->from_address, outer->date);
	g_checksum_update(sum, (const guchar *)text, -1);
	g_checksum_get_digest(sum, digest, &size);
	return true;
}

/*
 * Two copies that come at once go to two workers: the second waits here until
 * the first has committed.  Given back by facts_release().
 */
static const char sql_lock_identity[] =
	"SELECT pg_advisory_lock(1835363431, hashtext(encode($1::bytea, 'hex')))";

static const char sql_same_identity[] =
	"WITH mine AS (UPDATE inbound SET rendering = $2 WHERE id = $1"
	" RETURNING id, mailbox)"
	" SELECT o.id, coalesce(o.case_id, 0) AS case_id FROM mine"
	" JOIN inbound o ON o.mailbox = mine.mailbox AND o.rendering = $2"
	" AND o.id <> mine.id AND o.state <> 'new' ORDER BY o.id LIMIT 1";

static bool
find_identity(struct db *db, const struct inbound *inbound,
	const struct reading *outer, struct facts *facts, GError **error)
{
	uint8_t digest[32];
	g_autoptr(rows) found = NULL;

	if (!identity_of(outer, digest))
		return true;
	if (!db_run(db, error, sql_lock_identity,
		    PARAM_BYTEA(digest, sizeof(digest))))
		return false;
	facts->locked = true;
	found = db_query(db, error, sql_same_identity, PARAM_INT8(inbound->id),
		PARAM_BYTEA(digest, sizeof(digest)));
	if (found == NULL)
		return false;
	if (rows_count(found) > 0) {
		facts->same_message = rows_int8(found, 0, "id");
		facts->same_case = rows_int8(found, 0, "case_id");
	}
	return true;
}

static const char sql_same_text[] =
	"SELECT count(*) AS n FROM messages WHERE case_id = $1 AND body = $2";

static bool
compare_text(struct db *db, const struct report *report, struct facts *facts,
	GError **error)
{
	const char *text = report->description ? report->description : "";
	g_autoptr(rows) found = NULL;

	if (facts->same_case == 0)
		return true;
	found = db_query(db, error, sql_same_text, PARAM_INT8(facts->same_case),
		PARAM_TEXT(text));
	if (found != NULL)
		facts->same_text = rows_int8(found, 0, "n");
	return found != NULL;
}

static const char sql_letter[] =
	"SELECT id, coalesce(case_id, 0) AS case_id FROM letters"
	" WHERE message_id = $1 AND mailbox = $2";

/* The first of these ids that is a letter of ours. */
static bool
find_letter(struct db *db, const struct inbound *inbound, char *const *ids,
	int64_t *letter, int64_t *case_id, GError **error)
{
	for (int i = 0; ids && ids[i] != NULL && i < 30 && *letter == 0; i++) {
		g_autoptr(rows) found = db_query(db, error, sql_letter,
			PARAM_TEXT(ids[i]), PARAM_INT8(inbound->mailbox_id));

		if (found == NULL)
			return false;
		if (rows_count(found) == 0)
			continue;
		*letter = rows_int8(found, 0, "id");
		*case_id = rows_int8(found, 0, "case_id");
	}
	return true;
}

static const char sql_token[] =
	"SELECT id, coalesce(case_id, 0) AS case_id FROM letters"
	" WHERE left(message_id, 16) = $1 AND mailbox = $2 LIMIT 1";

bool
facts_of_token(struct db *db, const struct inbound *inbound, const char *token,
	int64_t *letter, int64_t *case_id, GError **error)
{
	g_autoptr(rows) found = db_query(db, error, sql_token,
		PARAM_TEXT(token), PARAM_INT8(inbound->mailbox_id));

	if (found == NULL)
		return false;
	if (rows_count(found) > 0) {
		*letter = rows_int8(found, 0, "id");
		*case_id = rows_int8(found, 0, "case_id");
	}
	return true;
}

static const char sql_named[] =
	"SELECT c.id, coalesce(lower(r.address) = lower($3) AND"
	" (r.pinned_at IS NULL OR r.fingerprint = $4), false) AS proven"
	" FROM cases c JOIN meldpunt_private.reporters r ON r.id = c.reporter"
	" WHERE c.number = $1 AND c.mailbox = $2";

bool
facts_of_number(struct db *db, const struct inbound *inbound,
	const struct report *report, const char *number, struct facts *facts,
	GError **error)
{
	g_autoptr(rows) found = db_query(db, error, sql_named,
		PARAM_TEXT(number), PARAM_INT8(inbound->mailbox_id),
		PARAM_TEXT(report->outer->from_address),
		PARAM_TEXT(report->fingerprint));

	if (found == NULL)
		return false;
	if (rows_count(found) == 0)
		return true;
	if (rows_bool(found, 0, "proven"))
		facts->thread_case = rows_int8(found, 0, "id");
	else
		facts->claimed_case = rows_int8(found, 0, "id");
	return true;
}

void
facts_release(struct db *db, struct facts *facts)
{
	if (facts->locked)
		db_run(db, NULL, "SELECT pg_advisory_unlock_all()");
	facts->locked = false;
}

bool
facts_of(struct db *db, const struct inbound *inbound,
	const struct report *report, struct facts *facts, GError **error)
{
	const struct reading *outer = report->outer, *inner = report->inner;
	int64_t letter = 0;

	/* where the header is protected, the thread may be named there only */
	if (inner != outer && inner->protected_header &&
		!find_letter(db, inbound, inner->references, &letter,
			&facts->thread_case, error))
		return false;
	letter = 0;
	return find_identity(db, inbound, outer, facts, error) &&
		compare_text(db, report, facts, error) &&
		(facts->thread_case != 0 ||
			find_letter(db, inbound, outer->references, &letter,
				&facts->thread_case, error)) &&
		find_letter(db, inbound, outer->reported,
			&facts->reported_letter, &facts->reported_case, error);
}

static const char sql_hints[] =
	"SELECT phrase, value, more FROM case_hints($1)";

bool
facts_find_hints(struct db *db, int64_t case_id, GPtrArray **hints,
	GError **error)
{
	static const char *const phrases[] = {
		"remark-claims", "remark-similar"};
	g_autoptr(rows) found =
		db_query(db, error, sql_hints, PARAM_INT8(case_id));

	if (found == NULL)
		return false;
	*hints = g_ptr_array_new_with_free_func((GDestroyNotify)told_free);
	for (int i = 0; i < rows_count(found); i++)
		for (size_t p = 0; p < G_N_ELEMENTS(phrases); p++)
			if (strcmp(rows_text(found, i, "phrase"),
				    phrases[p]) == 0)
				told_add(*hints, phrases[p],
					rows_text(found, i, "value"),
					rows_text(found, i, "more"));
	return true;
}

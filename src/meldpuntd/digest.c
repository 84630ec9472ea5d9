#include "meldpuntd/digest.h"

#include "base/log.h"
#include "meldpuntd/chore.h"
#include "meldpuntd/post.h"

static const char sql_defer_case[] =
	"UPDATE cases SET deferred = true WHERE id = $1";

static const char sql_defer[] =
	"INSERT INTO digests (mailbox, due_at)"
	" VALUES ($1, now() + $2 * interval '1 microsecond')"
	" ON CONFLICT (mailbox) DO UPDATE"
	" SET due_at = least(digests.due_at, excluded.due_at)";

bool
digest_defer(struct case_work *work, int64_t mailbox_id, int64_t case_id,
	GError **error)
{
	return db_run(work->db, error, sql_defer_case, PARAM_INT8(case_id)) &&
		db_run(work->db, error, sql_defer, PARAM_INT8(mailbox_id),
			PARAM_INT8(work->conf->digest_after));
}

static const char sql_due[] =
	"SELECT d.mailbox AS item, b.name FROM digests d"
	" JOIN mailboxes b ON b.id = d.mailbox WHERE d.due_at <= now()"
	" AND b.id <> ALL ($1::bigint[]) AND b.name = ANY ($2::text[])"
	" LIMIT 1 FOR UPDATE OF d SKIP LOCKED";

static const char sql_list[] =
	"WITH told AS (UPDATE cases SET deferred = false"
	"  WHERE deferred AND mailbox = $1 RETURNING id, number, arrived_at,"
	"  answer_due_at, inbound)"
	" SELECT count(*) AS n, coalesce(string_agg(format("
	"  '  %s  %s  %s', t.number,"
	"  to_char(t.arrived_at AT TIME ZONE $2, 'YYYY-MM-DD HH24:MI'),"
	"  m.protection), E'\\n' ORDER BY t.id), '') AS list"
	" FROM told t JOIN messages m ON m.inbound = t.inbound";

static const char sql_over[] =
	"UPDATE digests SET due_at = 'infinity' WHERE mailbox = $1";

static bool
queue_digest(struct case_work *work, const struct postbox *postbox,
	const char *list, int count, GError **error)
{
	g_autoptr(GPtrArray) staff = g_ptr_array_new();
	g_autoptr(letter_auto) letter =
		letter_digest(postbox, list, count, clock_now());

	for (guint i = 0; i < work->conf->staff->len; i++) {
		struct staff *member = work->conf->staff->pdata[i];

		if (*member->key != '\0' && conf_staff_has(member,
				postbox->mailbox->name, "handler"))
			g_ptr_array_add(staff, member);
	}
	return post_to_staff(work, postbox, 0, letter, NULL, staff, error);
}

static bool
send_for(struct case_work *work, const char *mailbox, GError **error)
{
	struct postbox postbox = {0};
	g_autoptr(rows) list = NULL;
	int count;

	if (!postbox_load(&postbox, work->db, work->conf, mailbox, error))
		return false;
	list = db_query(work->db, error, sql_list, PARAM_INT8(postbox.id),
		PARAM_TEXT(work->conf->time_zone));
	if (list == NULL)
		return false;
	count = rows_int8(list, 0, "n");
	if ((count > 0 &&
		    !queue_digest(work, &postbox, rows_text(list, 0, "list"),
			    count, error)) ||
		!db_run(work->db, error, sql_over, PARAM_INT8(postbox.id)) ||
		!db_commit(work->db, error))
		return false;
	log_info("%d cases of %s told in one digest", count, mailbox);
	return true;
}

bool
digest_send(struct case_work *work, bool *any, GError **error)
{
	g_autoptr(rows) due = NULL;

	if (!chore_claim(work, "a digest", sql_due, &due, any, error))
		return false;
	return due == NULL || send_for(work, rows_text(due, 0, "name"), error);
}

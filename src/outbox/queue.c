#include "outbox/queue.h"

#include <string.h>

static const char sql_add_letter[] =
	"INSERT INTO letters (mailbox, case_id, kind, message_id, blob, size,"
	" answers, quiet, author) VALUES ($1, nullif($2::bigint, 0), $3, $4,"
	" $5, $6, $7, CASE WHEN $8::bigint > 0 THEN $8::bigint * interval '1 microsecond' END,"
	" coalesce($9::text, '')) RETURNING id";

static const char sql_add_outbound[] =
	"INSERT INTO outbound (letter, mailbox, kind, sealed, envelope_from,"
	" recipient, due_at, next_try_at)"
	" SELECT $1::bigint, $2::smallint, $3::text, $4::boolean, $5::text,"
	" $6::text, due, due FROM (SELECT CASE WHEN $3 = 'acknowledgment'"
	" THEN ack_due_at($2::smallint, $6, $4::boolean, $7, $8)"
	" ELSE now() END AS due) AS d";

/* Budgets are counted one at a time, or two workers would both find room. */
static const char sql_lock_budget[] =
	"SELECT pg_advisory_xact_lock(1835363429, hashtext(lower($1)))";

static const char sql_add_message[] =
	"INSERT INTO messages (case_id, direction, letter, at, protection,"
	" signature, fingerprint, message_id, subject, body)"
	" VALUES ($1, 'out', $2, now(), $3, 'good', $4, $5, $6, $7)";

static bool
add_recipient(struct db *db, const struct dispatch *d, int64_t letter,
	const char *recipient, GError **error)
{
	const struct conf *conf = d->postbox->conf;

	if (strcmp(d->letter->kind, "acknowledgment") == 0 &&
		conf->acks_per_sender > 0 &&
		!db_run(db, error, sql_lock_budget, PARAM_TEXT(recipient)))
		return false;
	return db_run(db, error, sql_add_outbound, PARAM_INT8(letter),
		PARAM_INT8(d->postbox->id), PARAM_TEXT(d->letter->kind),
		PARAM_BOOL(d->sealed), PARAM_TEXT(d->envelope_from),
		PARAM_TEXT(recipient), PARAM_INT8(conf->acks_per_sender),
		PARAM_INT8(conf->acks_in_total));
}

bool
queue_letter(struct db *db, const struct dispatch *d, GError **error)
{
	g_autoptr(rows) added = NULL;
	int64_t blob, letter;

	if (!blob_store(db, d->wire, 0, d->wire->size, &blob, error))
		return false;
	added = db_query(db, error, sql_add_letter, PARAM_INT8(d->postbox->id),
		PARAM_INT8(d->case_id), PARAM_TEXT(d->letter->kind),
		PARAM_TEXT(d->letter->message_id), PARAM_INT8(blob),
		PARAM_INT8(d->wire->size), PARAM_BOOL(d->answers),
		PARAM_INT8(d->quiet), PARAM_TEXT(d->author));
	if (added == NULL)
		return false;
	letter = rows_int8(added, 0, "id");
	for (guint i = 0; i < d->recipients->len; i++)
		if (!add_recipient(db, d, letter, d->recipients->pdata[i],
			    error))
			return false;
	if (!d->is_message)
		return true;
	return db_run(db, error, sql_add_message, PARAM_INT8(d->case_id),
		PARAM_INT8(letter),
		PARAM_TEXT(d->encrypted ? "encrypted+signed" : "signed"),
		PARAM_TEXT(d->postbox->mailbox->key),
		PARAM_TEXT(d->letter->message_id),
		PARAM_TEXT(d->letter->subject), PARAM_TEXT(d->letter->text));
}

static const char sql_over_budget[] =
	"SELECT ack_due_at($1::smallint, $2, $3, $4::integer, $5::integer)"
	" > now() AS over";

bool
queue_over_budget(struct db *db, const struct postbox *postbox,
	const char *recipient, bool sealed, bool *over, GError **error)
{
	const struct conf *conf = postbox->conf;
	g_autoptr(rows) found = db_query(db, error, sql_over_budget,
		PARAM_INT8(postbox->id), PARAM_TEXT(recipient),
		PARAM_BOOL(sealed), PARAM_INT8(conf->acks_per_sender),
		PARAM_INT8(conf->acks_in_total));

	if (found == NULL)
		return false;
	*over = rows_bool(found, 0, "over");
	return true;
}

static const char sql_many_mute[] =
	"SELECT $2 > 0 AND count(*) >= $2 AS over FROM (SELECT id, arrived_at"
	"  FROM cases WHERE mailbox = $1::smallint ORDER BY id DESC LIMIT 200) c"
	" WHERE arrived_at > now() - interval '1 hour' AND NOT EXISTS (SELECT"
	"  FROM letters l WHERE l.case_id = c.id AND l.kind = 'acknowledgment')";

bool
queue_many_mute(struct db *db, const struct postbox *postbox, bool *over,
	GError **error)
{
	g_autoptr(rows) found = db_query(db, error, sql_many_mute,
		PARAM_INT8(postbox->id),
		PARAM_INT8(postbox->conf->acks_per_sender));

	if (found == NULL)
		return false;
	*over = rows_bool(found, 0, "over");
	return true;
}

#include "meldpuntd/operator_work.h"

#include "base/log.h"
#include "desk/open.h"
#include "meldpuntd/chore.h"
#include "meldpuntd/order_work.h"

#include <string.h>

/* The case first, as everywhere. */
static const char sql_due[] =
	"SELECT o.id, o.case_id AS item, o.text, o.actor"
	" FROM operator_orders o JOIN cases c ON c.id = o.case_id"
	" WHERE o.done_at IS NULL AND c.id <> ALL ($1::bigint[])"
	" AND c.mailbox IN (SELECT id FROM mailboxes WHERE name = ANY ($2::text[]))"
	" ORDER BY o.id LIMIT 1 FOR UPDATE OF c SKIP LOCKED";

static const char sql_lock[] =
	"SELECT (extract(epoch FROM now()) * 1000000)::bigint AS now"
	" FROM operator_orders WHERE id = $1 AND done_at IS NULL FOR UPDATE";

static const char sql_done[] =
	"UPDATE operator_orders SET done_at = now(), refused = $2, result = $3"
	" WHERE id = $1";

static bool
carry_out(struct job *job, const struct rows *due, GError **error)
{
	struct db *db = job->work->db;
	int64_t id = rows_int8(due, 0, "id");
	g_autofree char *result = NULL;
	bool refused;

	job->file = open_load(db, rows_int8(due, 0, "item"), error);
	if (job->file == NULL)
		return false;
	job->in->mailbox = g_strdup(job->file->mailbox);
	job->in->mailbox_id = job->file->mailbox_id;
	if (!postbox_load(&job->postbox, db, job->work->conf,
		    job->in->mailbox, error) ||
		!db_script(db, "SAVEPOINT orders", error) ||
		!order_work_operator(job, rows_text(due, 0, "actor"),
			rows_text(due, 0, "text"), &refused, &result, error) ||
		(refused && !db_script(db, "ROLLBACK TO SAVEPOINT orders",
				    error)) ||
		!db_run(db, error, sql_done, PARAM_INT8(id),
			PARAM_BOOL(refused), PARAM_TEXT(result)) ||
		!db_commit(db, error))
		return false;
	log_case("operator", job->file->number, "%s",
		refused ? "refused" : "orders carried out");
	return true;
}

bool
operator_work_do(struct case_work *work, bool *any, GError **error)
{
	g_autoptr(inbound_auto) in = g_new0(struct inbound, 1);
	struct job job = {.work = work, .in = in};
	g_autoptr(rows) due = NULL, locked = NULL;
	bool good;

	if (!chore_claim(work, "an order", sql_due, &due, any, error))
		return false;
	if (due == NULL)
		return true;
	locked = db_query(work->db, error, sql_lock,
		PARAM_INT8(rows_int8(due, 0, "id")));
	if (locked == NULL)
		return false;
	if (rows_count(locked) == 0)
		return db_commit(work->db, error);
	in->arrived_at = rows_int8(locked, 0, "now");
	job.report = report_new();
	job.report->outer = job.report->inner = reading_new();
	g_ptr_array_add(job.report->layers, job.report->outer);
	job.report->signed_at = in->arrived_at;
	good = carry_out(&job, due, error);
	report_free(job.report);
	casefile_free(job.file);
	explicit_bzero(&job.postbox, sizeof(job.postbox));
	return good;
}

#include "meldpuntd/canary_work.h"

#include "base/fault.h"
#include "base/log.h"
#include "desk/claim.h"
#include "meldpuntd/chore.h"
#include "meldpuntd/post.h"

#include <string.h>

static const char sql_due[] =
	"SELECT c.id AS item, c.subaddress, b.name FROM canaries c"
	" JOIN mailboxes b ON b.id = c.mailbox WHERE c.letter IS NULL"
	" AND c.id <> ALL ($1::bigint[]) AND b.name = ANY ($2::text[])"
	" ORDER BY c.id LIMIT 1 FOR UPDATE OF c SKIP LOCKED";

static const char sql_sent[] =
	"UPDATE canaries SET letter = l.id FROM letters l"
	" WHERE canaries.id = $1 AND l.message_id = $2 RETURNING l.id";

/* There is a letter, unless our own key cannot be encrypted to. */
static bool
note_sent(struct db *db, int64_t id, const struct letter *letter, GError **error)
{
	g_autoptr(rows) sent = db_query(db, error, sql_sent, PARAM_INT8(id),
		PARAM_TEXT(letter->message_id));

	if (sent == NULL)
		return false;
	return rows_count(sent) > 0 ||
		fault_set(error, FAULT_MAIL,
			"nothing can be encrypted to the mailbox's key");
}

static bool
send_one(struct case_work *work, const struct rows *due, GError **error)
{
	struct postbox postbox = {0};
	g_autoptr(GPtrArray) self = g_ptr_array_new();
	g_autoptr(letter_auto) letter = NULL;
	g_autofree char *address = NULL;
	struct staff us = {0};

	if (!postbox_load(&postbox, work->db, work->conf,
		    rows_text(due, 0, "name"), error))
		return false;
	address = rows_bool(due, 0, "subaddress")
		? postbox_probe_address(&postbox)
		: g_strdup(postbox.mailbox->address);
	us.address = address;
	us.key = postbox.mailbox->key;
	g_ptr_array_add(self, &us);
	letter = letter_canary(&postbox, clock_now());
	return post_to_staff(work, &postbox, 0, letter, NULL, self, error) &&
		note_sent(work->db, rows_int8(due, 0, "item"), letter, error) &&
		db_commit(work->db, error);
}

bool
canary_work_do(struct case_work *work, bool *any, GError **error)
{
	g_autoptr(rows) due = NULL;

	if (!chore_claim(work, "a canary", sql_due, &due, any, error))
		return false;
	if (due == NULL)
		return true;
	return send_one(work, due, error);
}

static const char sql_seen[] =
	"SELECT canary_seen($1::smallint, $2, $3) IS NOT NULL AS seen";

bool
canary_work_receive(struct job *job, bool *seen, GError **error)
{
	const struct report *report = job->report;
	const char *key = job->postbox.mailbox->key;
	bool good = report->protection == PROTECTION_ENCRYPTED_SIGNED &&
		report->signature == SIGNATURE_GOOD &&
		g_strcmp0(report->fingerprint, key) == 0;
	g_autoptr(rows) found = NULL;

	*seen = false;
	/* only what claims to be of ours is looked up */
	if (g_strcmp0(report->outer->from_address,
		    job->postbox.mailbox->address) != 0 ||
		report->outer->message_id == NULL)
		return true;
	found = db_query(job->work->db, error, sql_seen,
		PARAM_INT8(job->in->mailbox_id),
		PARAM_TEXT(report->outer->message_id), PARAM_BOOL(good));
	if (found == NULL)
		return false;
	*seen = rows_bool(found, 0, "seen");
	if (!*seen)
		return true;
	if (!claim_done(job->work->db, job->in, "note", 0, 0, error) ||
		!db_commit(job->work->db, error))
		return false;
	log_info("message %" PRId64 " is a canary of ours", job->in->id);
	return true;
}

#include "meldpuntd/case_work.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "desk/claim.h"
#include "desk/deadlines.h"
#include "desk/events.h"
#include "desk/facts.h"
#include "desk/marks.h"
#include "desk/open.h"
#include "desk/replay.h"
#include "intake/fields.h"
#include "intake/reporter_key.h"
#include "intake/route.h"
#include "intake/unseal.h"
#include "meldpuntd/canary_work.h"
#include "meldpuntd/case_letters.h"
#include "meldpuntd/digest.h"
#include "meldpuntd/follow_work.h"
#include "meldpuntd/order_work.h"
#include "outbox/queue.h"

#include <string.h>

#define MAX_CLAIMS 10
#define MAX_READER_DEATHS 2

const GByteArray *
case_work_own_key(struct case_work *work, const char *fingerprint, GError **error)
{
	GByteArray *key;

	if (work->own_keys == NULL)
		work->own_keys = g_hash_table_new_full(g_str_hash, g_str_equal,
			g_free, (GDestroyNotify)g_byte_array_unref);
	key = g_hash_table_lookup(work->own_keys, fingerprint);
	if (key == NULL) {
		key = pgp_export(work->pgp, fingerprint, error);
		if (key != NULL)
			g_hash_table_insert(work->own_keys,
				g_strdup(fingerprint), key);
	}
	return key;
}

/* A message that is given up: its header may still tell who wrote it. */
static bool
unseal_header(struct job *job, const struct bytes *bytes,
	const struct reader_port *port, GError **error)
{
	struct case_work *work = job->work;

	job->report = unseal(bytes, true, port, work->pgp, work->db, error);
	if (job->report != NULL || !fault_is(*error, FAULT_MAIL))
		return job->report != NULL;
	/* not even that can be read: a case without a sender */
	g_clear_error(error);
	job->report = report_new();
	job->report->outer = job->report->inner = reading_new();
	g_ptr_array_add(job->report->layers, job->report->outer);
	return true;
}

static bool
unseal_message(struct job *job, GError **error)
{
	struct case_work *work = job->work;
	struct inbound *in = job->in;
	g_autoptr(bytes_auto) bytes = blob_load(work->db, in->blob, error);
	struct reader_port port = readers_port(work->readers);

	if (bytes == NULL)
		return false;
	bytes_seal(bytes);
	work->key = job->postbox.mailbox->key;
	if (in->header_only)
		job->quarantine = "larger than limits.message";
	else if (in->reader_deaths >= MAX_READER_DEATHS)
		job->quarantine = "the parser died over it twice";
	else if (in->claims >= MAX_CLAIMS)
		job->quarantine = "tried ten times without success";
	if (job->quarantine != NULL)
		return unseal_header(job, bytes, &port, error);
	job->report =
		unseal(bytes, false, &port, work->pgp, work->db, error);
	if (job->report == NULL)
		return false;
	if (job->report->failure != NULL &&
		job->report->protection != PROTECTION_UNDECRYPTABLE)
		job->quarantine = job->report->failure;
	return true;
}

/*
 * The reporter's key; none of a message that was given up or that keeps
 * failing, lest the key is the reason.
 */
struct certificate *
job_reporter_key(struct job *job, struct reporter_key *key, GError **error)
{
	struct certificate *certificate;

	if (job->quarantine != NULL || job->in->claims + job->in->delays > MAX_CLAIMS / 2)
		return NULL;
	certificate = reporter_key_find(job->report, job->work->pgp,
		&key->pinned, error);
	if (certificate != NULL) {
		key->packets = certificate->packets;
		key->fingerprint = certificate->fingerprint;
	}
	return certificate;
}

static bool
prepare_case(struct job *job, GError **error)
{
	struct reporter_key key = {0};
	g_autoptr(certificate_auto) certificate =
		job_reporter_key(job, &key, error);

	if (*error != NULL)
		return false;
	job->file = open_prepare(job->work->conf, job->in, job->in->number,
		job->report, &key);
	job->file->title = fields_title(job->report->title,
		job->report->description ? job->report->description : "");
	return true;
}

bool
job_prepare_facts(struct job *job, GError **error)
{
	const char *key = job->postbox.mailbox->key;
	const GByteArray *own = case_work_own_key(job->work, key, error);

	g_free(job->next);
	job->next = job->file->id != 0
		? replay_next_step(job->work->db, job->file->id,
			  job->work->conf->time_zone, error)
		: deadline_first_step(job->work->conf, job->in->arrived_at);
	if (job->next == NULL)
		return false;
	job->facts = (struct letter_facts){.postbox = &job->postbox,
		.file = job->file,
		.report = job->report,
		.own_fingerprint = key,
		.own_key = own,
		.now = clock_now(),
		.next = job->next,
		.header_only = job->in->header_only};
	return own != NULL;
}

bool
job_finish(struct job *job, const char *outcome, GError **error)
{
	struct db *db = job->work->db;

	if (job->quarantine != NULL)
		return claim_quarantine(db, job->in, job->quarantine,
			       job->file->id, error) &&
			event_add(db, job->file->id, job->in->id,
				"quarantined", job->quarantine, error);
	return claim_done(db, job->in, outcome, job->file->id, 0, error);
}

/* A new case: letters are sealed first, then all is stored at once. */
static bool
open_case(struct job *job, bool may_answer, int64_t claims, GError **error)
{
	struct db *db = job->work->db;
	g_autoptr(letter_auto) ack = NULL;
	g_autoptr(bytes_auto) wire = NULL;
	bool encrypted = false, over = false, mine;

	if (!claim_number(db, job->in, job->work->conf->time_zone, &mine,
		    error))
		return false;
	if (!mine) {
		db_rollback(db);
		return true;
	}
	if (!prepare_case(job, error))
		return false;
	job->file->claims = claims;
	if (!marks_look(db, job->postbox.content_key, job->report, job->file,
		    error) ||
		!job_prepare_facts(job, error))
		return false;
	if (may_answer && job->file->address != NULL) {
		if (!queue_over_budget(db, &job->postbox, job->file->address,
			    report_is_sealed(job->report), &over, error))
			return false;
		wire = job_seal_acknowledgment(job, &ack, &encrypted, error);
		if (wire == NULL)
			return false;
	} else if (!queue_many_mute(db, &job->postbox, &over, error))
		return false;
	if (!open_store(db, job->work->conf, job->in, job->report,
			job->file, error) ||
		!marks_keep(db, job->postbox.content_key, job->report,
			job->file, error) ||
		!facts_find_hints(db, job->file->id, &job->facts.hints,
			error) ||
		(wire != NULL &&
			!job_queue_acknowledgment(job, ack, wire, encrypted,
				error)) ||
		!(over ? digest_defer(job->work, job->in->mailbox_id,
				  job->file->id, error)
		       : job_notify(job, false, error)) ||
		!order_work_tell(job, error) ||
		!job_finish(job, "case", error) || !db_commit(db, error))
		return false;
	log_case("case-opened", job->file->number, "%s, signature %s%s%s",
		protection_word(job->report->protection),
		signature_word(job->report->signature),
		job->quarantine ? ", quarantined: " : "",
		job->quarantine ? job->quarantine : "");
	return true;
}

/* Released from quarantine, and it can be read now. */
static bool
refill_case(struct job *job, GError **error)
{
	struct db *db = job->work->db;
	struct reporter_key key = {0};
	g_autoptr(certificate_auto) certificate =
		job_reporter_key(job, &key, error);

	if (*error != NULL)
		return false;
	job->file = open_load(db, job->in->case_id, error);
	if (job->file == NULL ||
		!marks_look(db, job->postbox.content_key, job->report,
			job->file, error) ||
		!marks_keep(db, job->postbox.content_key, job->report,
			job->file, error) || !job_prepare_facts(job, error))
		return false;
	g_free(job->file->title);
	job->file->title = fields_title(job->report->title,
		job->report->description ? job->report->description : "");
	if ((job->quarantine == NULL &&
			!open_refill(db, job->in, job->report, job->file, &key,
				error)) ||
		!event_add(db, job->file->id, job->in->id, "released", "",
			error) ||
		!job_notify(job, true, error) ||
		!job_finish(job, "case", error) || !db_commit(db, error))
		return false;
	log_case("released", job->file->number, "%s",
		job->quarantine ? job->quarantine : "read");
	return true;
}

static bool
file_again(struct job *job, const struct facts *facts, GError **error)
{
	struct db *db = job->work->db;

	if (!claim_done(db, job->in, "again", facts->same_case,
		    facts->same_message, error) ||
		!event_add(db, facts->same_case, job->in->id, "again",
			"the same message once more", error) ||
		!db_commit(db, error))
		return false;
	log_info("message %" PRId64 " is message %" PRId64 " again",
		job->in->id, facts->same_message);
	return true;
}

static const char sql_bounced[] = "SELECT letter_bounced($1, $2)";

static bool
file_delivery_report(struct job *job, const struct facts *facts, GError **error)
{
	struct db *db = job->work->db;
	const struct reading *outer = job->report->outer;
	g_autofree char *failed = g_strjoinv("\n", outer->failed);
	g_autofree char *detail = g_strdup_printf("letter %" PRId64,
		facts->reported_letter);

	/* the case is locked before its letters */
	if (facts->reported_case != 0) {
		job->file = open_load(db, facts->reported_case, error);
		if (job->file == NULL)
			return false;
	}
	if (((outer->guard & GUARD_FAILED) &&
		    !db_run(db, error, sql_bounced,
			    PARAM_INT8(facts->reported_letter),
			    PARAM_TEXT(failed))) ||
		!claim_done(db, job->in, "delivery-report",
			facts->reported_case, 0, error) ||
		!event_add(db, facts->reported_case, job->in->id,
			"delivery-report", detail, error) ||
		!db_commit(db, error))
		return false;
	log_info("message %" PRId64 " is a delivery report", job->in->id);
	return true;
}

/* A case that the address it came to, or its words, name. */
static bool
find_case(struct job *job, struct facts *facts, GError **error)
{
	const struct report *report = job->report;
	g_autofree char *number = NULL, *named = NULL, *token = NULL;
	int64_t letter = 0;

	if (facts->reported_letter != 0)
		return true;
	/* our bounce address says which letter came back */
	token = postbox_bounced_token(&job->postbox, report->outer->recipients);
	if (token != NULL && (report->outer->guard & GUARD_DELIVERY_REPORT))
		return facts_of_token(job->work->db, job->in, token,
			&facts->reported_letter, &facts->reported_case, error);
	if (token != NULL && facts->thread_case == 0 &&
		!facts_of_token(job->work->db, job->in, token, &letter,
			&facts->thread_case, error))
		return false;
	if (facts->thread_case != 0)
		return true;
	number = postbox_number_of(&job->postbox, report->outer->recipients);
	if (number != NULL)
		return replay_find_case(job->work->db, job->in->mailbox_id,
			number, &facts->thread_case, error);
	named = fields_case_number(job->postbox.mailbox->prefix, report->title,
		report->description);
	return named == NULL ||
		facts_of_number(job->work->db, job->in, report, named, facts,
			error);
}

/* What belongs to a case keeps its place behind what came before it. */
static bool
wait_for_older(struct job *job, const struct staff *staff,
	const struct facts *facts, bool *waiting, GError **error)
{
	struct db *db = job->work->db;

	*waiting = false;
	if (job->work->once || (staff == NULL && facts->thread_case == 0))
		return true;
	return claim_is_behind(db, job->in, waiting, error) &&
		(!*waiting || claim_give_back(db, job->in, error));
}

static bool
dispatch(struct job *job, struct facts *facts, GError **error)
{
	struct case_work *work = job->work;
	const struct reading *outer;
	const struct staff *staff;
	struct route route;
	bool ours, canary, waiting;

	if (!facts_same_bytes(work->db, job->in, facts, error))
		return false;
	if (facts->same_message != 0)
		return file_again(job, facts, error);
	if (!postbox_load(&job->postbox, work->db, work->conf,
		    job->in->mailbox, error) ||
		!unseal_message(job, error))
		return false;
	if (job->in->case_id != 0)
		return refill_case(job, error);
	if (!facts_of(work->db, job->in, job->report, facts, error) ||
		!canary_work_receive(job, &canary, error) ||
		!(canary || find_case(job, facts, error)))
		return false;
	if (canary)
		return true;
	outer = job->report->outer;
	staff = conf_staff_by_address(work->conf, outer->from_address);
	ours = staff != NULL || route_is_ours(work->conf, outer->from_address);
	route = route_decide(outer->guard, ours,
		staff != NULL && job->report->fingerprint != NULL &&
			g_ascii_strcasecmp(staff->key,
				job->report->fingerprint) == 0,
		facts);
	if (!wait_for_older(job, staff, facts, &waiting, error))
		return false;
	if (waiting)
		return true;
	/* a list hands on what a person has signed */
	if (staff != NULL && facts->same_message == 0 &&
		(outer->guard & ~(GUARD_LIST | GUARD_BULK)) == 0) {
		bool handled;

		if (!order_work_do(job, staff, facts, &handled, error))
			return false;
		if (handled)
			return true;
	}
	switch (route.destination) {
	case ROUTE_AGAIN:
		/* the same headers around other words are no repetition */
		if (facts->same_case != 0 && !facts->same_text)
			return follow_work_do(job, facts->same_case, false, error);
		return file_again(job, facts, error);
	case ROUTE_DELIVERY_REPORT:
		return file_delivery_report(job, facts, error);
	case ROUTE_FOLLOW:
	case ROUTE_NOTE:
		return follow_work_do(job, route.case_id,
			route.destination == ROUTE_NOTE, error);
	case ROUTE_OPEN:
		break;
	}
	return open_case(job, route.may_answer, facts->claimed_case, error);
}

bool
case_work_do(struct case_work *work, struct inbound *inbound, GError **error)
{
	struct job job = {.work = work, .in = inbound};
	struct facts facts = {0};
	bool good = dispatch(&job, &facts, error);

	if (!good)
		db_rollback(work->db);
	facts_release(work->db, &facts);
	if (job.facts.hints != NULL)
		g_ptr_array_unref(job.facts.hints);
	report_free(job.report);
	casefile_free(job.file);
	g_free(job.next);
	if (job.refusal.told != NULL)
		told_free(job.refusal.told);
	explicit_bzero(&job.postbox, sizeof(job.postbox));
	return good;
}

void
case_work_clear(struct case_work *work)
{
	g_clear_pointer(&work->own_keys, g_hash_table_unref);
	g_clear_pointer(&work->resting, g_hash_table_unref);
	g_clear_pointer(&work->chore, g_free);
	g_clear_pointer(&work->readers, readers_free);
	g_clear_pointer(&work->pgp, pgp_close);
	g_clear_pointer(&work->db, db_close);
}

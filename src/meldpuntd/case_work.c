#include "meldpuntd/case_work.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "desk/claim.h"
#include "desk/events.h"
#include "desk/facts.h"
#include "desk/open.h"
#include "intake/fields.h"
#include "intake/route.h"
#include "intake/unseal.h"
#include "outbox/letters.h"
#include "outbox/queue.h"
#include "outbox/seal.h"

#include <string.h>

#define MAX_CLAIMS 10
#define MAX_READER_DEATHS 2
#define SIZE_UNKNOWN (20 << 20) /* of letters while no server said its SIZE */

/* One message and what is made of it. */
struct job {
	struct case_work *work;
	struct inbound *in;
	struct postbox postbox;
	struct report *report;
	struct casefile *file;
	struct letter_facts facts;
	const char *quarantine; /* why it will not be opened, or NULL */
};

static const GByteArray *
own_key(struct case_work *work, const char *fingerprint, GError **error)
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

/* Seals to the reporter's key; one that cannot be used counts as none. */
static struct bytes *
seal_for_reporter(struct job *job, struct letter **letter, bool *encrypted,
	GError **error)
{
	struct case_work *work = job->work;
	const char *signer = job->postbox.mailbox->key;
	struct casefile *file = job->file;
	g_autoptr(GPtrArray) some = NULL;
	struct bytes *wire = NULL;

	*encrypted = false;
	if (file->key != NULL) {
		some = certificate_split((const char *)file->key->data,
			file->key->len);
		*letter = letter_acknowledgment(&job->facts, file->pinned);
		wire = some->len == 0
			? NULL
			: seal_letter(work->pgp, signer, *letter, NULL,
				  some->pdata[0], error);
		if (wire != NULL) {
			*encrypted = true;
			return wire;
		}
		if (*error != NULL && !fault_is(*error, FAULT_MAIL))
			return NULL;
		g_clear_error(error);
		g_clear_pointer(letter, letter_free);
		g_clear_pointer(&file->key, g_byte_array_unref);
		g_clear_pointer(&file->fingerprint, g_free);
		file->pinned = false;
	}
	*letter = letter_acknowledgment(&job->facts, false);
	return seal_letter(work->pgp, signer, *letter, NULL, NULL, error);
}

/* The staff of a mailbox in a role that have a key. */
static void
collect_staff(const struct conf *conf, const char *mailbox, const char *role,
	GPtrArray *addresses, GPtrArray *keys)
{
	for (guint i = 0; i < conf->staff->len; i++) {
		const struct staff *staff = conf->staff->pdata[i];

		if (!conf_staff_has(staff, mailbox, role) ||
			*staff->key == '\0')
			continue;
		g_ptr_array_add(addresses, staff->address);
		g_ptr_array_add(keys, staff->key);
	}
}

static bool
fits(const struct job *job)
{
	int64_t limit = job->postbox.smtp_size ? job->postbox.smtp_size
					       : SIZE_UNKNOWN;
	uint64_t size = strlen(job->report->description
			? job->report->description
			: "");

	for (guint i = 0; i < job->report->attachments->len; i++) {
		const struct attachment *a =
			job->report->attachments->pdata[i];

		size += a->size;
	}
	/* base64 inside the seal, base64 around it, and a little */
	return size * 19 / 10 + 65536 < (uint64_t)limit;
}

static void
address_letter(struct letter *letter, const GPtrArray *addresses)
{
	for (guint i = 0; i < addresses->len; i++)
		g_ptr_array_add(letter->to, g_strdup(addresses->pdata[i]));
}

struct sealed_notice {
	struct letter *letter;
	struct bytes *wire;
	GPtrArray *addresses;
};

static void
sealed_notice_free(struct sealed_notice *notice)
{
	letter_free(notice->letter);
	bytes_free(notice->wire);
	g_ptr_array_unref(notice->addresses);
	g_free(notice);
}

static bool
seal_notice(struct job *job, bool follow_up, GPtrArray *addresses,
	GPtrArray *keys, GPtrArray *notices, GError **error)
{
	struct sealed_notice *notice = g_new0(struct sealed_notice, 1);

	notice->letter = letter_notice(&job->facts, follow_up, fits(job));
	notice->addresses = g_ptr_array_ref(addresses);
	address_letter(notice->letter, addresses);
	notice->wire = seal_letter(job->work->pgp, job->postbox.mailbox->key,
		notice->letter, keys, NULL, error);
	if (notice->wire != NULL)
		g_ptr_array_add(notices, notice);
	else
		sealed_notice_free(notice);
	return notice->wire != NULL;
}

/*
 * One letter to all handlers; if a key among theirs cannot be used, one
 * each, so that a colleague's expired key keeps nothing from the others.
 */
static bool
seal_notices(struct job *job, bool follow_up, GPtrArray *notices,
	GError **error)
{
	g_autoptr(GPtrArray) addresses = g_ptr_array_new();
	g_autoptr(GPtrArray) keys = g_ptr_array_new();

	collect_staff(job->work->conf, job->in->mailbox, "handler", addresses,
		keys);
	if (seal_notice(job, follow_up, addresses, keys, notices, error))
		return true;
	if (!fault_is(*error, FAULT_MAIL))
		return false;
	for (guint i = 0; i < addresses->len; i++) {
		g_autoptr(GPtrArray) address = g_ptr_array_new();
		g_autoptr(GPtrArray) key = g_ptr_array_new();

		g_clear_error(error);
		g_ptr_array_add(address, addresses->pdata[i]);
		g_ptr_array_add(key, keys->pdata[i]);
		if (seal_notice(job, follow_up, address, key, notices, error))
			continue;
		if (!fault_is(*error, FAULT_MAIL))
			return false;
		log_warning("the key %s of a staff member cannot be used",
			(const char *)keys->pdata[i]);
	}
	g_clear_error(error);
	return true;
}

static bool
queue_notices(struct job *job, const GPtrArray *notices, GError **error)
{
	for (guint i = 0; i < notices->len; i++) {
		const struct sealed_notice *notice = notices->pdata[i];
		g_autofree char *from = postbox_bounce_address(&job->postbox,
			notice->letter->message_id);
		const struct dispatch dispatch = {.postbox = &job->postbox,
			.case_id = job->file->id,
			.letter = notice->letter,
			.wire = notice->wire,
			.recipients = notice->addresses,
			.envelope_from = from,
			.encrypted = true};

		if (!queue_letter(job->work->db, &dispatch, error))
			return false;
	}
	return true;
}

static bool
queue_acknowledgment(struct job *job, const struct letter *letter,
	const struct bytes *wire, bool encrypted, GError **error)
{
	g_autofree char *bounce =
		postbox_bounce_address(&job->postbox, letter->message_id);
	const struct dispatch dispatch = {.postbox = &job->postbox,
		.case_id = job->file->id,
		.letter = letter,
		.wire = wire,
		.recipients = letter->to,
		.envelope_from =
			job->postbox.mailbox->null_sender ? "" : bounce,
		.sealed = report_is_sealed(job->report),
		.is_message = true,
		.encrypted = encrypted};

	return queue_letter(job->work->db, &dispatch, error);
}

static void
prepare_case(struct job *job)
{
	g_autoptr(certificate_auto) certificate = NULL;
	struct reporter_key key = {0};

	certificate = unseal_reporter_key(job->report, &key.pinned);
	if (certificate != NULL) {
		key.packets = certificate->packets;
		key.fingerprint = certificate->fingerprint;
	}
	job->file = open_prepare(job->work->conf, job->in, job->in->number,
		job->report, &key);
	job->file->title = fields_title(job->report->title,
		job->report->description ? job->report->description : "");
}

static bool
prepare_facts(struct job *job, GError **error)
{
	const char *key = job->postbox.mailbox->key;
	const GByteArray *own = own_key(job->work, key, error);

	job->facts = (struct letter_facts){.postbox = &job->postbox,
		.file = job->file,
		.report = job->report,
		.own_fingerprint = key,
		.own_key = own,
		.now = clock_now(),
		.header_only = job->in->header_only};
	return own != NULL;
}

static bool
finish(struct job *job, const char *outcome, GError **error)
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
open_case(struct job *job, bool may_answer, GError **error)
{
	struct db *db = job->work->db;
	g_autoptr(letter_auto) ack = NULL;
	g_autoptr(bytes_auto) wire = NULL;
	g_autoptr(GPtrArray) notices = g_ptr_array_new_with_free_func(
		(GDestroyNotify)sealed_notice_free);
	bool encrypted = false, mine;

	if (!claim_number(db, job->in, job->work->conf->time_zone, &mine,
		    error))
		return false;
	if (!mine) {
		db_rollback(db);
		return true;
	}
	prepare_case(job);
	if (!prepare_facts(job, error))
		return false;
	if (may_answer && job->file->address != NULL) {
		wire = seal_for_reporter(job, &ack, &encrypted, error);
		if (wire == NULL)
			return false;
	}
	if (!seal_notices(job, false, notices, error) ||
		!open_store(db, job->work->conf, job->in, job->report,
			job->file, error) ||
		(wire != NULL &&
			!queue_acknowledgment(job, ack, wire, encrypted,
				error)) ||
		!queue_notices(job, notices, error) ||
		!finish(job, "case", error) || !db_commit(db, error))
		return false;
	log_case("case-opened", job->file->number, "%s, signature %s%s%s",
		protection_word(job->report->protection),
		signature_word(job->report->signature),
		job->quarantine ? ", quarantined: " : "",
		job->quarantine ? job->quarantine : "");
	return true;
}

/* More to a case: filed, and staff get it at once. */
static bool
follow_case(struct job *job, int64_t case_id, bool is_note, GError **error)
{
	struct db *db = job->work->db;
	const char *from = job->report->outer->from_address;
	g_autoptr(GPtrArray) notices = g_ptr_array_new_with_free_func(
		(GDestroyNotify)sealed_notice_free);
	bool stranger;

	job->file = open_load(db, case_id, error);
	if (job->file == NULL || !prepare_facts(job, error))
		return false;
	stranger = !is_note && job->file->address != NULL &&
		g_strcmp0(from, job->file->address) != 0;
	job->facts.stranger = stranger;
	if ((!is_note && !seal_notices(job, true, notices, error)) ||
		!open_file_message(db, job->in, job->report, job->file,
			is_note ? "note" : "in", stranger, error) ||
		!event_add(db, case_id, job->in->id,
			is_note ? "note-filed" : "follow-up",
			stranger ? "from another address" : "", error) ||
		!queue_notices(job, notices, error) ||
		!finish(job, is_note ? "note" : "follow-up", error) ||
		!db_commit(db, error))
		return false;
	log_case(is_note ? "note-filed" : "follow-up", job->file->number,
		"%s, signature %s", protection_word(job->report->protection),
		signature_word(job->report->signature));
	return true;
}

/* Released from quarantine, and it can be read now. */
static bool
refill_case(struct job *job, GError **error)
{
	struct db *db = job->work->db;
	g_autoptr(GPtrArray) notices = g_ptr_array_new_with_free_func(
		(GDestroyNotify)sealed_notice_free);

	job->file = open_load(db, job->in->case_id, error);
	if (job->file == NULL || !prepare_facts(job, error))
		return false;
	g_free(job->file->title);
	job->file->title = fields_title(job->report->title,
		job->report->description ? job->report->description : "");
	if (!seal_notices(job, true, notices, error) ||
		(job->quarantine == NULL &&
			!open_refill(db, job->in, job->report, job->file,
				error)) ||
		!event_add(db, job->file->id, job->in->id, "released", "",
			error) ||
		!queue_notices(job, notices, error) ||
		!finish(job, "case", error) || !db_commit(db, error))
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

static bool
file_delivery_report(struct job *job, const struct facts *facts, GError **error)
{
	struct db *db = job->work->db;
	g_autofree char *detail = g_strdup_printf("letter %" PRId64,
		facts->reported_letter);

	if (!claim_done(db, job->in, "delivery-report", facts->reported_case,
		    0, error) ||
		!event_add(db, facts->reported_case, job->in->id,
			"delivery-report", detail, error) ||
		!db_commit(db, error))
		return false;
	log_info("message %" PRId64 " is a delivery report", job->in->id);
	return true;
}

static bool
dispatch(struct job *job, GError **error)
{
	struct case_work *work = job->work;
	const struct reading *outer;
	struct facts facts = {0};
	struct route route;
	bool ours;

	if (!facts_same_bytes(work->db, job->in, &facts, error))
		return false;
	if (facts.same_message != 0)
		return file_again(job, &facts, error);
	if (!postbox_load(&job->postbox, work->db, work->conf,
		    job->in->mailbox, error) ||
		!unseal_message(job, error))
		return false;
	if (job->in->case_id != 0)
		return refill_case(job, error);
	if (!facts_of(work->db, job->in, job->report, &facts, error))
		return false;
	outer = job->report->outer;
	ours = route_is_ours(work->conf, outer->from_address) ||
		conf_staff_by_address(work->conf, outer->from_address);
	route = route_decide(outer->guard, ours, &facts);
	switch (route.destination) {
	case ROUTE_AGAIN:
		return file_again(job, &facts, error);
	case ROUTE_DELIVERY_REPORT:
		return file_delivery_report(job, &facts, error);
	case ROUTE_FOLLOW:
	case ROUTE_NOTE:
		return follow_case(job, route.case_id,
			route.destination == ROUTE_NOTE, error);
	case ROUTE_OPEN:
		break;
	}
	return open_case(job, route.may_answer, error);
}

bool
case_work_do(struct case_work *work, struct inbound *inbound, GError **error)
{
	struct job job = {.work = work, .in = inbound};
	bool good = dispatch(&job, error);

	report_free(job.report);
	casefile_free(job.file);
	explicit_bzero(&job.postbox, sizeof(job.postbox));
	return good;
}

void
case_work_clear(struct case_work *work)
{
	g_clear_pointer(&work->own_keys, g_hash_table_unref);
	g_clear_pointer(&work->readers, readers_free);
	g_clear_pointer(&work->pgp, pgp_close);
	g_clear_pointer(&work->db, db_close);
}

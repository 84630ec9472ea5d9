#include "meldpuntd/case_letters.h"

#include "base/fault.h"
#include "base/log.h"
#include "outbox/queue.h"
#include "outbox/seal.h"

#include <string.h>

#define SIZE_UNKNOWN (9 << 20) /* of letters while no server said its SIZE */

/* Seals to the reporter's key; one that cannot be used counts as none. */
struct bytes *
job_seal_acknowledgment(struct job *job, struct letter **letter, bool *encrypted,
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
		/* the key stays theirs; this letter goes in fixed words */
		g_clear_error(error);
		g_clear_pointer(letter, letter_free);
	}
	*letter = letter_acknowledgment(&job->facts, false);
	return seal_letter(work->pgp, signer, *letter, NULL, NULL, error);
}

void
case_letters_staff(const struct conf *conf, const char *mailbox, const char *role,
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
	uint64_t size = 1 << 20; /* more than a report's text in a notice */

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

void
sealed_notice_free(struct sealed_notice *notice)
{
	letter_free(notice->letter);
	bytes_free(notice->wire);
	g_ptr_array_unref(notice->addresses);
	g_free(notice);
}

/* Into the list if it could be sealed. */
static bool
keep_notice(struct sealed_notice *notice, GPtrArray *notices)
{
	bool sealed = notice->wire != NULL;

	if (sealed)
		g_ptr_array_add(notices, notice);
	else
		sealed_notice_free(notice);
	return sealed;
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
	return keep_notice(notice, notices);
}

/* Nobody is left without word: fixed ones, in clear, where no key works. */
static bool
seal_keyless_notice(struct job *job, GPtrArray *addresses, GPtrArray *notices,
	GError **error)
{
	struct sealed_notice *notice = g_new0(struct sealed_notice, 1);

	notice->letter = letter_notice_keyless(&job->facts);
	notice->addresses = g_ptr_array_ref(addresses);
	address_letter(notice->letter, addresses);
	notice->wire = seal_letter(job->work->pgp, job->postbox.mailbox->key,
		notice->letter, NULL, NULL, error);
	return keep_notice(notice, notices);
}

bool
job_seal_notices(struct job *job, bool follow_up, GPtrArray *notices,
	GError **error)
{
	g_autoptr(GPtrArray) addresses = g_ptr_array_new();
	g_autoptr(GPtrArray) keys = g_ptr_array_new();

	case_letters_staff(job->work->conf, job->in->mailbox, "handler", addresses,
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
		g_clear_error(error);
		log_warning("the key %s of a staff member cannot be used",
			(const char *)keys->pdata[i]);
		if (!seal_keyless_notice(job, address, notices, error))
			return false;
	}
	return true;
}

bool
job_queue_notices(struct job *job, const GPtrArray *notices, GError **error)
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

bool
job_queue_acknowledgment(struct job *job, const struct letter *letter,
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

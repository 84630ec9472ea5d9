#include "meldpuntd/case_letters.h"

#include "base/fault.h"
#include "desk/escalate.h"
#include "meldpuntd/post.h"
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

bool
job_notify(struct job *job, bool follow_up, GError **error)
{
	/* a machine that answers in a colleague's name gets no more to answer */
	g_autoptr(GPtrArray) staff = escalate_handlers(job->work->conf,
		job->file, job->report->outer->from_address);
	g_autoptr(letter_auto) letter =
		letter_notice(&job->facts, follow_up, fits(job));
	g_autoptr(letter_auto) keyless = letter_notice_keyless(&job->facts);

	return post_to_staff(job->work, &job->postbox, job->file->id, letter,
		keyless, staff, error);
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

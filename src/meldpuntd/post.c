#include "meldpuntd/post.h"

#include "base/fault.h"
#include "base/log.h"
#include "outbox/queue.h"
#include "outbox/seal.h"

#include <string.h>

bool
post_facts(struct case_work *work, const struct postbox *postbox,
	const struct casefile *file, struct letter_facts *facts, GError **error)
{
	const char *key = postbox->mailbox->key;

	*facts = (struct letter_facts){.postbox = postbox,
		.file = file,
		.own_fingerprint = key,
		.own_key = case_work_own_key(work, key, error),
		.now = clock_now()};
	return facts->own_key != NULL;
}

const char *
post_way(const struct letter_facts *facts)
{
	const struct casefile *file = facts->file;

	if (file->key != NULL && file->pinned)
		return "sent-sealed";
	/* in clear only what came in clear, to who asked, over TLS */
	if (file->plain && !file->sealed &&
		facts->postbox->mailbox->smtp.tls != TLS_NONE)
		return "sent-plain";
	return "sent-fixed";
}

static void
attach(struct letter *letter, const GPtrArray *attached)
{
	for (guint i = 0; attached != NULL && i < attached->len; i++) {
		const struct attachment *a = attached->pdata[i];

		letter_enclose(letter, a->name, "application/octet-stream",
			bytes_slice(a->source, a->bytes.offset,
				a->bytes.length),
			false);
	}
}

static struct letter *
compose(const struct letter_facts *facts, const struct to_reporter *mail,
	const char *way)
{
	bool keyed = strcmp(way, "sent-sealed") == 0;
	struct letter *letter;

	if (mail->text == NULL || strcmp(way, "sent-fixed") == 0)
		return letter_fixed(facts,
			mail->template ? mail->template : "status",
			mail->kind ? mail->kind : "reply",
			mail->what ? mail->what : "what-waiting",
			mail->answers, keyed);
	letter = letter_reply(facts, mail->text, mail->question, mail->states,
		keyed);
	attach(letter, mail->attached);
	return letter;
}

static bool
queue(struct case_work *work, const struct letter_facts *facts,
	const struct to_reporter *mail, const struct letter *letter,
	const struct bytes *wire, const char *way, GError **error)
{
	const struct casefile *file = facts->file;
	/* fixed words name no assessment: they answer by severity or the end */
	bool complete = mail->text != NULL && strcmp(way, "sent-fixed") != 0;
	g_autofree char *from = postbox_bounce_address(facts->postbox,
		letter->message_id);
	const struct dispatch dispatch = {.postbox = facts->postbox,
		.case_id = file->id,
		.letter = letter,
		.wire = wire,
		.recipients = letter->to,
		.envelope_from = from,
		.sealed = file->sealed,
		.is_message = true,
		.encrypted = strcmp(way, "sent-sealed") == 0,
		.answers = mail->answers &&
			(complete || file->severity != NULL ||
				strcmp(file->state, "closed") == 0),
		.quiet = mail->quiet,
		.author = mail->author};

	return queue_letter(work->db, &dispatch, error);
}

static bool
try_way(struct case_work *work, const struct letter_facts *facts,
	const struct to_reporter *mail, const char *way, GError **error)
{
	const struct casefile *file = facts->file;
	bool keyed = strcmp(way, "sent-sealed") == 0;
	g_autoptr(GPtrArray) some = keyed
		? certificate_split((const char *)file->key->data,
			  file->key->len)
		: NULL;
	g_autoptr(letter_auto) letter = compose(facts, mail, way);
	g_autoptr(bytes_auto) wire = NULL;

	if (keyed && some->len == 0)
		return fault_set(error, FAULT_MAIL,
			"the reporter's key cannot be read");
	wire = seal_letter(work->pgp, facts->own_fingerprint, letter, NULL,
		keyed ? some->pdata[0] : NULL, error);
	return wire != NULL &&
		queue(work, facts, mail, letter, wire, way, error);
}

bool
post_to_reporter(struct case_work *work, const struct letter_facts *facts,
	const struct to_reporter *mail, const char **how, GError **error)
{
	*how = post_way(facts);
	if (facts->file->address == NULL) {
		*how = "sent-nothing";
		return true;
	}
	if (try_way(work, facts, mail, *how, error))
		return true;
	if (strcmp(*how, "sent-sealed") != 0 || !fault_is(*error, FAULT_MAIL))
		return false;
	/* expired or revoked meanwhile: fixed words instead */
	g_clear_error(error);
	*how = "sent-fixed";
	return try_way(work, facts, mail, *how, error);
}

static bool
queue_to_staff(struct case_work *work, const struct postbox *postbox,
	int64_t case_id, const struct letter *letter, const struct bytes *wire,
	const GPtrArray *addresses, bool encrypted, GError **error)
{
	g_autofree char *from =
		postbox_bounce_address(postbox, letter->message_id);
	const struct dispatch dispatch = {.postbox = postbox,
		.case_id = case_id,
		.letter = letter,
		.wire = wire,
		.recipients = addresses,
		.envelope_from = from,
		.encrypted = encrypted};

	return queue_letter(work->db, &dispatch, error);
}

/* Of one letter to several: one each, so that a bad key stops no other. */
static bool
post_to_each(struct case_work *work, const struct postbox *postbox,
	int64_t case_id, struct letter *letter, struct letter *keyless,
	const GPtrArray *staff, GError **error)
{
	for (guint i = 0; i < staff->len; i++) {
		g_autoptr(GPtrArray) one = g_ptr_array_new();

		letter_renew(letter, i);
		if (keyless != NULL)
			letter_renew(keyless, i);
		g_ptr_array_add(one, staff->pdata[i]);
		if (!post_to_staff(work, postbox, case_id, letter, keyless,
			    one, error))
			return false;
	}
	return true;
}

bool
post_to_staff(struct case_work *work, const struct postbox *postbox,
	int64_t case_id, struct letter *letter, struct letter *keyless,
	const GPtrArray *staff, GError **error)
{
	g_autoptr(GPtrArray) keys = g_ptr_array_new();
	g_autoptr(bytes_auto) wire = NULL;

	for (guint i = 0; i < staff->len; i++) {
		const struct staff *member = staff->pdata[i];

		g_ptr_array_add(letter->to, g_strdup(member->address));
		g_ptr_array_add(keys, member->key);
	}
	wire = seal_letter(work->pgp, postbox->mailbox->key, letter, keys,
		NULL, error);
	if (wire != NULL)
		return queue_to_staff(work, postbox, case_id, letter, wire,
			letter->to, true, error);
	if (!fault_is(*error, FAULT_MAIL))
		return false;
	g_clear_error(error);
	if (staff->len > 1)
		return post_to_each(work, postbox, case_id, letter, keyless,
			staff, error);
	log_warning("the key %s of a staff member cannot be used: a letter of "
		"kind %s goes %s", (const char *)keys->pdata[0], letter->kind,
		keyless ? "in fixed words" : "unsent");
	return keyless == NULL ||
		post_in_clear(work, postbox, case_id, keyless, staff, error);
}

bool
post_in_clear(struct case_work *work, const struct postbox *postbox,
	int64_t case_id, struct letter *letter, const GPtrArray *staff,
	GError **error)
{
	g_autoptr(bytes_auto) wire = NULL;

	for (guint i = 0; i < staff->len; i++) {
		const struct staff *member = staff->pdata[i];

		g_ptr_array_add(letter->to, g_strdup(member->address));
	}
	wire = seal_letter(work->pgp, postbox->mailbox->key, letter, NULL,
		NULL, error);
	return wire != NULL &&
		queue_to_staff(work, postbox, case_id, letter, wire, letter->to,
			false, error);
}

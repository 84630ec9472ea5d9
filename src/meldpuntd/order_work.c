#include "meldpuntd/order_private.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "desk/apply.h"
#include "desk/claim.h"
#include "desk/events.h"
#include "desk/open.h"
#include "desk/orders.h"
#include "desk/replay.h"
#include "meldpuntd/post.h"

#include <string.h>

/* What is owed next, and its value; caller frees *value. */
static const char *
owed(const struct order_job *o, const char *how, const char *next, char **value)
{
	const struct casefile *file = o->job->file;
	const struct conf *conf = o->job->work->conf;
	const char *language = o->job->postbox.mailbox->languages[0];

	*value = NULL;
	if (file->answered_at == 0 && order_is_answer(o) &&
		strcmp(how, "sent-fixed") == 0 && file->severity == NULL &&
		!o->applied.closed) {
		*value = clock_text(file->answer_due_at, conf->zone, language);
		return "owed-severity";
	}
	if (file->answered_at == 0 && order_is_answer(o) &&
		o->applied.mail != MAIL_NONE && strcmp(how, "sent-nothing") != 0)
		return "owed-on-its-way";
	if (strcmp(file->state, "closed") == 0)
		return "owed-closed";
	if (file->answered_at == 0 && file->address != NULL) {
		*value = clock_text(file->answer_due_at, conf->zone, language);
		return "owed-answer";
	}
	*value = g_strdup(next);
	return "owed-nothing";
}

static bool
confirm(struct order_job *o, const char *how, GError **error)
{
	struct job *job = o->job;
	g_autoptr(GPtrArray) staff = g_ptr_array_new();
	g_autofree char *date = NULL, *value = NULL, *next = NULL;
	g_autoptr(letter_auto) letter = NULL;
	struct letter_desk desk = {.in_reply_to = job->report->outer->message_id,
		.done = o->applied.done,
		.sent = o->applied.mail == MAIL_STATUS &&
				strcmp(how, "sent-fixed") == 0
			? "sent-status"
			: how,
		.listing = o->applied.listing->len
			? o->applied.listing->str
			: NULL,
		.draft = strcmp(how, "sent-sealed") == 0 ||
				strcmp(how, "sent-plain") == 0
			? o->applied.text
			: NULL};

	g_ptr_array_add(staff, (void *)o->staff);
	if (o->applied.new_owner != NULL)
		g_ptr_array_add(staff, (void *)conf_staff_by_address(
			job->work->conf, o->applied.new_owner));
	if (job->file == NULL) {
		letter = letter_listing(&job->postbox, &desk, clock_now());
		return post_to_staff(job->work, &job->postbox, 0, letter, NULL,
			staff, error);
	}
	next = replay_next_step(job->work->db, job->file->id,
		job->work->conf->time_zone, error);
	if (next == NULL)
		return false;
	desk.sent_value = job->file->fingerprint;
	desk.owed = owed(o, how, next, &value);
	desk.owed_value = value;
	letter = letter_confirmation(&job->facts, &desk);
	if (o->result != NULL) {
		g_string_append(o->result, letter->text);
		return true;
	}
	return post_to_staff(job->work, &job->postbox, job->file->id, letter, NULL,
		staff, error);
}

/* The old address is told, content-free, that another one was named. */
static bool
warn_old_address(struct order_job *o, GError **error)
{
	const struct to_reporter mail = {.kind = "objection",
		.what = "what-objection"};
	const char *how;

	return !o->applied.objection ||
		post_to_reporter(o->job->work, &o->job->facts, &mail, &how,
			error);
}

static bool
preview(struct order_job *o, GError **error)
{
	struct job *job = o->job;
	g_autoptr(GPtrArray) staff = g_ptr_array_new();
	bool answers = !o->mail->draft_is_question && order_states_answer(o);
	const char *way = post_way(&job->facts);
	bool fixed = strcmp(way, "sent-fixed") == 0;
	g_autoptr(letter_auto) shown = fixed
		? letter_fixed(&job->facts, "status", "reply",
			  answers && job->file->severity ? "what-answered"
							 : "what-waiting",
			  answers && job->file->severity, false)
		: letter_reply(&job->facts, o->applied.draft,
			  o->mail->draft_is_question, answers, true);
	const struct letter_desk desk = {
		.in_reply_to = job->report->outer->message_id,
		.sent = way,
		.sent_value = job->file->fingerprint,
		.token = o->applied.draft_token,
		.draft = shown->text};
	g_autoptr(letter_auto) letter = letter_preview(&job->facts, &desk);

	g_ptr_array_add(staff, (void *)o->staff);
	return post_to_staff(job->work, &job->postbox, job->file->id, letter, NULL,
		staff, error);
}

/* The mail itself stays in the case, for staff's eyes. */
static bool
keep_mail(struct job *job, GError **error)
{
	return job->file == NULL ||
		open_file_message(job->work->db, job->in, job->report,
			job->file, "note", false, error);
}

static bool
carry_out(struct order_job *o, GError **error)
{
	struct job *job = o->job;
	struct applied *a = &o->applied;
	const char *how = "sent-nothing";

	*a = (struct applied){.conf = job->work->conf,
		.db = job->work->db,
		.file = job->file,
		.mailbox = job->in->mailbox,
		.staff = o->staff,
		.inbound = job->in->id,
		.now = job->in->arrived_at,
		.signed_at = job->report->signed_at,
		.draft_key = job->postbox.notice_key,
		.listing = g_string_new(NULL)};
	/* who is at a keyboard is not sent a preview */
	if (o->mail->draft != NULL && o->result != NULL) {
		order_refuse(o, "fault-no-dot",
			o->mail->draft_is_question ? "ask" : "reply", "");
		return true;
	}
	if (job->file != NULL &&
		!post_facts(job->work, &job->postbox, job->file, &job->facts,
			error))
		return false;
	if (!apply_orders(a, o->mail, error))
		return false;
	if (a->refused == NULL && o->mail->draft != NULL &&
		!apply_draft(a, o->mail, error))
		return false;
	if (a->refused != NULL) {
		order_refuse(o, a->refused->phrase, a->refused->value, "");
		return true;
	}
	if (order_find(o->mail, ORDER_HELP) != NULL) {
		g_autofree char *help = orders_help(
			job->postbox.mailbox->languages[0]);

		g_string_append(a->listing, help);
	}
	if (!order_write_to_reporter(o, &how, error) || o->refused != NULL)
		return o->refused != NULL;
	return (a->draft_token == NULL || preview(o, error)) &&
		(o->mail->orders->len == 0 || confirm(o, how, error)) &&
		warn_old_address(o, error);
}

/* A rule of the tables that no order should meet is a refusal as well. */
static bool
carry_out_or_refuse(struct order_job *o, GError **error)
{
	if (carry_out(o, error))
		return true;
	if (!fault_is(*error, FAULT_REFUSED))
		return false;
	log_warning("orders refused: %s", (*error)->message);
	g_clear_error(error);
	order_refuse(o, "fault-refused", "", "");
	return true;
}

bool
order_work_tell(struct job *job, GError **error)
{
	const struct refusal *refusal = &job->refusal;
	g_autoptr(GPtrArray) staff = g_ptr_array_new();
	g_autofree char *date = clock_rfc5322(job->in->arrived_at);
	const struct letter_desk desk = {.date = date,
		.in_reply_to = refusal->proven
			? job->report->outer->message_id
			: NULL,
		.refused = refusal->told,
		.unproven = !refusal->proven,
		.line = refusal->line};
	g_autoptr(letter_auto) letter = NULL, keyless = NULL;
	bool told = false;

	if (refusal->told == NULL)
		return true;
	if (!event_add(job->work->db, job->file->id, job->in->id,
		    "order-refused", refusal->told->phrase, error) ||
		(!refusal->proven &&
			!replay_told_lately(job->work->db,
				refusal->staff->address, &told, error)))
		return false;
	/* whoever forges one forges many: once an hour */
	if (told)
		return true;
	letter = letter_refusal(&job->postbox,
		refusal->known ? job->file : NULL, &desk, clock_now());
	g_ptr_array_add(staff, (void *)refusal->staff);
	/* whose key has expired has to hear of it all the same */
	if (!refusal->proven)
		keyless = letter_notice_keyless(&job->facts);
	return post_to_staff(job->work, &job->postbox, job->file->id, letter,
		keyless, staff, error);
}

static bool
finish(struct order_job *o, const char *what, GError **error)
{
	struct job *job = o->job;
	struct db *db = job->work->db;
	int64_t case_id = job->file ? job->file->id : 0;

	if (!keep_mail(job, error) ||
		!event_add_by(db, case_id, job->in->id, o->staff->address,
			what, "", error) ||
		!claim_done(db, job->in, "note", case_id, 0, error) ||
		!db_commit(db, error))
		return false;
	log_case(what, job->file ? job->file->number : "-", "%s",
		job->refusal.told ? job->refusal.told->phrase : "signed");
	return true;
}

/* Hands the reason to whoever files the message. */
static void
hand_refusal(struct order_job *o, bool proven)
{
	o->job->refusal = (struct refusal){.staff = o->staff,
		.told = g_steal_pointer(&o->refused),
		.line = o->line,
		.proven = proven,
		.known = proven && o->job->file != NULL};
}

/* Nothing of it is done; without a case of its own it opens one. */
static bool
refuse_signed(struct order_job *o, bool *handled, GError **error)
{
	struct job *job = o->job;
	bool fresh;

	hand_refusal(o, true);
	if (!db_script(job->work->db, "ROLLBACK TO SAVEPOINT orders", error) ||
		!replay_enter(job->work->db, job->in, job->report, &fresh,
			error))
		return false;
	*handled = job->file != NULL;
	return !*handled ||
		(order_work_tell(job, error) &&
			finish(o, "orders-refused", error));
}

static bool
do_signed(struct order_job *o, bool *handled, GError **error)
{
	struct job *job = o->job;
	bool fresh;

	if (!db_script(job->work->db, "SAVEPOINT orders", error) ||
		!order_bind_case(o, error) || !order_load_case(o, error) ||
		!replay_enter(job->work->db, job->in, job->report, &fresh,
			error))
		return false;
	if (!fresh)
		order_refuse(o, "fault-replayed", "", "");
	if (!conf_staff_has(o->staff, job->in->mailbox, "handler") &&
		!conf_staff_has(o->staff, job->in->mailbox, "lead"))
		order_refuse(o, "fault-not-yours", "", "");
	order_check_time(o);
	if (o->mail->fault != NULL) {
		o->line = o->mail->fault_line;
		order_refuse(o, o->mail->fault, o->mail->fault_value, "");
	}
	if (o->refused == NULL && o->mail->orders->len == 0 &&
		o->mail->draft == NULL)
		order_refuse(o, "fault-no-order", "", "");
	if (o->refused == NULL && !carry_out_or_refuse(o, error))
		return false;
	if (o->refused != NULL)
		return refuse_signed(o, handled, error);
	return finish(o, o->applied.draft_token ? "draft" : "orders", error);
}

/*
 * Not proven to be staff: an ordinary message of whoever wrote it, and the
 * real person is told if it looks like an order.
 */
static void
leave_unproven(struct order_job *o, const char *why)
{
	if (o->facts->thread_case == 0 && o->facts->claimed_case == 0 &&
		o->job->report->failure == NULL)
		return;
	order_refuse(o, why, o->staff->key, "");
	hand_refusal(o, false);
}

bool
order_work_do(struct job *job, const struct staff *staff,
	const struct facts *facts, bool *handled, GError **error)
{
	struct order_job o = {.job = job, .staff = staff, .facts = facts};
	const char *why = order_lacks_authority(job->report, staff);
	bool good = true;

	*handled = true;
	if (why == NULL) {
		o.mail = orders_parse(job->work->conf,
			job->report->description ? job->report->description
						 : "",
			job->in->arrived_at, job->postbox.mailbox->footer);
		/* a signed mail that orders nothing may be a report as well */
		if (o.mail->orders->len == 0 && o.mail->fault == NULL &&
			facts->thread_case == 0) {
			good = order_bind_case(&o, error);
			*handled = o.number != NULL;
		}
		if (good && *handled)
			good = do_signed(&o, handled, error);
	} else {
		*handled = false;
		leave_unproven(&o, why);
	}
	order_mail_free(o.mail);
	applied_clear(&o.applied);
	g_free(o.number);
	if (o.refused != NULL)
		told_free(o.refused);
	return good;
}

static char *
say_refusal(struct order_job *o)
{
	g_autofree char *date = clock_rfc5322(o->job->in->arrived_at);
	const struct letter_desk desk = {
		.date = date, .refused = o->refused, .line = o->line};
	g_autoptr(letter_auto) letter = letter_refusal(&o->job->postbox,
		o->job->file, &desk, clock_now());

	return g_strdup(letter->text);
}

bool
order_work_operator(struct job *job, const char *actor, const char *text,
	bool *refused, char **result, GError **error)
{
	g_autofree char *name = g_strdup(actor);
	const struct staff operator = {
		.name = name, .address = name, .key = NULL};
	g_autoptr(GString) said = g_string_new(NULL);
	struct order_job o = {
		.job = job, .staff = &operator, .result = said};
	const struct order *named;
	bool good;

	o.mail = orders_parse(job->work->conf, text, job->in->arrived_at, NULL);
	if (o.mail->fault != NULL) {
		o.line = o.mail->fault_line;
		order_refuse(&o, o.mail->fault, o.mail->fault_value, "");
	} else if (o.mail->orders->len == 0)
		order_refuse(&o, "fault-no-order", "", "");
	named = order_find(o.mail, ORDER_CASE);
	if (named != NULL && strcmp(named->value, job->file->number) != 0)
		order_refuse(&o, "fault-two-cases", job->file->number,
			named->value);
	good = o.refused != NULL || carry_out_or_refuse(&o, error);
	*refused = o.refused != NULL;
	if (good)
		*result = *refused ? say_refusal(&o) : g_strdup(said->str);
	order_mail_free(o.mail);
	applied_clear(&o.applied);
	g_clear_pointer(&o.refused, told_free);
	return good;
}

#include "desk/apply_private.h"

#include "desk/calendar.h"
#include "desk/deadlines.h"
#include "desk/events.h"
#include "desk/orders.h"
#include "desk/severity.h"

#include <string.h>

bool
apply_refuse(struct applied *a, const char *phrase, const char *value)
{
	if (a->refused == NULL) {
		a->refused = g_new0(struct told, 1);
		a->refused->phrase = phrase;
		a->refused->value = g_strdup(value ? value : "");
		a->refused->more = g_strdup("");
	}
	return true;
}

void
applied_clear(struct applied *a)
{
	g_clear_pointer(&a->done, g_ptr_array_unref);
	g_clear_pointer(&a->refused, told_free);
	g_clear_pointer(&a->text, g_free);
	g_clear_pointer(&a->draft, g_free);
	g_clear_pointer(&a->draft_token, g_free);
	g_clear_pointer(&a->new_owner, g_free);
	g_clear_pointer(&a->attach, g_ptr_array_unref);
	if (a->listing != NULL)
		g_string_free(g_steal_pointer(&a->listing), TRUE);
}

bool
case_can_be_answered(const struct casefile *file)
{
	return file->fix_date != NULL &&
		(file->severity != NULL || file->assessment != NULL);
}

/* An event by the staff member who ordered it. */
static bool
record(struct applied *a, const char *what, const char *detail, GError **error)
{
	return event_add_by(a->db, a->file->id, a->inbound, a->staff->address,
		what, detail, error);
}

static void
replace(char **place, const char *value)
{
	char *copy = g_strdup(value);

	g_free(*place);
	*place = copy;
}

static bool
set_severity(struct applied *a, const struct order *order, GError **error)
{
	const char *word = order->value;

	if (severity_is_vector(order->value)) {
		word = severity_of_vector(order->value);
		if (word == NULL && a->file->severity == NULL)
			return apply_refuse(a, "fault-cvss4", order->value);
		replace(&a->file->cvss, order->value);
	}
	if (word != NULL)
		replace(&a->file->severity, word);
	told_add(a->done, "done-severity", a->file->severity,
		severity_is_vector(order->value) ? order->value : "");
	return record(a, "severity", order->value, error);
}

static bool
set_owner(struct applied *a, const struct order *order, GError **error)
{
	const char *owner = order->value;
	const struct staff *staff;

	if (strcmp(owner, "none") == 0) {
		g_clear_pointer(&a->file->owner, g_free);
		told_add(a->done, "done-owner-none", "", "");
		return record(a, "owner", "none", error);
	}
	if (strcmp(owner, "me") == 0)
		owner = a->staff->address;
	staff = conf_staff_by_address(a->conf, owner);
	if (staff == NULL)
		return apply_refuse(a, "fault-owner", owner);
	if (!conf_staff_has(staff, a->file->mailbox, "handler") &&
		!conf_staff_has(staff, a->file->mailbox, "lead"))
		return apply_refuse(a, "fault-owner", owner);
	replace(&a->file->owner, staff->address);
	if (staff != a->staff)
		replace(&a->new_owner, staff->address);
	told_add(a->done, "done-owner", staff->address, "");
	return record(a, "owner", staff->address, error);
}

/* The steps of the date that the case has, if it has one. */
static bool
watch_fix_date(struct applied *a, GError **error)
{
	struct deadline steps[2];

	if (!deadline_cancel(a->db, a->file->id, "fix-date", error))
		return false;
	if (a->file->fix_date == NULL)
		return true;
	deadline_fix_date_steps(a->conf, a->file->fix_date, steps);
	return (steps[0].fires_at <= a->now ||
		       deadline_set(a->db, a->file->id, &steps[0], error)) &&
		deadline_set(a->db, a->file->id, &steps[1], error);
}

static bool
set_fix_date(struct applied *a, const struct order *order, GError **error)
{
	bool told = a->file->answered_at != 0 || a->file->answering;
	bool moves = told && a->file->fix_date != NULL &&
		strcmp(a->file->fix_date, order->value) != 0;

	replace(&a->file->fix_date, order->value);
	/* who was told another date hears of the new one */
	a->moved = a->moved || moves;
	if (moves && a->mail == MAIL_NONE)
		a->mail = MAIL_STATUS;
	told_add(a->done, "done-fix-date", order->value, "");
	return watch_fix_date(a, error) &&
		record(a, "fix-date", order->value, error);
}

/* Spam that was none after all: its clock goes on. */
static bool
take_up_again(struct applied *a, GError **error)
{
	struct casefile *f = a->file;
	const struct deadline progress = {
		"progress", "due", a->now + a->conf->progress};
	g_autoptr(rows) found = NULL;

	if (strcmp(f->state, "closed") != 0 ||
		g_strcmp0(f->resolution, "spam") != 0)
		return apply_refuse(a, "fault-not-spam", f->state);
	found = db_query(a->db, error, "SELECT case_reopen($1) AS state",
		PARAM_INT8(f->id));
	if (found == NULL)
		return false;
	replace(&f->state, rows_text(found, 0, "state"));
	g_clear_pointer(&f->resolution, g_free);
	if (strcmp(f->state, "received") == 0)
		f->answered_at = 0;
	told_add(a->done, "done-received", "", "");
	return watch_fix_date(a, error) &&
		(f->answered_at == 0 ||
			deadline_set(a->db, f->id, &progress, error)) &&
		record(a, "status", "received", error);
}

static bool
set_status(struct applied *a, const struct order *order, GError **error)
{
	bool was_done = strcmp(a->file->state, "fixed") == 0 ||
		strcmp(a->file->state, "closed") == 0;

	if (strcmp(order->value, "received") == 0)
		return take_up_again(a, error);
	if (g_strcmp0(a->file->resolution, "spam") == 0)
		return apply_refuse(a, "fault-is-spam", order->value);
	/* an answer said when it will be fixed; one that only closed did not */
	if (strcmp(a->file->state, "received") == 0 ||
		!case_can_be_answered(a->file))
		return apply_refuse(a, "fault-not-answered", order->value);
	replace(&a->file->state, order->value);
	g_clear_pointer(&a->file->resolution, g_free);
	/* a fix that was none has its date to keep again */
	if (strcmp(order->value, "fixed") == 0
			? !deadline_cancel(a->db, a->file->id, "fix-date", error)
			: was_done && !watch_fix_date(a, error))
		return false;
	if (a->mail == MAIL_NONE)
		a->mail = MAIL_STATUS;
	told_add(a->done, "done-status", order->value, "");
	return record(a, "status", order->value, error);
}

static bool
set_assessment(struct applied *a, const struct order *order, bool forced,
	GError **error)
{
	g_autofree char *text = apply_cut_name(a, order->text);

	if (*text == '\0')
		return apply_refuse(a, "fault-empty-reply", "");
	if (!apply_check_words(a, text, a->signed_at, forced, error))
		return false;
	replace(&a->file->assessment, text);
	told_add(a->done, "done-assessment", "", "");
	return record(a, "assessment", "", error);
}

static const char sql_add_note[] =
	"INSERT INTO messages (case_id, direction, at, protection, signature,"
	" fingerprint, subject, body)"
	" VALUES ($1, 'note', now(), CASE WHEN $2::text IS NULL THEN 'clear'"
	" ELSE 'signed' END, CASE WHEN $2::text IS NULL THEN 'none' ELSE 'good'"
	" END, $2, $3, $4)";

static bool
add_note(struct applied *a, const struct order *order, GError **error)
{
	told_add(a->done, "done-note", "", "");
	return db_run(a->db, error, sql_add_note, PARAM_INT8(a->file->id),
		       PARAM_TEXT(a->staff->key), PARAM_TEXT(a->staff->name),
		       PARAM_TEXT(order->text)) &&
		record(a, "note", "", error);
}

static bool
say(struct applied *a, const struct order *order, bool forced, GError **error)
{
	g_autofree char *text = NULL;

	if (!apply_check_address(a))
		return true;
	if (a->text != NULL)
		return apply_refuse(a, "fault-two-replies", "");
	text = apply_cut_name(a, order->text);
	if (*text == '\0')
		return apply_refuse(a, "fault-empty-reply", "");
	if (!apply_check_words(a, text, a->signed_at, forced, error))
		return false;
	a->text = g_steal_pointer(&text);
	a->mail = order->kind == ORDER_ASK ? MAIL_QUESTION : MAIL_REPLY;
	return record(a, order->kind == ORDER_ASK ? "asked" : "replied", "",
		error);
}

static const char sql_runs[] =
	"SELECT count(*) AS n FROM deadlines WHERE case_id = $1"
	" AND clock = 'legal' AND step = $2 AND fired_at IS NULL"
	" AND cancelled_at IS NULL";

static bool
start_clock(struct applied *a, const struct order *order, GError **error)
{
	g_autoptr(rows) running = db_query(a->db, error, sql_runs,
		PARAM_INT8(a->file->id), PARAM_TEXT(order->value));
	int64_t length = conf_legal_clock(a->conf, order->value);
	g_autofree char *half = g_strdup_printf("%s-half", order->value);
	g_autofree char *start = g_strdup_printf("%s-start", order->value);
	const struct deadline steps[] = {{"legal", start, a->now},
		{"legal", half, a->now + length / 2},
		{"legal", order->value, a->now + length}};

	if (running == NULL)
		return false;
	/* the law counts from the first knowledge of it */
	if (rows_int8(running, 0, "n") > 0)
		return apply_refuse(a, "fault-clock-runs", order->value);
	for (size_t i = 0; i < G_N_ELEMENTS(steps); i++)
		if (!deadline_set(a->db, a->file->id, &steps[i], error))
			return false;
	told_add(a->done, "done-clock", order->value, "");
	return record(a, "clock", order->value, error);
}

static const char sql_away[] =
	"INSERT INTO absences (address, until)"
	" VALUES ($1, to_timestamp($2::numeric / 1000000))"
	" ON CONFLICT (address) DO UPDATE SET until = excluded.until";

static bool
go_away(struct applied *a, const struct order *order, GError **error)
{
	g_autofree char *address = g_ascii_strdown(a->staff->address, -1);
	bool back = strcmp(order->value, "none") == 0;

	told_add(a->done, back ? "done-back" : "done-away", order->value, "");
	return db_run(a->db, error, sql_away, PARAM_TEXT(address),
		PARAM_INT8(back ? a->now
				: calendar_date(a->conf, order->value, 0)));
}

static bool
carry_out(struct applied *a, const struct order *order, bool forced,
	GError **error)
{
	switch (order->kind) {
	case ORDER_SEVERITY:
		return set_severity(a, order, error);
	case ORDER_OWNER:
		return set_owner(a, order, error);
	case ORDER_FIX_DATE:
		return set_fix_date(a, order, error);
	case ORDER_ASSESSMENT:
		return set_assessment(a, order, forced, error);
	case ORDER_STATUS:
		return set_status(a, order, error);
	case ORDER_CLOSE:
		return apply_close(a, order, error);
	case ORDER_REPLY:
	case ORDER_ASK:
		return say(a, order, forced, error);
	case ORDER_NOTE:
		return add_note(a, order, error);
	case ORDER_SEND:
		return apply_send(a, order, forced, error);
	case ORDER_DISCARD:
		return apply_discard(a, order, error);
	case ORDER_FORCE:
		return record(a, "forced", order->value, error);
	case ORDER_ATTACH:
		g_ptr_array_add(a->attach, g_strdup(order->value));
		return true;
	case ORDER_REPORTER:
		return apply_reporter(a, order, error);
	case ORDER_CLOCK:
		return start_clock(a, order, error);
	case ORDER_AWAY:
		return go_away(a, order, error);
	case ORDER_LIST:
		return apply_list(a, order, error);
	case ORDER_SHOW:
		return apply_show(a, order, error);
	case ORDER_HELP:
	case ORDER_CASE:
		break;
	}
	return true;
}

/* These need no case; all others do. */
static bool
needs_case(const struct order *order)
{
	return order->kind != ORDER_LIST && order->kind != ORDER_HELP &&
		order->kind != ORDER_AWAY && order->kind != ORDER_CASE &&
		!(order->kind == ORDER_SHOW && order->value != NULL) &&
		!(order->kind == ORDER_CLOSE && order->numbers != NULL &&
			*order->numbers != NULL &&
			strcmp(order->value, "spam") == 0);
}

static const char sql_store[] =
	"UPDATE cases SET severity = $2, cvss = $3, owner = $4,"
	" assessment = $5, fix_date = $6::date, state = $7, resolution = $8,"
	" closed_at = CASE WHEN $7 = 'closed' THEN coalesce(closed_at, now())"
	" END, waiting_since = CASE WHEN $9 THEN now()"
	" WHEN $10 THEN NULL ELSE waiting_since END, acted_at = now()"
	" WHERE id = $1";

/* Where no letter can or should say it, the record does. */
static bool
is_answered_on_record(const struct applied *a)
{
	const struct casefile *f = a->file;

	if (a->closed && strcmp(f->resolution, "spam") == 0)
		return true;
	return f->address == NULL && (a->closed || case_can_be_answered(f));
}

static bool
store_case(struct applied *a, GError **error)
{
	const struct casefile *f = a->file;

	/* the reporter's turn: nobody is to be reminded meanwhile */
	if (a->mail == MAIL_QUESTION &&
		!deadline_cancel(a->db, f->id, "progress", error))
		return false;
	if (!db_run(a->db, error, sql_store, PARAM_INT8(f->id),
		PARAM_TEXT(f->severity), PARAM_TEXT(f->cvss),
		PARAM_TEXT(f->owner), PARAM_TEXT(f->assessment),
		PARAM_TEXT(f->fix_date), PARAM_TEXT(f->state),
		PARAM_TEXT(f->resolution),
		PARAM_BOOL(a->mail == MAIL_QUESTION),
		PARAM_BOOL(a->mail == MAIL_REPLY)))
		return false;
	return !is_answered_on_record(a) ||
		db_run(a->db, error, "SELECT case_answered($1)",
			PARAM_INT8(f->id));
}

bool
apply_orders(struct applied *a, const struct order_mail *mail, GError **error)
{
	bool forced = order_find(mail, ORDER_FORCE) != NULL;

	a->done = g_ptr_array_new_with_free_func((GDestroyNotify)told_free);
	a->attach = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < mail->orders->len && a->refused == NULL; i++) {
		const struct order *order = mail->orders->pdata[i];

		if (needs_case(order) && a->file == NULL)
			return apply_refuse(a, "fault-no-case", "");
		if (!carry_out(a, order, forced, error))
			return false;
	}
	/* a closed case waits for nobody */
	if (a->refused == NULL && a->closed && a->mail == MAIL_QUESTION)
		apply_refuse(a, "fault-close-ask", "");
	if (a->refused == NULL && a->attach->len > 0 && a->text == NULL)
		apply_refuse(a, "fault-attach-alone", a->attach->pdata[0]);
	if (a->refused != NULL || a->file == NULL)
		return true;
	return store_case(a, error);
}

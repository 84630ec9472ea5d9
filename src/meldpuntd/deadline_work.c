#include "meldpuntd/deadline_work.h"

#include "base/log.h"
#include "desk/deadlines.h"
#include "desk/escalate.h"
#include "desk/events.h"
#include "desk/open.h"
#include "desk/replay.h"
#include "meldpuntd/chore.h"
#include "meldpuntd/post.h"

#include <string.h>

/* Of one case that nobody else is at. */
static const char sql_due[] =
	"SELECT d.case_id AS item FROM deadlines d"
	" JOIN cases c ON c.id = d.case_id"
	" WHERE d.fired_at IS NULL AND d.cancelled_at IS NULL"
	" AND d.fires_at <= now() AND c.id <> ALL ($1::bigint[])"
	" AND c.mailbox IN (SELECT id FROM mailboxes WHERE name = ANY ($2::text[]))"
	" ORDER BY d.fires_at LIMIT 1 FOR UPDATE OF c SKIP LOCKED";

static const char sql_fire[] =
	"UPDATE deadlines SET fired_at = now() WHERE case_id = $1"
	" AND fired_at IS NULL AND cancelled_at IS NULL AND fires_at <= now()"
	" RETURNING clock, step,"
	" (extract(epoch FROM fires_at) * 1000000)::bigint AS fires_at,"
	" (extract(epoch FROM now()) * 1000000)::bigint AS now";

static const char sql_absent[] =
	"SELECT address FROM absences WHERE until > now()"
	" UNION SELECT address FROM bouncing()";

/* One case whose steps fire. */
struct firing {
	struct case_work *work;
	struct postbox postbox;
	struct casefile *file;
	struct letter_facts facts;
	struct escalation escalation;
	moment now; /* the database's */
};

static GPtrArray *
find_absent(struct db *db, GError **error)
{
	g_autoptr(rows) found = db_query(db, error, sql_absent);
	GPtrArray *absent;

	if (found == NULL)
		return NULL;
	absent = g_ptr_array_new_with_free_func(g_free);
	for (int i = 0; i < rows_count(found); i++)
		g_ptr_array_add(absent,
			g_strdup(rows_text(found, i, "address")));
	return absent;
}

static struct letter *
write_letter(struct firing *f, const char *next, enum escalation_form form)
{
	return letter_escalation(&f->facts, f->escalation.owed, next, form);
}

/* Who has no key gets number and dates only, in clear. */
static bool
tell_others(struct firing *f, const GPtrArray *others, GError **error)
{
	for (guint i = 0; i < others->len; i++) {
		const struct staff *member = others->pdata[i];
		g_autoptr(GPtrArray) one = g_ptr_array_new();
		g_autoptr(letter_auto) letter =
			write_letter(f, "", ESCALATION_MANAGEMENT);
		g_autoptr(letter_auto) keyless =
			write_letter(f, "", ESCALATION_KEYLESS);

		g_ptr_array_add(one, (void *)member);
		if (*member->key == '\0'
				? !post_in_clear(f->work, &f->postbox,
					  f->file->id, keyless, one, error)
				: !post_to_staff(f->work, &f->postbox,
					  f->file->id, letter, keyless, one,
					  error))
			return false;
	}
	return true;
}

static bool
tell_staff(struct firing *f, GError **error)
{
	const struct conf *conf = f->work->conf;
	struct escalation *e = &f->escalation;
	g_autoptr(GPtrArray) absent = find_absent(f->work->db, error);
	g_autoptr(GPtrArray) workers = NULL, others = NULL;
	g_autoptr(letter_auto) letter = NULL, keyless = NULL;
	g_autofree char *next = NULL;

	if (absent == NULL)
		return false;
	if (e->owed->len == 0)
		return true;
	escalate_widen(conf, f->file, absent, e);
	workers = escalate_workers(conf, f->file, e);
	others = escalate_others(conf, f->file, e, workers);
	next = replay_next_step(f->work->db, f->file->id, conf->time_zone,
		error);
	if (next == NULL)
		return false;
	letter = write_letter(f, next, ESCALATION_STAFF);
	keyless = write_letter(f, "", ESCALATION_KEYLESS);
	return (workers->len == 0 ||
		       post_to_staff(f->work, &f->postbox, f->file->id, letter,
			       keyless, workers, error)) &&
		tell_others(f, others, error);
}

static bool
tell_reporter(struct firing *f, GError **error)
{
	const struct escalation *e = &f->escalation;
	const struct to_reporter mail = {
		.kind = e->late_mail ? "late" : "status",
		.what = e->late_mail ? "what-late"
			: strcmp(f->file->state, "fixed") == 0
			? "what-status"
			: "what-progress"};
	const char *how;

	/* nothing by itself to what was never answered by itself (RFC 3834) */
	if ((!e->late_mail && !e->progress_mail) || !f->file->acknowledged)
		return true;
	/* the answer waits for the server: "we are late" would come after it */
	if (e->late_mail && f->file->answering)
		return true;
	return post_to_reporter(f->work, &f->facts, &mail, &how, error);
}

static bool
set_next(struct firing *f, GError **error)
{
	for (guint i = 0; i < f->escalation.next->len; i++) {
		const struct next_step *next = &g_array_index(
			f->escalation.next, struct next_step, i);
		const struct deadline step = {
			next->clock, next->step, next->fires_at};

		if (!deadline_set(f->work->db, f->file->id, &step, error))
			return false;
	}
	return true;
}

static const char sql_change_reporter[] = "SELECT reporter_change($1, $2)";

/* Events, and what a step does by itself: a reporter's new address. */
static bool
record(struct firing *f, const struct deadline *step, GError **error)
{
	g_autofree char *detail =
		g_strdup_printf("%s %s", step->clock, step->step);

	if (strcmp(step->clock, "reporter") == 0 &&
		g_str_has_prefix(step->step, "message-") &&
		!db_run(f->work->db, error, sql_change_reporter,
			PARAM_INT8(f->file->id),
			PARAM_INT8(g_ascii_strtoll(
				step->step + strlen("message-"), NULL, 10))))
		return false;
	return event_add(f->work->db, f->file->id, 0, "deadline", detail,
		error);
}

static bool
fire(struct firing *f, const struct rows *fired, GError **error)
{
	g_autofree struct deadline *steps =
		g_new0(struct deadline, rows_count(fired));

	f->now = rows_int8(fired, 0, "now");
	for (int i = 0; i < rows_count(fired); i++) {
		steps[i] = (struct deadline){rows_text(fired, i, "clock"),
			rows_text(fired, i, "step"),
			rows_int8(fired, i, "fires_at")};
		if (!record(f, &steps[i], error))
			return false;
	}
	escalate_decide(f->work->conf, f->file, steps, rows_count(fired),
		f->now, &f->escalation);
	return set_next(f, error) &&
		post_facts(f->work, &f->postbox, f->file, &f->facts, error) &&
		tell_staff(f, error) && tell_reporter(f, error) &&
		db_commit(f->work->db, error);
}

static bool
fire_case(struct firing *f, int64_t case_id, GError **error)
{
	g_autoptr(rows) fired = NULL;

	f->file = open_load(f->work->db, case_id, error);
	if (f->file == NULL ||
		!postbox_load(&f->postbox, f->work->db, f->work->conf,
			f->file->mailbox, error))
		return false;
	/* looked at again, now that the case is locked */
	fired = db_query(f->work->db, error, sql_fire, PARAM_INT8(case_id));
	if (fired == NULL)
		return false;
	if (rows_count(fired) == 0)
		return db_commit(f->work->db, error);
	if (!fire(f, fired, error))
		return false;
	for (int i = 0; i < rows_count(fired); i++)
		log_case("deadline", f->file->number, "%s %s",
			rows_text(fired, i, "clock"),
			rows_text(fired, i, "step"));
	return true;
}

bool
deadline_work_do(struct case_work *work, bool *any, GError **error)
{
	struct firing f = {.work = work};
	g_autoptr(rows) due = NULL;
	bool good;

	if (!chore_claim(work, "a deadline", sql_due, &due, any, error))
		return false;
	if (due == NULL)
		return true;
	good = fire_case(&f, rows_int8(due, 0, "item"), error);
	casefile_free(f.file);
	escalation_clear(&f.escalation);
	explicit_bzero(&f.postbox, sizeof(f.postbox));
	return good;
}

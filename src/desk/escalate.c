#include "desk/escalate.h"

#include "desk/calendar.h"

#include <stdlib.h>
#include <string.h>

#define WITHOUT_ACTION (4 * CLOCK_HOUR) /* of working time */

static void
clear_step(void *data)
{
	g_free(((struct next_step *)data)->step);
}

void
escalation_clear(struct escalation *e)
{
	g_clear_pointer(&e->owed, g_ptr_array_unref);
	g_clear_pointer(&e->next, g_array_unref);
}

static void
set_next(struct escalation *e, const char *clock, char *step, moment fires_at)
{
	const struct next_step next = {clock, step, fires_at};

	g_array_append_val(e->next, next);
}

static void
owe(struct escalation *e, const char *phrase)
{
	told_add(e->owed, phrase, "", "");
}

static const char *const answer_steps[] = {"owner", "handlers", "lead",
	"management", "end"};

/* How far the answer clock is by this step: the place in the list, or past. */
static int
rank_of(const char *step)
{
	for (size_t i = 0; i < G_N_ELEMENTS(answer_steps); i++)
		if (strcmp(step, answer_steps[i]) == 0)
			return i;
	return G_N_ELEMENTS(answer_steps);
}

/* Daily until answered; what was slept through is not said day by day. */
static void
set_overdue(struct escalation *e, const char *step, moment fired, moment now)
{
	int n = g_str_has_prefix(step, "overdue-") ? atoi(step + 8) : 0;
	moment at = fired;

	do {
		at += CLOCK_DAY;
		n++;
	} while (at <= now);
	set_next(e, "answer", g_strdup_printf("overdue-%d", n), at);
}

/* Steps that are due together are told together: to all that each is for. */
static void
tell_answer_step(const struct conf *conf, const struct casefile *file,
	const struct deadline *step, moment now, struct escalation *e)
{
	int rank = rank_of(step->step);
	bool idle = file->acted_at < calendar_back(conf, now, WITHOUT_ACTION);

	e->owner |= rank == 0 || rank >= 4;
	e->handlers |= rank == 1 && idle;
	e->lead |= rank >= 2;
	e->management |= rank >= 3;
	e->late_mail |= rank == 4;
}

/* What the last of them says, and what comes next. */
static void
decide_answer(const struct conf *conf, const struct casefile *file,
	const struct deadline *step, moment now, struct escalation *e)
{
	static const char *const phrases[] = {"due-answer-owner",
		"due-answer-handlers", "due-answer-lead",
		"due-answer-management", "due-answer-end",
		"due-answer-overdue"};
	int rank = rank_of(step->step);

	/* somebody acted meanwhile: once more if that was all */
	if (rank == 1 && !e->handlers) {
		set_next(e, "answer", g_strdup("handlers"),
			calendar_forward(conf, file->acted_at, WITHOUT_ACTION));
		return;
	}
	owe(e, phrases[rank]);
	if (rank == 0 && file->owner != NULL)
		set_next(e, "answer", g_strdup("handlers"),
			calendar_forward(conf, now, WITHOUT_ACTION));
	if (rank >= 4)
		set_overdue(e, step->step, step->fires_at, now);
}

static void
decide_progress(const struct conf *conf, const struct casefile *file,
	const struct deadline *step, moment now, struct escalation *e)
{
	if (strcmp(file->state, "closed") == 0 || file->waiting_since != 0)
		return;
	e->owner = true;
	if (strcmp(step->step, "due") == 0) {
		owe(e, "due-progress-due");
		if (conf->progress_grace > 0)
			set_next(e, "progress", g_strdup("slip"),
				now + conf->progress_grace);
		return;
	}
	e->lead = e->progress_mail = true;
	owe(e, "due-progress-slip");
	set_next(e, "progress", g_strdup("due"), now + conf->progress);
}

static void
decide_fix_date(const struct casefile *file, const struct deadline *step,
	struct escalation *e)
{
	bool passed = strcmp(step->step, "passed") == 0;

	if (strcmp(file->state, "closed") == 0 ||
		strcmp(file->state, "fixed") == 0)
		return;
	e->owner = true;
	e->lead |= passed;
	owe(e, passed ? "due-fix-date-passed" : "due-fix-date-soon");
}

static void
decide_legal(const struct deadline *step, struct escalation *e)
{
	e->privacy = e->lead = true;
	owe(e, g_str_has_suffix(step->step, "-start") ? "due-legal-start"
			: g_str_has_suffix(step->step, "-half")
			? "due-legal-half"
			: "due-legal-end");
}

static void
decide_other(const struct deadline *step, struct escalation *e)
{
	if (strcmp(step->clock, "reporter") == 0) {
		e->owner = true;
		owe(e, "due-reporter");
		return;
	}
	e->owner = true;
	owe(e, g_str_has_prefix(step->step, "slow-") ? "due-delivery-slow"
						    : "due-delivery-letter");
}

/* Of what was slept through, "near" says nothing beside "passed". */
static bool
is_overtaken(const struct deadline *steps, guint count,
	const struct deadline *step)
{
	for (guint i = 0; i < count; i++) {
		size_t length = strlen(steps[i].step);

		if (strcmp(steps[i].clock, step->clock) != 0)
			continue;
		if (strcmp(step->clock, "fix-date") == 0 &&
			strcmp(step->step, "soon") == 0 &&
			strcmp(steps[i].step, "passed") == 0)
			return true;
		/* "gdpr-half" by "gdpr" */
		if (strcmp(step->clock, "legal") == 0 &&
			strncmp(step->step, steps[i].step, length) == 0 &&
			step->step[length] == '-')
			return true;
	}
	return false;
}

void
escalate_decide(const struct conf *conf, const struct casefile *file,
	const struct deadline *steps, guint count, moment now,
	struct escalation *e)
{
	const struct deadline *answer = NULL;

	e->owed = g_ptr_array_new_with_free_func((GDestroyNotify)told_free);
	e->next = g_array_new(FALSE, FALSE, sizeof(struct next_step));
	g_array_set_clear_func(e->next, clear_step);
	for (guint i = 0; i < count; i++) {
		const struct deadline *step = &steps[i];

		if (strcmp(step->clock, "answer") == 0) {
			if (file->answered_at == 0)
				tell_answer_step(conf, file, step, now, e);
			if (answer == NULL ||
				rank_of(step->step) >= rank_of(answer->step))
				answer = step;
		} else if (is_overtaken(steps, count, step))
			continue;
		else if (strcmp(step->clock, "progress") == 0)
			decide_progress(conf, file, step, now, e);
		else if (strcmp(step->clock, "fix-date") == 0)
			decide_fix_date(file, step, e);
		else if (strcmp(step->clock, "legal") == 0)
			decide_legal(step, e);
		else
			decide_other(step, e);
	}
	if (answer != NULL && file->answered_at == 0)
		decide_answer(conf, file, answer, now, e);
}

static void
add(GPtrArray *list, const struct staff *staff)
{
	if (staff != NULL && *staff->key != '\0' &&
		!g_ptr_array_find(list, staff, NULL))
		g_ptr_array_add(list, (void *)staff);
}

static bool
is_absent(const struct staff *staff, const GPtrArray *absent)
{
	for (guint i = 0; i < absent->len; i++)
		if (g_ascii_strcasecmp(staff->address, absent->pdata[i]) == 0)
			return true;
	return false;
}

static void
add_role(GPtrArray *list, const struct conf *conf, const char *mailbox,
	const char *role)
{
	for (guint i = 0; i < conf->staff->len; i++) {
		const struct staff *staff = conf->staff->pdata[i];

		if (conf_staff_has(staff, mailbox, role))
			add(list, staff);
	}
}

GPtrArray *
escalate_handlers(const struct conf *conf, const struct casefile *file,
	const char *except)
{
	GPtrArray *list = g_ptr_array_new();

	add(list, conf_staff_by_address(conf, file->owner));
	add_role(list, conf, file->mailbox, "handler");
	if (except != NULL && list->len > 1)
		g_ptr_array_remove(list,
			(void *)conf_staff_by_address(conf, except));
	return list;
}

/* True if nobody of a role is there. */
static bool
role_is_away(const struct conf *conf, const char *mailbox, const char *role,
	const GPtrArray *absent)
{
	for (guint i = 0; i < conf->staff->len; i++) {
		const struct staff *staff = conf->staff->pdata[i];

		if (conf_staff_has(staff, mailbox, role) &&
			!is_absent(staff, absent))
			return false;
	}
	return true;
}

void
escalate_widen(const struct conf *conf, const struct casefile *file,
	const GPtrArray *absent, struct escalation *e)
{
	const struct staff *owner = conf_staff_by_address(conf, file->owner);
	const struct staff *deputy =
		owner ? conf_staff_by_address(conf, owner->deputy) : NULL;

	if (e->owner && (owner == NULL || is_absent(owner, absent)) &&
		(deputy == NULL || is_absent(deputy, absent)))
		e->handlers = true;
	if (e->handlers && role_is_away(conf, file->mailbox, "handler", absent))
		e->lead = true;
	if (e->lead && role_is_away(conf, file->mailbox, "lead", absent))
		e->management = true;
}

GPtrArray *
escalate_workers(const struct conf *conf, const struct casefile *file,
	const struct escalation *e)
{
	GPtrArray *list = g_ptr_array_new();
	const struct staff *owner = conf_staff_by_address(conf, file->owner);

	if (e->owner && owner != NULL) {
		add(list, owner);
		add(list, conf_staff_by_address(conf, owner->deputy));
	}
	if (e->handlers)
		add_role(list, conf, file->mailbox, "handler");
	if (e->lead)
		add_role(list, conf, file->mailbox, "lead");
	return list;
}

GPtrArray *
escalate_others(const struct conf *conf, const struct casefile *file,
	const struct escalation *e, const GPtrArray *workers)
{
	GPtrArray *list = g_ptr_array_new();

	for (guint i = 0; i < conf->staff->len; i++) {
		struct staff *staff = conf->staff->pdata[i];

		if (((e->management && conf_staff_has(staff, file->mailbox,
					       "management")) ||
			    (e->privacy && conf_staff_has(staff,
						   file->mailbox, "privacy"))) &&
			!g_ptr_array_find((GPtrArray *)workers, staff, NULL))
			g_ptr_array_add(list, staff);
	}
	return list;
}

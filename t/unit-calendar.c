#include "desk/calendar.h"
#include "desk/deadlines.h"
#include "desk/escalate.h"
#include "tap.h"

#include <string.h>

static char *days[] = {(char *)"mon", (char *)"tue", (char *)"wed",
	(char *)"thu", (char *)"fri", NULL};
static char *holidays[] = {(char *)"2026-11-30", NULL};

/* "2026-04-03 17:00" in Amsterdam. */
static moment
at(const struct conf *conf, const char *text)
{
	g_autofree char *iso = g_strdup_printf("%.10sT%.5s:00", text, text + 11);
	g_autoptr(GDateTime) when =
		g_date_time_new_from_iso8601(iso, conf->zone);

	return g_date_time_to_unix(when) * CLOCK_SECOND;
}

static const struct {
	const char *sentence;
	int year, month, day;
	bool holiday;
} dates[] = {
	{"New Year's Day", 2026, 1, 1, true},
	{"Easter Monday 2026", 2026, 4, 6, true},
	{"Good Friday is a working day", 2026, 4, 3, false},
	{"Ascension Day 2026", 2026, 5, 14, true},
	{"Whit Monday 2027", 2027, 5, 17, true},
	{"King's Day", 2026, 4, 27, true},
	{"King's Day on a Sunday moves to Saturday", 2031, 4, 26, true},
	{"and Sunday is none", 2031, 4, 27, false},
	{"Boxing Day", 2030, 12, 26, true},
	{"an ordinary Wednesday", 2026, 11, 25, false},
};

static const struct {
	const char *sentence;
	const char *end;
	int hours;
	const char *wanted;
} back[] = {
	{"eight hours before Friday evening", "2026-11-27 17:00", 8,
		"2026-11-27 09:00"},
	{"over a weekend", "2026-11-24 10:00", 2, "2026-11-23 16:00"},
	{"a Sunday counts from Friday evening", "2026-11-22 12:00", 8,
		"2026-11-20 09:00"},
	{"over a holiday of the configuration", "2026-12-01 10:00", 2,
		"2026-11-27 16:00"},
	{"over Easter", "2026-04-07 09:00", 8, "2026-04-03 09:00"},
	{"over the night when clocks change", "2026-03-30 10:00", 2,
		"2026-03-27 16:00"},
};

static const struct {
	const char *sentence;
	const char *words;
	const char *wanted; /* NULL: refused; today is Wednesday 2026-11-25 */
} words[] = {
	{"an ISO date", "2027-02-01", "2027-02-01"},
	{"a day and month is the next one", "1 feb", "2027-02-01"},
	{"in Dutch", "1 maart", "2027-03-01"},
	{"later this year", "24 december", "2026-12-24"},
	{"with a year", "1 mei 2028", "2028-05-01"},
	{"month first", "feb 1", "2027-02-01"},
	{"days from today", "+14d", "2026-12-09"},
	{"weeks from today", "+2w", "2026-12-09"},
	{"the next Friday", "Friday", "2026-11-27"},
	{"vrijdag", "vrijdag", "2026-11-27"},
	{"this weekday is in a week", "woensdag", "2026-12-02"},
	{"tomorrow", "morgen", "2026-11-26"},
	{"a leap day", "29 feb 2028", "2028-02-29"},
	{"no leap day", "29 feb 2027", NULL},
	{"the past", "2026-11-24", NULL},
	{"no date", "soon", NULL},
	{"nothing", "", NULL},
	{"with something behind", "2027-02-01x", NULL},
	{"days without end", "+99999d", NULL},
};

static const struct {
	const char *sentence;
	const char *arrived;
	const char *owner, *lead, *management;
} steps[] = {
	{"a Monday: the limit is Saturday, warned by Thursday and Friday morning",
		"2026-11-16 10:00", "2026-11-19 10:00", "2026-11-20 09:00",
		"2026-11-20 22:00"},
	{"Easter: the limit is Sunday, both have Friday's eight hours",
		"2026-03-31 12:00", "2026-04-03 09:00", "2026-04-03 09:00",
		"2026-04-05 00:00"},
	{"a limit in the week keeps the planned steps", "2026-11-20 10:00",
		"2026-11-23 10:00", "2026-11-24 10:00", "2026-11-24 22:00"},
};

static const struct {
	const char *sentence;
	const char *clock, *step;
	const char *owner; /* of the case */
	bool answered;
	const char *phrase; /* NULL: nothing is owed */
	const char *told;   /* o h l m p: owner handlers lead management privacy */
	bool late;
} fires[] = {
	{"the owner first", "answer", "owner", "a@b", false, "due-answer-owner",
		"o", false},
	{"lead and management before the end", "answer", "management", NULL,
		false, "due-answer-management", "lm", false},
	{"everybody at the end, and the reporter", "answer", "end", "a@b",
		false, "due-answer-end", "olm", true},
	{"daily afterwards", "answer", "overdue-3", "a@b", false,
		"due-answer-overdue", "olm", false},
	{"nothing once it is answered", "answer", "end", "a@b", true, NULL, "",
		false},
	{"silence", "progress", "due", "a@b", true, "due-progress-due", "o",
		false},
	{"the fix date has passed", "fix-date", "passed", "a@b", true,
		"due-fix-date-passed", "ol", false},
	{"a legal clock", "legal", "gdpr", NULL, false, "due-legal-end", "lp",
		false},
};

static void
try_fire(const struct conf *conf, size_t i)
{
	char state[] = "received", owner[] = "a@b";
	struct casefile file = {.state = state,
		.owner = fires[i].owner ? owner : NULL,
		.answered_at = fires[i].answered};
	moment now = at(conf, "2026-11-25 12:00");
	const struct deadline step = {fires[i].clock, fires[i].step, now};
	struct escalation e = {0};
	g_autofree char *told = NULL;
	const struct told *first;

	escalate_decide(conf, &file, &step, 1, now, &e);
	told = g_strdup_printf("%s%s%s%s%s", e.owner ? "o" : "",
		e.handlers ? "h" : "", e.lead ? "l" : "",
		e.management ? "m" : "", e.privacy ? "p" : "");
	first = e.owed->len ? e.owed->pdata[0] : NULL;
	ok(strcmp(told, fires[i].told) == 0 && e.late_mail == fires[i].late &&
			g_strcmp0(first ? first->phrase : NULL,
				fires[i].phrase) == 0,
		fires[i].sentence);
	escalation_clear(&e);
}

/* Slept through for days: one thing is said, and the next is in the future. */
static void
try_missed(const struct conf *conf)
{
	char state[] = "received";
	struct casefile file = {.state = state};
	moment now = at(conf, "2026-11-25 12:00");
	const struct deadline missed[] = {{"answer", "owner", now - 5 * CLOCK_DAY},
		{"answer", "end", now - 3 * CLOCK_DAY},
		{"answer", "lead", now - 4 * CLOCK_DAY}};
	struct escalation e = {0};

	escalate_decide(conf, &file, missed, 3, now, &e);
	is_number(e.owed->len, 1, "what was slept through is said once");
	ok(e.owner && e.lead && e.management && e.late_mail,
		"to all that any of the steps is for");
	is_number(e.next->len, 1, "and one step is next");
	ok(g_array_index(e.next, struct next_step, 0).fires_at > now,
		"which is in the future");
	escalation_clear(&e);
}

static void
try_overtaken(const struct conf *conf)
{
	char state[] = "fixing";
	struct casefile file = {.state = state, .answered_at = 1};
	moment now = at(conf, "2026-11-25 12:00");
	const struct deadline missed[] = {{"fix-date", "soon", now - CLOCK_DAY},
		{"fix-date", "passed", now - CLOCK_HOUR},
		{"legal", "gdpr-half", now - CLOCK_DAY},
		{"legal", "gdpr", now - CLOCK_HOUR}};
	struct escalation e = {0};

	escalate_decide(conf, &file, missed, 4, now, &e);
	is_number(e.owed->len, 2, "what is near is not told beside what passed");
	escalation_clear(&e);
	escalate_decide(conf, &file, missed, 1, now, &e);
	is_number(e.owed->len, 1, "and alone it is");
	escalation_clear(&e);
}

/* Who is told when some are away, by roles of three people. */
static const struct {
	const char *absent;
	const char *wanted;
	const char *sentence;
} widened[] = {
	{"", "owner@x deputy@x", "owner and deputy, who are there"},
	{"owner@x", "owner@x deputy@x", "the owner away: the deputy suffices"},
	{"owner@x deputy@x", "owner@x deputy@x handler@x",
		"deputy away as well: all handlers"},
	{"owner@x deputy@x handler@x", "owner@x deputy@x handler@x lead@x",
		"no handler there: the lead"},
	{"owner@x deputy@x handler@x lead@x",
		"owner@x deputy@x handler@x lead@x boss@x",
		"no lead there either: management"},
};

static struct staff *
member(const char *address, const char *role, const char *deputy)
{
	struct staff *staff = g_new0(struct staff, 1);

	staff->name = g_strdup(address);
	staff->address = g_strdup(address);
	staff->key = g_strdup("0123");
	staff->roles = g_strsplit(role, " ", -1);
	staff->mailboxes = g_strsplit("", " ", -1);
	staff->deputy = g_strdup(deputy);
	return staff;
}

static void
member_free(void *data)
{
	struct staff *staff = data;

	g_free(staff->name);
	g_free(staff->address);
	g_free(staff->key);
	g_strfreev(staff->roles);
	g_strfreev(staff->mailboxes);
	g_free(staff->deputy);
	g_free(staff);
}

static void
try_widen(const struct conf *conf, size_t i)
{
	char owner[] = "owner@x", mailbox[] = "box", state[] = "received";
	const struct casefile file = {
		.state = state, .owner = owner, .mailbox = mailbox};
	g_auto(GStrv) away = g_strsplit(widened[i].absent, " ", -1);
	g_autoptr(GPtrArray) absent = g_ptr_array_new();
	g_autoptr(GPtrArray) workers = NULL, others = NULL;
	g_autoptr(GString) told = g_string_new(NULL);
	struct escalation e = {.owner = true};

	for (char **p = away; *p != NULL; p++)
		g_ptr_array_add(absent, *p);
	escalate_widen(conf, &file, absent, &e);
	workers = escalate_workers(conf, &file, &e);
	others = escalate_others(conf, &file, &e, workers);
	for (guint n = 0; n < workers->len + others->len; n++) {
		const struct staff *staff = n < workers->len
			? workers->pdata[n]
			: others->pdata[n - workers->len];

		g_string_append_printf(told, "%s%s", n ? " " : "",
			staff->address);
	}
	ok(strcmp(told->str, widened[i].wanted) == 0, widened[i].sentence);
}

static const struct {
	const char *sentence, *arrived, *wanted;
} working[] = {
	{"five working days over Christmas", "2026-12-23 12:00",
		"2026-12-31 12:00"},
	{"and over the end of summer time", "2026-10-23 09:00",
		"2026-10-30 09:00"},
	{"what arrives on Saturday counts from Monday", "2026-11-21 10:00",
		"2026-11-27 10:00"},
};

static void
try_working_days(const struct conf *plain, size_t i)
{
	struct conf conf = *plain;

	conf.answer_working_days = true;
	is_number(deadline_answer_due(&conf, at(&conf, working[i].arrived)),
		at(&conf, working[i].wanted), working[i].sentence);
}

int
main(void)
{
	char from[] = "09:00", until[] = "17:00", nl[] = "nl";
	g_autoptr(GTimeZone) zone =
		g_time_zone_new_identifier("Europe/Amsterdam");
	g_autoptr(GPtrArray) staff = g_ptr_array_new_with_free_func(member_free);
	const struct conf conf = {.zone = zone,
		.staff = staff,
		.working_days = days,
		.holidays = holidays,
		.working_from = from,
		.working_until = until,
		.public_holidays = nl,
		.answer = 5 * CLOCK_DAY,
		.answer_owner = 3 * CLOCK_DAY,
		.answer_lead = 4 * CLOCK_DAY,
		.answer_management = 12 * CLOCK_HOUR,
		.progress = 14 * CLOCK_DAY,
		.progress_grace = 3 * CLOCK_DAY};

	for (size_t i = 0; i < G_N_ELEMENTS(dates); i++)
		ok(calendar_is_dutch_holiday(dates[i].year, dates[i].month,
			   dates[i].day) == dates[i].holiday,
			dates[i].sentence);
	for (size_t i = 0; i < G_N_ELEMENTS(back); i++) {
		moment start = calendar_back(&conf, at(&conf, back[i].end),
			back[i].hours * CLOCK_HOUR);

		is_number(start, at(&conf, back[i].wanted), back[i].sentence);
		ok(calendar_forward(&conf, start,
			   back[i].hours * CLOCK_HOUR) <=
				at(&conf, back[i].end),
			"and forward again");
	}
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
		g_autofree char *date = calendar_parse(&conf, words[i].words,
			at(&conf, "2026-11-25 12:00"));

		ok(g_strcmp0(date, words[i].wanted) == 0, words[i].sentence);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
		struct deadline found[DEADLINE_ANSWER_STEPS];
		moment arrived = at(&conf, steps[i].arrived);

		deadline_answer_steps(&conf, arrived, found);
		ok(found[0].fires_at == at(&conf, steps[i].owner) &&
				found[1].fires_at == at(&conf, steps[i].lead) &&
				found[2].fires_at ==
					at(&conf, steps[i].management) &&
				found[3].fires_at == arrived + 5 * CLOCK_DAY,
			steps[i].sentence);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(working); i++)
		try_working_days(&conf, i);
	for (size_t i = 0; i < G_N_ELEMENTS(fires); i++)
		try_fire(&conf, i);
	try_missed(&conf);
	try_overtaken(&conf);
	g_ptr_array_add(staff, member("owner@x", "", "deputy@x"));
	g_ptr_array_add(staff, member("deputy@x", "", ""));
	g_ptr_array_add(staff, member("handler@x", "handler", ""));
	g_ptr_array_add(staff, member("lead@x", "lead", ""));
	g_ptr_array_add(staff, member("boss@x", "management", ""));
	for (size_t i = 0; i < G_N_ELEMENTS(widened); i++)
		try_widen(&conf, i);
	return done();
}

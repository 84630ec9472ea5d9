#include "desk/deadlines.h"

#include "desk/calendar.h"

#define WORK_BEFORE_END (8 * CLOCK_HOUR)

moment
deadline_answer_due(const struct conf *conf, moment arrived_at)
{
	if (conf->answer_working_days)
		return calendar_working_days(conf, arrived_at,
			       conf->answer / CLOCK_DAY) +
			conf->answer % CLOCK_DAY;
	return arrived_at + conf->answer;
}

static moment
warning(const struct conf *conf, moment arrived_at, moment planned)
{
	moment latest = calendar_back(conf,
		deadline_answer_due(conf, arrived_at), WORK_BEFORE_END);

	return MAX(arrived_at, MIN(planned, latest));
}

void
deadline_answer_steps(const struct conf *conf, moment arrived_at,
	struct deadline steps[DEADLINE_ANSWER_STEPS])
{
	moment due = deadline_answer_due(conf, arrived_at);

	steps[0] = (struct deadline){"answer", "owner",
		warning(conf, arrived_at, arrived_at + conf->answer_owner)};
	steps[1] = (struct deadline){"answer", "lead",
		warning(conf, arrived_at, arrived_at + conf->answer_lead)};
	steps[2] = (struct deadline){
		"answer", "management", due - conf->answer_management};
	steps[3] = (struct deadline){"answer", "end", due};
}

char *
deadline_first_step(const struct conf *conf, moment arrived_at)
{
	struct deadline steps[DEADLINE_ANSWER_STEPS];
	g_autoptr(GDateTime) utc = NULL, local = NULL;
	g_autofree char *when = NULL;

	deadline_answer_steps(conf, arrived_at, steps);
	utc = g_date_time_new_from_unix_utc(steps[0].fires_at / CLOCK_SECOND);
	local = g_date_time_to_timezone(utc, conf->zone);
	when = g_date_time_format(local, "%Y-%m-%d %H:%M");
	return g_strdup_printf("%s %s, %s", steps[0].clock, steps[0].step,
		when);
}

void
deadline_fix_date_steps(const struct conf *conf, const char *fix_date,
	struct deadline steps[2])
{
	moment passed = calendar_date(conf, fix_date, 1);

	steps[0] = (struct deadline){"fix-date", "soon",
		calendar_date(conf, fix_date, 0) - conf->fix_date_soon};
	steps[1] = (struct deadline){"fix-date", "passed", passed};
}

static const char sql_set[] =
	"SELECT deadline_set($1, $2, $3, to_timestamp($4::numeric / 1000000))";

bool
deadline_set(struct db *db, int64_t case_id, const struct deadline *step,
	GError **error)
{
	return db_run(db, error, sql_set, PARAM_INT8(case_id),
		PARAM_TEXT(step->clock), PARAM_TEXT(step->step),
		PARAM_INT8(step->fires_at));
}

static const char sql_cancel[] = "SELECT deadlines_cancel($1, $2)";

bool
deadline_cancel(struct db *db, int64_t case_id, const char *clock,
	GError **error)
{
	return db_run(db, error, sql_cancel, PARAM_INT8(case_id),
		PARAM_TEXT(clock));
}

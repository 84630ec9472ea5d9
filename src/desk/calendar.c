#include "desk/calendar.h"

#include <stdio.h>
#include <string.h>

#define MAX_DAYS 800 /* of looking for a working day */

static const char *const weekdays[][3] = {{"mon", "monday", "maandag"},
	{"tue", "tuesday", "dinsdag"}, {"wed", "wednesday", "woensdag"},
	{"thu", "thursday", "donderdag"}, {"fri", "friday", "vrijdag"},
	{"sat", "saturday", "zaterdag"}, {"sun", "sunday", "zondag"}};
static const char *const months[][2] = {{"january", "januari"},
	{"february", "februari"}, {"march", "maart"}, {"april", "april"},
	{"may", "mei"}, {"june", "juni"}, {"july", "juli"},
	{"august", "augustus"}, {"september", "september"},
	{"october", "oktober"}, {"november", "november"},
	{"december", "december"}};

/* Easter Sunday, by the rule of Gauss as Butcher wrote it down. */
static void
easter(int year, GDate *date)
{
	int a = year % 19, b = year / 100, c = year % 100;
	int h = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
	int l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
	int m = (a + 11 * h + 22 * l) / 451;
	int day = h + l - 7 * m + 114;

	g_date_set_dmy(date, day % 31 + 1, day / 31, year);
}

bool
calendar_is_dutch_holiday(int year, int month, int day)
{
	static const int fixed[][2] = {{1, 1}, {5, 5}, {12, 25}, {12, 26}};
	/* Easter Sunday and Monday, Ascension, Whit Sunday and Monday */
	static const int after_easter[] = {0, 1, 39, 49, 50};
	GDate date, sunday, king;

	g_date_clear(&date, 1);
	g_date_clear(&sunday, 1);
	g_date_clear(&king, 1);
	g_date_set_dmy(&date, day, month, year);
	for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++)
		if (month == fixed[i][0] && day == fixed[i][1])
			return true;
	easter(year, &sunday);
	for (size_t i = 0; i < G_N_ELEMENTS(after_easter); i++)
		if (g_date_days_between(&sunday, &date) == after_easter[i])
			return true;
	/* King's Day is never a Sunday */
	g_date_set_dmy(&king, 27, 4, year);
	if (g_date_get_weekday(&king) == G_DATE_SUNDAY)
		g_date_subtract_days(&king, 1);
	return g_date_compare(&king, &date) == 0;
}

bool
calendar_is_working_day(const struct conf *conf, int year, int month, int day)
{
	g_autofree char *iso =
		g_strdup_printf("%04d-%02d-%02d", year, month, day);
	GDate date;

	g_date_clear(&date, 1);
	g_date_set_dmy(&date, day, month, year);
	if (g_strv_contains((const char *const *)conf->holidays, iso) ||
		(strcmp(conf->public_holidays, "nl") == 0 &&
			calendar_is_dutch_holiday(year, month, day)))
		return false;
	return g_strv_contains((const char *const *)conf->working_days,
		weekdays[g_date_get_weekday(&date) - 1][0]);
}

/* A time of day ("09:00") on the date of day. */
static moment
at_time(const struct conf *conf, GDateTime *day, const char *time)
{
	int hour = 0, minute = 0;
	g_autoptr(GDateTime) then = NULL;

	sscanf(time, "%d:%d", &hour, &minute);
	then = g_date_time_new(conf->zone, g_date_time_get_year(day),
		g_date_time_get_month(day), g_date_time_get_day_of_month(day),
		hour, minute, 0);
	return then ? g_date_time_to_unix(then) * CLOCK_SECOND : 0;
}

/* From when until when people work on that day; false if they do not. */
static bool
hours_of(const struct conf *conf, GDateTime *day, moment *from, moment *until)
{
	if (!calendar_is_working_day(conf, g_date_time_get_year(day),
		    g_date_time_get_month(day),
		    g_date_time_get_day_of_month(day)))
		return false;
	*from = at_time(conf, day, conf->working_from);
	*until = at_time(conf, day, conf->working_until);
	return *from < *until;
}

/* Noon of the date that a moment falls on: days away from clock changes. */
static GDateTime *
noon_of(const struct conf *conf, moment when)
{
	g_autoptr(GDateTime) utc =
		g_date_time_new_from_unix_utc(when / CLOCK_SECOND);
	g_autoptr(GDateTime) local = g_date_time_to_timezone(utc, conf->zone);

	return g_date_time_new(conf->zone, g_date_time_get_year(local),
		g_date_time_get_month(local),
		g_date_time_get_day_of_month(local), 12, 0, 0);
}

static moment
walk(const struct conf *conf, moment when, int64_t work, int direction)
{
	g_autoptr(GDateTime) day = noon_of(conf, when);

	for (int i = 0; i < MAX_DAYS; i++) {
		GDateTime *next;
		moment from, until;

		if (hours_of(conf, day, &from, &until)) {
			if (direction > 0)
				from = MAX(from, when);
			else
				until = MIN(until, when);
			if (until - from >= work)
				return direction > 0 ? from + work
						     : until - work;
			work -= MAX(until - from, 0);
		}
		next = g_date_time_add_days(day, direction);
		g_date_time_unref(day);
		day = next;
	}
	return when + direction * work;
}

moment
calendar_back(const struct conf *conf, moment end, int64_t work)
{
	return walk(conf, end, work, -1);
}

moment
calendar_forward(const struct conf *conf, moment start, int64_t work)
{
	return walk(conf, start, work, 1);
}

moment
calendar_date(const struct conf *conf, const char *date, int days)
{
	int year, month, day;
	g_autoptr(GDateTime) start = NULL;
	g_autoptr(GDateTime) moved = NULL;

	if (sscanf(date, "%d-%d-%d", &year, &month, &day) != 3)
		return 0;
	start = g_date_time_new(conf->zone, year, month, day, 0, 0, 0);
	if (start == NULL)
		return 0;
	moved = g_date_time_add_days(start, days);
	return g_date_time_to_unix(moved) * CLOCK_SECOND;
}

moment
calendar_tomorrow(const struct conf *conf, moment now)
{
	g_autoptr(GDateTime) noon = noon_of(conf, now);
	g_autoptr(GDateTime) next = g_date_time_add_days(noon, 1);

	return at_time(conf, next, "00:00");
}

static int
month_of(const char *word)
{
	for (int i = 0; i < 12 && strlen(word) >= 3; i++)
		for (int l = 0; l < 2; l++)
			if (g_str_has_prefix(months[i][l], word))
				return i + 1;
	return strcmp(word, "mrt") == 0 ? 3 : 0;
}

static int
weekday_of(const char *word)
{
	for (int i = 0; i < 7 && strlen(word) >= 2; i++)
		for (int l = 1; l < 3; l++)
			if (g_str_has_prefix(weekdays[i][l], word))
				return i + 1;
	return 0;
}

/* Days from today, or -1: +14d, +2w, tomorrow, the next such weekday. */
static int
days_ahead(const char *words, int today)
{
	int n, weekday = weekday_of(words);
	char unit;

	if (sscanf(words, "+%d%c", &n, &unit) == 2 && n >= 0 && n < 2000) {
		if (unit == 'd')
			return n;
		return unit == 'w' ? 7 * n : -1;
	}
	if (strcmp(words, "tomorrow") == 0 || strcmp(words, "morgen") == 0)
		return 1;
	if (strcmp(words, "today") == 0 || strcmp(words, "vandaag") == 0)
		return 0;
	return weekday ? (weekday - today + 6) % 7 + 1 : -1;
}

/* 2026-02-01, 1 feb, 1 februari 2026, feb 1; false if it is none of them. */
static bool
read_date(const char *words, GDateTime *today, GDate *date)
{
	int year, month, day, n;
	char name[16], extra;

	n = sscanf(words, "%4d-%2d-%2d%c", &year, &month, &day, &extra);
	if (n != 3) {
		year = g_date_time_get_year(today);
		n = sscanf(words, "%2d %15[a-z]%*[ .,]%4d", &day, name, &year);
		if (n < 2)
			n = sscanf(words, "%15[a-z] %2d%*[ ,]%4d", name, &day,
				&year);
		if (n < 2)
			return false;
		month = month_of(name);
	}
	if (month == 0 || !g_date_valid_dmy(day, month, year))
		return false;
	g_date_set_dmy(date, day, month, year);
	/* without a year it is the next one */
	if (n == 2 && (month < g_date_time_get_month(today) ||
			(month == g_date_time_get_month(today) &&
				day < g_date_time_get_day_of_month(today))) &&
		g_date_valid_dmy(day, month, year + 1))
		g_date_set_dmy(date, day, month, year + 1);
	return true;
}

char *
calendar_parse(const struct conf *conf, const char *words, moment now)
{
	g_autofree char *lower = g_ascii_strdown(words, -1);
	g_autoptr(GDateTime) today = noon_of(conf, now);
	GDate date, first;
	int days;

	g_strstrip(lower);
	g_date_clear(&date, 1);
	g_date_clear(&first, 1);
	g_date_set_dmy(&first, g_date_time_get_day_of_month(today),
		g_date_time_get_month(today), g_date_time_get_year(today));
	days = days_ahead(lower, g_date_time_get_day_of_week(today));
	if (days >= 0) {
		date = first;
		g_date_add_days(&date, days);
	} else if (!read_date(lower, today, &date))
		return NULL;
	if (g_date_compare(&date, &first) < 0 || g_date_get_year(&date) > 2200)
		return NULL;
	return g_strdup_printf("%04d-%02d-%02d", g_date_get_year(&date),
		g_date_get_month(&date), g_date_get_day(&date));
}

moment
calendar_working_days(const struct conf *conf, moment start, int days)
{
	g_autoptr(GDateTime) utc =
		g_date_time_new_from_unix_utc(start / CLOCK_SECOND);
	g_autoptr(GDateTime) day = g_date_time_to_timezone(utc, conf->zone);

	/* where nobody ever works, all days count after a year */
	for (int left = days, tried = 0; left > 0; tried++) {
		GDateTime *next = g_date_time_add_days(day, 1);

		g_date_time_unref(day);
		day = next;
		left -= tried > 366 ||
			calendar_is_working_day(conf, g_date_time_get_year(day),
				g_date_time_get_month(day),
				g_date_time_get_day_of_month(day));
	}
	return g_date_time_to_unix(day) * CLOCK_SECOND + start % CLOCK_SECOND;
}

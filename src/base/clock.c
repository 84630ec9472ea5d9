#include "base/clock.h"

#include <stdbool.h>
#include <string.h>
#include <stdio.h>

static const char *const days_nl[] = {"maandag", "dinsdag", "woensdag",
	"donderdag", "vrijdag", "zaterdag", "zondag"};
static const char *const days_en[] = {"Monday", "Tuesday", "Wednesday",
	"Thursday", "Friday", "Saturday", "Sunday"};
static const char *const months_nl[] = {"januari", "februari", "maart", "april",
	"mei", "juni", "juli", "augustus", "september", "oktober", "november",
	"december"};
static const char *const months_en[] = {"January", "February", "March", "April",
	"May", "June", "July", "August", "September", "October", "November",
	"December"};

moment
clock_now(void)
{
	return g_get_real_time();
}

int64_t
clock_ticks(void)
{
	return g_get_monotonic_time();
}

static GDateTime *
at_utc(moment when)
{
	g_autoptr(GDateTime) whole = NULL;

	whole = g_date_time_new_from_unix_utc(when / CLOCK_SECOND);
	return g_date_time_add(whole, when % CLOCK_SECOND);
}

char *
clock_text(moment when, GTimeZone *zone, const char *language)
{
	g_autoptr(GDateTime) utc = at_utc(when);
	g_autoptr(GDateTime) local = g_date_time_to_timezone(utc, zone);
	bool dutch = strcmp(language, "nl") == 0;
	int day = g_date_time_get_day_of_week(local) - 1;
	int month = g_date_time_get_month(local) - 1;

	return g_strdup_printf("%s %d %s %d, %02d:%02d (%s)",
		dutch ? days_nl[day] : days_en[day],
		g_date_time_get_day_of_month(local),
		dutch ? months_nl[month] : months_en[month],
		g_date_time_get_year(local), g_date_time_get_hour(local),
		g_date_time_get_minute(local),
		g_time_zone_get_identifier(zone));
}

char *
clock_date_text(const char *date, const char *language)
{
	bool dutch = strcmp(language, "nl") == 0;
	int year, month, day, weekday;

	if (sscanf(date, "%d-%d-%d", &year, &month, &day) != 3 ||
		!g_date_valid_dmy(day, month, year))
		return g_strdup(date);
	weekday = g_date_get_weekday(&(GDate){.julian = 0,
			  .dmy = 1,
			  .day = day,
			  .month = month,
			  .year = year}) -
		1;
	return g_strdup_printf("%s %d %s %d",
		dutch ? days_nl[weekday] : days_en[weekday], day,
		dutch ? months_nl[month - 1] : months_en[month - 1], year);
}

char *
clock_rfc5322(moment when)
{
	g_autoptr(GDateTime) utc = at_utc(when);

	return g_strdup_printf("%.3s, %d %.3s %d %02d:%02d:%02d +0000",
		days_en[g_date_time_get_day_of_week(utc) - 1],
		g_date_time_get_day_of_month(utc),
		months_en[g_date_time_get_month(utc) - 1],
		g_date_time_get_year(utc), g_date_time_get_hour(utc),
		g_date_time_get_minute(utc), g_date_time_get_second(utc));
}

static int
month_number(const char *name)
{
	for (int i = 0; i < 12; i++)
		if (g_ascii_strncasecmp(name, months_en[i], 3) == 0)
			return i + 1;
	return 0;
}

moment
clock_parse_rfc5322(const char *text)
{
	int day, year, hour, minute, second = 0, offset = 0, used = 0;
	char month[4] = "";
	g_autoptr(GDateTime) when = NULL;
	const char *comma = strchr(text, ',');

	if (comma != NULL)
		text = comma + 1;
	if (sscanf(text, " %2d %3s %4d %2d:%2d%n", &day, month, &year, &hour,
		    &minute, &used) < 5)
		return 0;
	text += used;
	if (*text == ':' && sscanf(text, ":%2d%n", &second, &used) == 1)
		text += used;
	sscanf(text, " %5d", &offset);
	when = g_date_time_new_utc(year, month_number(month), day, hour,
		minute, MIN(second, 59));
	if (when == NULL)
		return 0;
	return g_date_time_to_unix(when) * CLOCK_SECOND -
		(offset / 100 * CLOCK_HOUR + offset % 100 * CLOCK_MINUTE);
}

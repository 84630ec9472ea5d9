#include "base/clock.h"
#include "tap.h"

static const struct {
	const char *sentence;
	const char *text;
	moment wanted;
} dates[] = {
	{"a date as RFC 5322 has it", "Mon, 05 Jan 2026 09:12:44 +0100",
		INT64_C(1767600764) * CLOCK_SECOND},
	{"without the day of the week", "5 Jan 2026 08:12:44 +0000",
		INT64_C(1767600764) * CLOCK_SECOND},
	{"without seconds", "Mon, 5 Jan 2026 09:12 +0100",
		INT64_C(1767600720) * CLOCK_SECOND},
	{"a zone west of Greenwich", "Mon, 5 Jan 2026 03:12:44 -0500 (EST)",
		INT64_C(1767600764) * CLOCK_SECOND},
	{"no date", "yesterday", 0},
	{"a day that is none", "Mon, 32 Jan 2026 09:12:44 +0100", 0},
	{"a month that is none", "Mon, 5 Foo 2026 09:12:44 +0100", 0},
	{"nothing", "", 0},
};

static void
try_text(void)
{
	g_autoptr(GTimeZone) zone =
		g_time_zone_new_identifier("Europe/Amsterdam");
	moment winter = INT64_C(1767600764) * CLOCK_SECOND;
	moment summer = INT64_C(1782900764) * CLOCK_SECOND;
	g_autofree char *nl = clock_text(winter, zone, "nl");
	g_autofree char *en = clock_text(summer, zone, "en");
	g_autofree char *mail = clock_rfc5322(winter);

	is_text(nl, "maandag 5 januari 2026, 09:12 (Europe/Amsterdam)",
		"winter time in Dutch");
	is_text(en, "Wednesday 1 July 2026, 12:12 (Europe/Amsterdam)",
		"summer time in English");
	is_text(mail, "Mon, 5 Jan 2026 08:12:44 +0000", "a Date header");
}

int
main(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(dates); i++)
		is_number(clock_parse_rfc5322(dates[i].text), dates[i].wanted,
			dates[i].sentence);
	try_text();
	return done();
}

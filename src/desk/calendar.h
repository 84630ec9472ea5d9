/*
 * Dates and working time, in the configured time zone: pure functions.
 * Working hours, days and holidays come from the configuration; the Dutch
 * public holidays are known for any year.
 */
#ifndef DESK_CALENDAR_H
#define DESK_CALENDAR_H

#include "edge/conf.h"

#include <stdbool.h>

/* True if people work on this date. */
bool calendar_is_working_day(const struct conf *conf, int year, int month,
	int day);

/* True if this is a Dutch public holiday. */
bool calendar_is_dutch_holiday(int year, int month, int day);

/* The latest moment before which `work` of working time remains until end. */
moment calendar_back(const struct conf *conf, moment end, int64_t work);

/* The moment at which `work` of working time has passed since start. */
moment calendar_forward(const struct conf *conf, moment start, int64_t work);

/* The same time of day, so many working days later. */
moment calendar_working_days(const struct conf *conf, moment start, int days);

/* The start of the day after the one that now falls on. */
moment calendar_tomorrow(const struct conf *conf, moment now);

/* The start of a date ("2026-02-01") plus some days; 0 if it is no date. */
moment calendar_date(const struct conf *conf, const char *date, int days);

/*
 * A date as people write it, as ISO 8601: 2026-02-01, 1 feb, 1 februari 2027,
 * +14d, +2w, friday, vrijdag, tomorrow; NULL if it is none or is past.
 * Caller frees.
 */
char *calendar_parse(const struct conf *conf, const char *words, moment now);

#endif

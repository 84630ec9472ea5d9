/*
 * What time it is, and how a person reads it.
 *
 * A moment is microseconds since 1970-01-01 00:00 UTC (as GLib and
 * PostgreSQL count them).  Only this file asks the machine for the time.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <glib.h>
#include <inttypes.h>

#define CLOCK_SECOND INT64_C(1000000)
#define CLOCK_MINUTE (60 * CLOCK_SECOND)
#define CLOCK_HOUR (60 * CLOCK_MINUTE)
#define CLOCK_DAY (24 * CLOCK_HOUR)

typedef int64_t moment;

/* Wall clock of this host: for Date headers, never for deadlines. */
moment clock_now(void);

/* Monotonic microseconds, for time-outs. */
int64_t clock_ticks(void);

/* "za 10 januari 2026, 09:12 (Europe/Amsterdam)"; caller frees. */
char *clock_text(moment when, GTimeZone *zone, const char *language);

/* An ISO 8601 date as "zondag 1 februari 2026"; caller frees. */
char *clock_date_text(const char *date, const char *language);

/* RFC 5322 date-time in UTC; caller frees. */
char *clock_rfc5322(moment when);

/* The moment in this RFC 5322 date-time, 0 if it is none. */
moment clock_parse_rfc5322(const char *text);

#endif

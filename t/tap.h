/* The Test Anything Protocol, as little of it as our unit tests need. */
#ifndef T_TAP_H
#define T_TAP_H

#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count;
static int tap_failed;

static inline bool
ok(bool good, const char *sentence)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++tap_count, sentence);
	tap_failed += !good;
	return good;
}

static inline void
is_text(const char *found, const char *wanted, const char *sentence)
{
	if (!ok(g_strcmp0(found, wanted) == 0, sentence))
		printf("# found \"%s\"\n# wanted \"%s\"\n",
			found ? found : "(null)", wanted ? wanted : "(null)");
}

static inline void
is_number(gint64 found, gint64 wanted, const char *sentence)
{
	if (!ok(found == wanted, sentence))
		printf("# found %" G_GINT64_FORMAT "\n# wanted %" G_GINT64_FORMAT
		       "\n", found, wanted);
}

static inline int
done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}

#endif

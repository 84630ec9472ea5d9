#include "meldpuntd/health.h"

#include "base/clock.h"

#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>

/* Said again after so long: another process may have said otherwise. */
#define AGAIN 3 /* seconds */

/* "what name" -> when it was said to be well, in seconds of the clock */
static GHashTable *said;

void
health_open(void)
{
	fcntl(HEALTH_FD, F_SETFD, FD_CLOEXEC);
	said = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

void
health_tell(const char *what, const char *name, bool well)
{
	g_autofree char *subject = g_strdup_printf("%s %s", what, name);
	g_autofree char *line = NULL;
	int now = clock_ticks() / CLOCK_SECOND + 1, told;

	if (well && (told = GPOINTER_TO_INT(g_hash_table_lookup(said, subject))) &&
		now - told < AGAIN)
		return;
	line = g_strdup_printf("%s %s", well ? "well" : "bad", subject);
	/* a full socket belongs to a supervisor that has other worries */
	if (send(HEALTH_FD, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		well = false; /* it is told again */
	g_hash_table_replace(said, g_steal_pointer(&subject),
		GINT_TO_POINTER(well ? now : 0));
}

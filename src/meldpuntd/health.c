#include "meldpuntd/health.h"

#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>

/* "what name" -> said to be well last */
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

	if (well && g_hash_table_lookup(said, subject) != NULL)
		return;
	line = g_strdup_printf("%s %s", well ? "well" : "bad", subject);
	/* a full socket belongs to a supervisor that has other worries */
	if (send(HEALTH_FD, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		well = false; /* it is told again */
	g_hash_table_replace(said, g_steal_pointer(&subject),
		GINT_TO_POINTER(well));
}

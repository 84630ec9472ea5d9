/* meldpunt init: which of the messages that are there already are reports? */
#include "meldpunt/init.h"

#include "base/clock.h"
#include "base/fault.h"
#include "edge/imap.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE (30 * CLOCK_SECOND)

/* How many messages the folder has, and when the newest arrived. */
static bool
look(const struct server *server, const char *secret, uint32_t *count,
	moment *newest)
{
	g_autoptr(GError) why = NULL;
	GError **error = &why;
	g_autoptr(imap_auto) imap = imap_dial(server, PATIENCE, error);
	g_autoptr(GPtrArray) last = NULL;
	struct imap_folder state;

	if (imap == NULL || !imap_login(imap, server, secret, false, error) ||
		!imap_select(imap, "INBOX", &state, error))
		return false;
	*count = state.exists;
	if (state.exists == 0)
		return true;
	last = imap_list(imap, state.exists, 1, error);
	if (last == NULL)
		return false;
	*newest = last->len ? ((struct imap_message *)last->pdata[0])->arrived
			    : clock_now();
	return true;
}

static char *
ask(uint32_t count)
{
	char line[64] = "";

	if (!isatty(STDIN_FILENO))
		return NULL;
	printf("INBOX holds %u messages. Read all of them as reports, or begin "
	       "with what\narrives from now on (all, now) [now]: ", count);
	fflush(stdout);
	if (fgets(line, sizeof(line), stdin) == NULL)
		return NULL;
	return g_strdup(*g_strstrip(line) ? line : "now");
}

bool
init_find_start(const struct server *server, const char *secret,
	const char *answer, char **since, GError **error)
{
	g_autofree char *chosen = g_strdup(answer);
	g_autoptr(GDateTime) date = NULL;
	moment newest = 0;
	uint32_t count = 0;

	if (!look(server, secret, &count, &newest))
		/* a login that fails is told when the logins are tried */
		return g_strcmp0(answer, "now") != 0 ||
			fault_set(error, FAULT_LATER, "INBOX cannot be looked "
				"into, which --start=now needs");
	if (count == 0)
		return true;
	if (chosen == NULL)
		chosen = ask(count);
	if (g_strcmp0(chosen, "all") == 0)
		return true;
	if (g_strcmp0(chosen, "now") != 0)
		return fault_set(error, FAULT_SETUP, "INBOX holds %u messages: "
			"say --start=all to read them as reports, or "
			"--start=now to begin with what arrives from now on",
			count);
	/*
	 * By the server's clock, and the newest is read: another may arrive in
	 * the same second.
	 */
	date = g_date_time_new_from_unix_utc(
		MIN(newest, clock_now()) / CLOCK_SECOND);
	*since = g_date_time_format(date, "%Y-%m-%dT%H:%M:%SZ");
	return true;
}

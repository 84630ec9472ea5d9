#include "intake/guard.h"

#include <string.h>

#define MAX_RECEIVED 50

/* First word of a header field in lower case, "" if there is none. */
static char *
first_word(const struct mime *message, const char *field)
{
	g_autofree char *value = mime_header(message, field);
	char *word = g_ascii_strdown(value ? value : "", -1);

	g_strchug(word);
	word[strcspn(word, " ;(\t\r\n")] = '\0';
	return word;
}

static bool
has(const struct mime *message, const char *field)
{
	return mime_header_count(message, field) > 0;
}

static bool
is_daemon(const char *address)
{
	static const char *const daemons[] = {"mailer-daemon@", "postmaster@",
		"double-bounce@", "bounce@", "bounces@", NULL};

	for (int i = 0; daemons[i] != NULL; i++)
		if (g_ascii_strncasecmp(address, daemons[i],
			    strlen(daemons[i])) == 0)
			return true;
	return false;
}

static unsigned int
sender_signs(const struct mime *message)
{
	g_auto(GStrv) from = mime_mailboxes(message, "From");
	g_autofree char *path = mime_header(message, "Return-Path");
	unsigned int signs = 0;

	if (path != NULL && strcmp(g_strstrip(path), "<>") == 0)
		signs |= GUARD_NULL_SENDER;
	if (g_strv_length(from) != 2)
		return signs | GUARD_NO_SENDER;
	if (is_daemon(from[1]))
		signs |= GUARD_NULL_SENDER;
	return signs;
}

unsigned int
guard_signs(const struct mime *message)
{
	g_autofree char *automatic = first_word(message, "Auto-Submitted");
	g_autofree char *precedence = first_word(message, "Precedence");
	static const char *const bulk[] = {"bulk", "junk", "list", NULL};
	static const char *const fields[] = {"X-Autoreply", "X-Autorespond",
		"X-Auto-Reply-From"};
	unsigned int signs = sender_signs(message);

	if (*automatic != '\0' && strcmp(automatic, "no") != 0)
		signs |= GUARD_AUTO_SUBMITTED;
	if (strcmp(message->type, "multipart/report") == 0 ||
		has(message, "X-Failed-Recipients"))
		signs |= GUARD_DELIVERY_REPORT;
	if (has(message, "List-Id") || has(message, "List-Post") ||
		has(message, "List-Unsubscribe") || has(message, "List-Help"))
		signs |= GUARD_LIST;
	if (g_strv_contains(bulk, precedence))
		signs |= GUARD_BULK;
	if (strcmp(precedence, "auto_reply") == 0)
		signs |= GUARD_AUTO_REPLY;
	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
		g_autofree char *word = first_word(message, fields[i]);

		if (*word != '\0' && strcmp(word, "no") != 0)
			signs |= GUARD_AUTO_REPLY;
	}
	if (mime_header_count(message, "Received") > MAX_RECEIVED)
		signs |= GUARD_LOOP;
	return signs;
}

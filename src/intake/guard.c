#include "intake/guard.h"

#include <string.h>

#define MAX_RECEIVED 50

/* First word of a header field in lower case, "" if there is none. */
static char *
first_word(const struct mime *message, const char *field)
{
	g_autofree char *value = mime_header(message, field);
	const char *start = value ? value : "";
	char *word;

	start += strspn(start, " \t");
	if (*start == '(' && strchr(start, ')') != NULL) /* a comment */
		start = strchr(start, ')') + 1;
	word = g_ascii_strdown(start + strspn(start, " \t"), -1);
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
	static const char *const daemons[] = {"mailer-daemon", "mailerdaemon",
		"postmaster", "double-bounce", "bounce", "bounces", "mdaemon",
		"majordomo", NULL};
	g_autofree char *local = g_ascii_strdown(address, -1);

	local[strcspn(local, "@>")] = '\0';
	return g_strv_contains(daemons, local);
}

static unsigned int
sender_signs(const struct mime *message)
{
	g_auto(GStrv) from = mime_mailboxes(message, "From");
	g_autofree char *path = mime_header(message, "Return-Path");
	unsigned int signs = 0;

	/* "<>", and what delivery agents make of it */
	if (path != NULL)
		g_strstrip(path);
	if (path != NULL && (strcmp(path, "<>") == 0 ||
				    strcmp(path, "<#@[]>") == 0 ||
				    is_daemon(path + (*path == '<'))))
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
		"X-Auto-Reply-From", "X-AutoReply-From", "X-Mail-Autoreply",
		"X-POST-MessageClass", "X-FC-MachineGenerated",
		"X-ServiceNow-Generated"};
	static const char *const lists[] = {"List-Id", "List-Post",
		"List-Unsubscribe", "List-Help", "List-Subscribe",
		"List-Archive", "List-Owner", "Mailing-List", "X-Mailing-List",
		"X-BeenThere"};
	unsigned int signs = sender_signs(message);

	if (*automatic != '\0' && strcmp(automatic, "no") != 0)
		signs |= GUARD_AUTO_SUBMITTED;
	if (strcmp(message->type, "multipart/report") == 0 ||
		has(message, "X-Failed-Recipients"))
		signs |= GUARD_DELIVERY_REPORT;
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
		if (has(message, lists[i]))
			signs |= GUARD_LIST;
	if (g_strv_contains(bulk, precedence))
		signs |= GUARD_BULK;
	if (strcmp(precedence, "auto_reply") == 0 ||
		strcmp(precedence, "auto-reply") == 0)
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

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

/* Action: failed in a delivery status (RFC 3464, 2.3.3). */
static bool
tells_of_failure(const struct mime *mime, int depth)
{
	if (strcmp(mime->type, "message/delivery-status") == 0) {
		g_autofree char *text = mime_text(mime, 65536);

		return g_regex_match_simple("^Action:\\s*failed\\b", text,
			G_REGEX_CASELESS | G_REGEX_MULTILINE, 0);
	}
	for (guint i = 0; i < mime->children->len && depth < 5; i++)
		if (tells_of_failure(mime->children->pdata[i], depth + 1))
			return true;
	return false;
}

unsigned int
guard_signs(const struct mime *message)
{
	g_autofree char *automatic = first_word(message, "Auto-Submitted");
	g_autofree char *precedence = first_word(message, "Precedence");
	static const char *const bulk[] = {"bulk", "junk", "list", "auto_reply",
		NULL};
	unsigned int signs = sender_signs(message);

	if (*automatic != '\0' && strcmp(automatic, "no") != 0)
		signs |= GUARD_AUTO_SUBMITTED;
	if (strcmp(message->type, "multipart/report") == 0 ||
		has(message, "X-Failed-Recipients"))
		signs |= GUARD_DELIVERY_REPORT;
	if ((signs & GUARD_DELIVERY_REPORT) && tells_of_failure(message, 0))
		signs |= GUARD_FAILED;
	if (has(message, "List-Id") || has(message, "List-Post") ||
		has(message, "List-Unsubscribe") || has(message, "List-Help"))
		signs |= GUARD_LIST;
	if (g_strv_contains(bulk, precedence))
		signs |= GUARD_BULK;
	if (has(message, "X-Autoreply") || has(message, "X-Autorespond") ||
		has(message, "X-Auto-Reply-From"))
		signs |= GUARD_AUTO_REPLY;
	if (mime_header_count(message, "Received") > MAX_RECEIVED)
		signs |= GUARD_LOOP;
	return signs;
}

static void
collect(const struct mime *mime, GPtrArray *ids, int depth)
{
	if (mime->message != NULL ||
		strcmp(mime->type, "text/rfc822-headers") == 0) {
		const struct mime *inner = mime->message;
		g_auto(GStrv) found = NULL;
		g_autofree char *text = NULL;

		if (inner != NULL)
			found = mime_message_ids(inner, "Message-ID");
		for (char **p = found; p && *p && ids->len < 20; p++)
			g_ptr_array_add(ids, g_strdup(*p));
		if (inner == NULL) {
			g_autoptr(GRegex) regex = g_regex_new(
				"^Message-ID:\\s*<([^<>\\s]{3,500})>",
				G_REGEX_MULTILINE | G_REGEX_CASELESS, 0, NULL);
			g_autoptr(GMatchInfo) match = NULL;

			text = mime_text(mime, 65536);
			if (g_regex_match(regex, text, 0, &match))
				g_ptr_array_add(ids,
					g_match_info_fetch(match, 1));
		}
	}
	for (guint i = 0; i < mime->children->len && depth < 5; i++)
		collect(mime->children->pdata[i], ids, depth + 1);
}

char **
guard_reported(const struct mime *message)
{
	GPtrArray *ids = g_ptr_array_new();

	if (strcmp(message->type, "multipart/report") == 0)
		collect(message, ids, 0);
	g_ptr_array_add(ids, NULL);
	return (char **)g_ptr_array_free(ids, FALSE);
}

#include "intake/bounce.h"

#include "base/text.h"

#include <string.h>

#define MAX_DEPTH 5
#define MAX_IDS 20
#define MAX_FAILED 50
#define MAX_LOOK 65536 /* bytes of a part that are looked through */

/* What a report says of the letters that it is about. */
struct bounce {
	GPtrArray *ids;	   /* Message-IDs, envelope identifiers */
	GPtrArray *failed; /* addresses */
	bool has_failed;
	bool has_status; /* it says so itself, recipient by recipient */
};

static bool
matches(const char *text, const char *pattern)
{
	return g_regex_match_simple(pattern, text,
		G_REGEX_CASELESS | G_REGEX_MULTILINE, 0);
}

/* The first group of each match; one of a report says an id at times twice. */
static void
collect(GPtrArray *list, guint max, const char *text, const char *pattern)
{
	g_autoptr(GRegex) regex = g_regex_new(pattern,
		G_REGEX_CASELESS | G_REGEX_MULTILINE, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;
	bool more = g_regex_match(regex, text, 0, &match);

	for (; more && list->len < max; more = g_match_info_next(match, NULL)) {
		char *found = g_match_info_fetch(match, 1);

		if (g_ptr_array_find_with_equal_func(list, found, g_str_equal,
			    NULL))
			g_free(found);
		else
			g_ptr_array_add(list, found);
	}
}

/* As a header quoted in a text has it, with or without marks before it. */
static void
collect_ids(struct bounce *b, const char *text)
{
	collect(b->ids, MAX_IDS, text,
		"^[>| \\t]*(?:Original-|X-Original-)?Message-ID:\\s*"
		"<([^<>\\s]{3,500})>");
	/* and HTML that quotes it */
	collect(b->ids, MAX_IDS, text,
		"Message-ID:(?:\\s|<[^<>]{0,200}>){0,20}&lt;([^<>&\\s]{3,500})&gt;");
	collect(b->ids, MAX_IDS, text,
		"^Original-Envelope-ID:[ \\t]*<?([^<>\\s]{3,500})>?");
}

/* One block of fields for each recipient (RFC 3464, 2.3). */
static void
read_recipient(struct bounce *b, const char *fields)
{
	bool says = matches(fields, "^Action:");

	b->has_status |= says;

	if (says ? !matches(fields, "^Action:[ \\t]*failed\\b")
		 : !matches(fields, "^Status:[ \\t]*5\\."))
		return;
	b->has_failed = true;
	collect(b->failed, MAX_FAILED, fields,
		"^(?:Original|Final)-Recipient:[ \\t]*(?:(?:rfc822|utf-8);)?[ \\t]*"
		"<?([^<>\\s]{3,254})>?");
}

static void
read_status(struct bounce *b, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_autoptr(GString) block = g_string_new(NULL);

	for (char **line = lines;; line++) {
		if (*line == NULL || *g_strchomp(*line) == '\0') {
			read_recipient(b, block->str);
			g_string_truncate(block, 0);
		} else
			g_string_append_printf(block, "%s\n", *line);
		if (*line == NULL)
			break;
	}
}

static void
walk(struct bounce *b, const struct mime *mime, int depth)
{
	if (mime->message != NULL) {
		g_auto(GStrv) ids = mime_message_ids(mime->message, "Message-ID");

		for (char **p = ids; *p != NULL && b->ids->len < MAX_IDS; p++)
			g_ptr_array_add(b->ids, g_strdup(*p));
	} else if (mime->children->len == 0) {
		g_autofree char *text = mime_text(mime, MAX_LOOK);

		if (text != NULL)
			collect_ids(b, text);
		/* RFC 3464, RFC 6533 */
		if (text != NULL && (strcmp(mime->type,
					     "message/delivery-status") == 0 ||
					    strcmp(mime->type, "message/global-"
						    "delivery-status") == 0))
			read_status(b, text);
	}
	for (guint i = 0; i < mime->children->len && depth < MAX_DEPTH; i++)
		walk(b, mime->children->pdata[i], depth + 1);
}

/* RFC 3464 in an envelope of another type. */
static bool
holds_status(const struct mime *mime, int depth)
{
	if (strcmp(mime->type, "message/delivery-status") == 0)
		return true;
	for (guint i = 0; i < mime->children->len && depth < MAX_DEPTH; i++)
		if (holds_status(mime->children->pdata[i], depth + 1))
			return true;
	return false;
}

/* The subjects of systems that do not write RFC 3464. */
static bool
says_undeliverable(const char *subject)
{
	return matches(subject,
		       "undeliver|non-?deliver|(?:mail )?failure(?: notice|\\.|$)"
		       "|returned (?:mail|to sender)|delivery (?:has )?fail"
		       "|(?:delivery|delivering).{0,20}(?:problem|error|failure)"
		       "|delivery status notification \\(failure\\)"
		       "|(?:not|n't|unable to) (?:be )?deliver|mail system error"
		       "|message rejected|user unknown|^ndn:|giving up"
		       "|onbestelbaar|niet (?:bezorg|afgeleverd|te bezorgen)"
		       "|unzustellbar|nicht zugestellt|non[ -](?:remis|distribu)"
		       "|mancat[ao] (?:recapito|consegna)"
		       "|no (?:se (?:ha podido|puede) )?(?:ser )?entregad?") &&
		!matches(subject, "^\\s*(?:re|aw|antw|fwd?):") &&
		(matches(subject, "giving up|failed") ||
			!matches(subject, "delay|warning|vertraagd|verz.gert"));
}

static void
read_untidy(struct bounce *b, const struct mime *root, const struct reading *r)
{
	g_autofree char *failed = mime_header(root, "X-Failed-Recipients");

	for (char **p = r->references; *p && b->ids->len < MAX_IDS; p++)
		g_ptr_array_add(b->ids, g_strdup(*p));
	if (failed != NULL) {
		b->has_failed = true;
		collect(b->failed, MAX_FAILED, failed,
			"([^\\s,;<>]{1,64}@[^\\s,;<>]{1,190})");
	} else if (!b->has_status && says_undeliverable(r->subject))
		b->has_failed = true;
}

static char **
take_list(GPtrArray *list)
{
	for (guint i = 0; i < list->len; i++) {
		g_autofree char *raw = list->pdata[i];

		list->pdata[i] = text_line(raw, 500);
	}
	g_ptr_array_add(list, NULL);
	return (char **)g_ptr_array_free(list, FALSE);
}

void
bounce_read(const struct mime *root, struct reading *r)
{
	struct bounce b = {.ids = g_ptr_array_new(),
		.failed = g_ptr_array_new()};
	bool tidy = strcmp(root->type, "multipart/report") == 0 ||
		holds_status(root, 0);
	/* whoever is away may say so in words like these */
	bool untidy = (r->guard & GUARD_DELIVERY_REPORT) != 0 ||
		((r->guard & GUARD_NULL_SENDER) &&
			!(r->guard & GUARD_AUTO_REPLY) &&
			says_undeliverable(r->subject));

	if (tidy || untidy) {
		r->guard |= GUARD_DELIVERY_REPORT;
		walk(&b, root, 0);
		read_untidy(&b, root, r);
		if (b.has_failed)
			r->guard |= GUARD_FAILED;
	}
	r->reported = take_list(b.ids);
	r->failed = take_list(b.failed);
}

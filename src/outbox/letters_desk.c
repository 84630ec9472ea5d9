/* Letters to staff about orders and about what is owed. */
#include "outbox/letters_private.h"

#include "base/text.h"

#include <string.h>

static const char *
language_of(const struct postbox *postbox)
{
	return postbox->mailbox->languages[0];
}

static char *
say(const struct postbox *postbox, const char *key, const char *value,
	const char *more, int line)
{
	return letters_phrase(postbox->mailbox, language_of(postbox), key,
		value, more, line);
}

/* Subject and text out of a filled template, into the letter. */
static void
take(struct letter *letter, const char *label, const char *filled)
{
	g_autoptr(GString) subject = g_string_new(NULL);
	g_autoptr(GString) text = g_string_new(NULL);

	letters_take_subject(subject, text, filled);
	letter->subject = g_strdup_printf("[%s] %s", label, subject->str);
	letter->text = g_string_free(g_steal_pointer(&text), FALSE);
}

static void
answer_to(struct letter *letter, const char *message_id)
{
	letter->in_reply_to = letters_safe_id(message_id);
	if (letter->in_reply_to != NULL)
		g_ptr_array_insert(letter->references, 0,
			g_strdup(letter->in_reply_to));
}

/* Each thing that was done or is owed on a line of its own. */
static char *
lines_of(const struct postbox *postbox, const GPtrArray *list)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; list != NULL && i < list->len; i++) {
		const struct told *told = list->pdata[i];
		g_autofree char *line = say(postbox, told->phrase, told->value,
			told->more, 0);

		g_string_append_printf(out, "  - %s\n", g_strchomp(line));
	}
	return g_string_free(out, FALSE);
}

static char *
text_sent(const struct postbox *postbox, const char *text)
{
	g_autofree char *indented = text_indent(text, "  | ");
	g_autofree char *title = say(postbox, "sent-text", "", "", 0);

	return g_strdup_printf("\n%s\n\n%s\n", title, indented);
}

struct letter *
letter_confirmation(const struct letter_facts *facts,
	const struct letter_desk *desk)
{
	const struct postbox *postbox = facts->postbox;
	struct letter *letter = letters_new_case(facts, "confirmation");
	g_autofree char *pattern = letter_template(postbox->mailbox,
		language_of(postbox), "confirmation");
	g_autofree char *done = lines_of(postbox, desk->done);
	g_autofree char *said =
		say(postbox, desk->sent, desk->sent_value, "", 0);
	g_autofree char *text = desk->draft ? text_sent(postbox, desk->draft)
					    : g_strdup("");
	g_autofree char *sent = g_strdup_printf("  - %s\n%s", said, text);
	g_autofree char *owed =
		say(postbox, desk->owed, desk->owed_value, "", 0);
	g_autofree char *line =
		postbox_case_line(postbox, facts->file->number);
	const char *pairs[] = {"number", facts->file->number, "done", done,
		"sent", sent, "owed", owed, "list",
		desk->listing ? desk->listing : "", "case_line", line, NULL};
	g_autofree char *filled = text_fill(pattern, pairs);

	take(letter, facts->file->number, filled);
	answer_to(letter, desk->in_reply_to);
	return letter;
}

struct letter *
letter_refusal(const struct postbox *postbox, const struct casefile *file,
	const struct letter_desk *desk, moment now)
{
	const char *label = file ? file->number : postbox->mailbox->prefix;
	struct letter *letter = letters_new(postbox,
		desk->unproven ? "unproven" : "refusal", label, now);
	g_autofree char *pattern = letter_template(postbox->mailbox,
		language_of(postbox), "refusal");
	g_autofree char *reason = say(postbox, desk->refused->phrase,
		desk->refused->value, desk->refused->more, desk->line);
	g_autofree char *line = file
		? postbox_case_line(postbox, file->number)
		: g_strdup("");
	const char *pairs[] = {"date", desk->date, "reason", reason, "hint",
		line, NULL};
	g_autofree char *filled = text_fill(pattern, pairs);

	take(letter, label, filled);
	answer_to(letter, desk->in_reply_to);
	return letter;
}

struct letter *
letter_preview(const struct letter_facts *facts, const struct letter_desk *desk)
{
	const struct postbox *postbox = facts->postbox;
	struct letter *letter = letters_new_case(facts, "preview");
	g_autofree char *pattern = letter_template(postbox->mailbox,
		language_of(postbox), "preview");
	g_autofree char *sent =
		say(postbox, desk->sent, desk->sent_value, "", 0);
	g_autofree char *preview = text_indent(desk->draft, "  | ");
	g_autofree char *line =
		postbox_case_line(postbox, facts->file->number);
	const char *pairs[] = {"token", desk->token, "number",
		facts->file->number, "sent", sent, "preview", preview,
		"case_line", line, NULL};
	g_autofree char *filled = text_fill(pattern, pairs);

	take(letter, facts->file->number, filled);
	answer_to(letter, desk->in_reply_to);
	return letter;
}

struct letter *
letter_listing(const struct postbox *postbox, const struct letter_desk *desk,
	moment now)
{
	const char *label = postbox->mailbox->prefix;
	struct letter *letter =
		letters_new(postbox, "confirmation", label, now);
	g_autofree char *pattern = letter_template(postbox->mailbox,
		language_of(postbox), "listing");
	g_autofree char *done = lines_of(postbox, desk->done);
	const char *pairs[] = {"done", done, "list",
		desk->listing ? desk->listing : "", NULL};
	g_autofree char *filled = text_fill(pattern, pairs);

	take(letter, label, filled);
	answer_to(letter, desk->in_reply_to);
	return letter;
}

struct letter *
letter_escalation(const struct letter_facts *facts, const GPtrArray *owed,
	const char *next, enum escalation_form form)
{
	const struct postbox *postbox = facts->postbox;
	const struct casefile *file = facts->file;
	const char *language = language_of(postbox);
	GTimeZone *zone = postbox->conf->zone;
	struct letter *letter = letters_new_case(facts, "escalation");
	g_autofree char *pattern = letter_template(postbox->mailbox, language,
		form == ESCALATION_STAFF ? "escalation" : "management");
	g_autofree char *received =
		clock_text(file->arrived_at, zone, language);
	g_autofree char *answer_by =
		clock_text(file->answer_due_at, zone, language);
	g_autofree char *list = lines_of(postbox, owed);
	g_autofree char *block = form == ESCALATION_KEYLESS
		? g_strdup("")
		: letters_facts_block(facts, language, true, true);
	g_autofree char *line = postbox_case_line(postbox, file->number);
	bool open = form != ESCALATION_KEYLESS && file->owner != NULL;
	g_autofree char *end = say(postbox, "before-end", answer_by, "", 0);
	g_autofree char *before = g_strdup_printf(" %s", end);
	const char *pairs[] = {"number", file->number, "received", received,
		"answer_by", answer_by, "owed", list, "before",
		file->answered_at ? "" : before, "facts", block, "owner",
		open ? file->owner : "-", "next", next, "title",
		form == ESCALATION_STAFF ? file->title : "",
		"case_line", line, NULL};
	g_autofree char *filled = text_fill(pattern, pairs);

	take(letter, file->number, filled);
	return letter;
}

struct letter *
letter_canary(const struct postbox *postbox, moment now)
{
	struct letter *letter = letters_new(postbox, "canary",
		postbox->mailbox->prefix, now);

	letter->subject = g_strdup("canary");
	letter->text = g_strdup("A canary of meldpunt doctor.\n");
	return letter;
}

char *
letter_trouble(const struct mailbox *mailbox, const char *language,
	const struct trouble *trouble)
{
	g_autofree char *key = g_strdup_printf("alarm-%s", trouble->what);

	return letters_phrase(mailbox, language, key, trouble->name, "", 0);
}

struct letter *
letter_alarm(const struct postbox *postbox, const struct trouble *trouble,
	moment now)
{
	const struct mailbox *box = postbox->mailbox;
	const char *language = language_of(postbox);
	GTimeZone *zone = postbox->conf->zone;
	struct letter *letter = letters_new(postbox, "alarm", box->prefix, now);
	g_autofree char *pattern = letter_template(box, language,
		trouble->until ? "alarm-over" : "alarm");
	g_autofree char *what = letter_trouble(box, language, trouble);
	g_autofree char *since = clock_text(trouble->since, zone, language);
	g_autofree char *until = clock_text(trouble->until, zone, language);
	const char *pairs[] = {"host", g_get_host_name(), "what", what, "since",
		since, "until", until, NULL};
	g_autofree char *filled = text_fill(pattern, pairs);

	take(letter, box->prefix, filled);
	return letter;
}

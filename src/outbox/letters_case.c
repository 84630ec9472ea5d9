/* Letters to reporters after the acknowledgment, and the short phrases. */
#include "outbox/letters_private.h"

#include "base/text.h"

#include <string.h>

/* The text of a key in the lines "key: text" of phrases.txt, or NULL. */
static char *
find_phrase(const char *phrases, const char *key)
{
	g_autofree char *head = g_strdup_printf("\n%s: ", key);
	g_autofree char *all = g_strdup_printf("\n%s", phrases);
	const char *found = strstr(all, head);

	if (found == NULL)
		return NULL;
	found += strlen(head);
	return g_strndup(found, strcspn(found, "\n"));
}

char *
letters_phrase(const struct mailbox *mailbox, const char *language,
	const char *key, const char *value, const char *more, int line)
{
	char none[] = "";
	const struct mailbox built_in = {.templates = none};
	g_autofree char *own = letter_template(mailbox, language, "phrases");
	g_autofree char *pattern = find_phrase(own, key);
	g_autofree char *number = g_strdup_printf("%d", line);
	const char *pairs[] = {"value", value ? value : "", "more",
		more ? more : "", "line", number, NULL};

	if (pattern == NULL) {
		g_autofree char *ours =
			letter_template(&built_in, language, "phrases");

		pattern = find_phrase(ours, key);
	}
	if (pattern == NULL)
		g_error("phrase %s is not built in", key);
	return g_strchomp(text_fill(pattern, pairs));
}

char *
letter_phrase(const struct postbox *postbox, const char *language,
	const char *key)
{
	return letters_phrase(postbox->mailbox, language, key, "", "", 0);
}

static char *
severity_text(const struct letter_facts *facts, const char *language)
{
	g_autofree char *key = NULL;

	if (facts->file->severity == NULL)
		return NULL;
	key = g_strdup_printf("severity-%s", facts->file->severity);
	return letters_phrase(facts->postbox->mailbox, language, key, "", "",
		0);
}

/* "  Label : value" where there is a value. */
static void
add_fact(GString *out, const struct letter_facts *facts, const char *language,
	const char *label, const char *value)
{
	g_autofree char *name = NULL;

	if (value == NULL || *value == '\0')
		return;
	name = letters_phrase(facts->postbox->mailbox, language, label, "", "",
		0);
	g_string_append_printf(out, "%s  %s %s", out->len ? "\n" : "", name,
		value);
}

char *
letters_facts_block(const struct letter_facts *facts, const char *language,
	bool with_state, bool with_verdict)
{
	const struct casefile *file = facts->file;
	const struct mailbox *box = facts->postbox->mailbox;
	GString *out = g_string_new(NULL);
	/* a letter that is the answer says so, though it is not yet accepted */
	bool answers = with_verdict && file->state != NULL &&
		strcmp(file->state, "received") == 0 && file->severity != NULL;
	g_autofree char *key = g_strdup_printf("state-%s",
		answers		    ? "answered"
			: file->state ? file->state
				      : "received");
	g_autofree char *state = letters_phrase(box, language, key, "", "", 0);
	g_autofree char *answered = file->answered_at
		? clock_text(file->answered_at, facts->postbox->conf->zone,
			  language)
		: NULL;
	g_autofree char *severity = severity_text(facts, language);
	g_autofree char *fix_date = file->fix_date
		? clock_date_text(file->fix_date, language)
		: NULL;

	if (with_state) {
		add_fact(out, facts, language, "label-state", state);
		add_fact(out, facts, language, "label-answered", answered);
	}
	if (with_verdict) {
		add_fact(out, facts, language, "label-severity", severity);
		add_fact(out, facts, language, "label-fix-date", fix_date);
	}
	return g_string_free(out, FALSE);
}

static char *
answer_block(const struct letter_facts *facts, const char *language)
{
	const char *assessment = facts->file->assessment;
	g_autofree char *pattern = letter_template(facts->postbox->mailbox,
		language, "answer");
	g_autofree char *block = letters_facts_block(facts, language, false, true);
	g_autofree char *text = assessment
		? g_strdup_printf("\n%s", assessment)
		: g_strdup("");
	const char *pairs[] = {"facts", block, "assessment", text, NULL};

	return g_strchomp(text_fill(pattern, pairs));
}

static const char *
how_to_answer(const struct letter_facts *facts, bool keyed)
{
	if (keyed)
		return "how-sealed";
	return facts->file->plain ? "how-plain" : "how-keyless";
}

/* Fills a template that goes to the reporter. */
static char *
fill(const struct letter_facts *facts, const char *language,
	const char *template, const char *what, const char *text,
	const char *answer, bool verdict, bool keyed)
{
	const struct mailbox *box = facts->postbox->mailbox;
	const struct casefile *file = facts->file;
	GTimeZone *zone = facts->postbox->conf->zone;
	g_autofree char *pattern = letter_template(box, language, template);
	g_autofree char *received =
		clock_text(file->arrived_at, zone, language);
	g_autofree char *answer_by =
		clock_text(file->answer_due_at, zone, language);
	g_autofree char *print = letters_grouped(facts->own_fingerprint);
	g_autofree char *how = letters_chomped(facts, language,
		how_to_answer(facts, keyed));
	g_autofree char *block = letters_facts_block(facts, language, true,
		verdict || facts->file->answered_at != 0);
	g_autofree char *said = *what
		? letters_phrase(box, language, what, "", "", 0)
		: g_strdup("");
	const char *pairs[] = {"number", file->number, "received", received,
		"answer_by", answer_by, "how", how, "policy_url",
		box->policy_url, "display_name",
		*box->display_name ? box->display_name : box->address,
		"address", box->address, "fingerprint", print, "facts", block,
		"what", said, "text", text, "answer", answer, NULL};

	return text_fill(pattern, pairs);
}

static struct letter *
address_to_reporter(const struct letter_facts *facts, const char *kind,
	bool keyed)
{
	struct letter *letter = letters_new_case(facts, kind);

	letter->to_reporter = true;
	letter->in_reply_to = letters_safe_id(facts->file->report_id);
	if (letter->in_reply_to != NULL)
		g_ptr_array_insert(letter->references, 0,
			g_strdup(letter->in_reply_to));
	g_ptr_array_add(letter->to, g_strdup(facts->file->address));
	if (keyed)
		letter->autocrypt_keydata = g_base64_encode(
			facts->own_key->data, facts->own_key->len);
	return letter;
}

struct letter *
letter_reply(const struct letter_facts *facts, const char *text,
	bool question, bool with_answer, bool keyed)
{
	struct letter *letter = address_to_reporter(facts,
		question ? "question" : "reply", keyed);
	g_auto(GStrv) languages = letters_languages(facts, true);
	g_autofree char *answer = with_answer
		? answer_block(facts, languages[0])
		: g_strdup("");
	g_autofree char *filled = fill(facts, languages[0], "reply", "", text,
		answer, with_answer, keyed);
	g_autoptr(GString) subject = g_string_new(NULL);
	g_autoptr(GString) body = g_string_new(NULL);

	/* a person wrote it */
	letter->automatic = false;
	letters_take_subject(subject, body, filled);
	letter->subject =
		g_strdup_printf("[%s] %s", facts->file->number, subject->str);
	letter->text = g_string_free(g_steal_pointer(&body), FALSE);
	return letter;
}

struct letter *
letter_fixed(const struct letter_facts *facts, const char *template,
	const char *kind, const char *what, bool verdict, bool keyed)
{
	struct letter *letter = address_to_reporter(facts, kind, keyed);
	g_auto(GStrv) languages = letters_languages(facts, keyed);
	g_autoptr(GString) subject = g_string_new(NULL);
	g_autoptr(GString) text = g_string_new(NULL);

	for (char **p = languages; *p != NULL; p++) {
		g_autofree char *filled =
			fill(facts, *p, template, what, "", "", verdict, keyed);

		letters_take_subject(subject, text, filled);
	}
	letter->subject =
		g_strdup_printf("[%s] %s", facts->file->number, subject->str);
	letter->text = g_string_free(g_steal_pointer(&text), FALSE);
	if (!keyed)
		letters_enclose_own_key(letter, facts);
	return letter;
}

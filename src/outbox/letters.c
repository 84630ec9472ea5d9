#include "outbox/letters_private.h"

#include "base/secret.h"
#include "base/text.h"

#include <string.h>

#define MAX_ENCLOSURES 100	 /* in a notice; all are in the case */
#define MAX_NOTICE (256 << 10) /* bytes of a report in a notice */
#define SEPARATOR "\n* * *\n\n"

/*
 * The languages for a reporter: theirs if we speak it, else all of ours.  A
 * mail in clear must not tell what a sealed report is written in.
 */
char **
letters_languages(const struct letter_facts *facts, bool keyed)
{
	char **ours = facts->postbox->mailbox->languages;
	const char *theirs = facts->file->language;
	bool may_tell = keyed || !facts->file->sealed;

	if (*theirs && may_tell && g_strv_contains((const char *const *)ours, theirs))
		return g_strsplit(theirs, " ", -1);
	return g_strdupv(ours);
}

/* Which fixed words tell a reporter why a message stayed shut. */
static const char *
reason_name(const struct letter_facts *facts)
{
	if (facts->header_only)
		return "reason-too-large";
	/* by the outermost packets only, which anyone can see */
	if (facts->report->outer->shape != SHAPE_SEALED)
		return "reason-damaged";
	switch (facts->report->outer->packets) {
	case PACKET_PASSPHRASE:
		return "reason-passphrase";
	case PACKET_TOO_NEW:
		return "reason-too-new";
	case PACKET_UNPROTECTED:
		return "reason-unprotected";
	default:
		return "reason-sealed";
	}
}

char *
letters_chomped(const struct letter_facts *facts, const char *language,
	const char *name)
{
	return g_strchomp(letter_template(facts->postbox->mailbox, language,
		name));
}

/* Our fingerprint in groups of four, as people compare it. */
char *
letters_grouped(const char *fingerprint)
{
	GString *out = g_string_new(NULL);

	for (size_t i = 0; fingerprint[i]; i++)
		g_string_append_printf(out, "%s%c", i && i % 4 == 0 ? " " : "",
			fingerprint[i]);
	return g_string_free(out, FALSE);
}

/* Fills what every letter to a reporter may name; nothing of the report. */
static char *
fill_for_reporter(const struct letter_facts *facts, const char *language,
	const char *name, const char *how)
{
	const struct mailbox *box = facts->postbox->mailbox;
	const struct casefile *file = facts->file;
	GTimeZone *zone = facts->postbox->conf->zone;
	g_autofree char *pattern = letter_template(box, language, name);
	g_autofree char *received =
		clock_text(file->arrived_at, zone, language);
	g_autofree char *answer_by =
		clock_text(file->answer_due_at, zone, language);
	g_autofree char *print = letters_grouped(facts->own_fingerprint);
	g_autofree char *how_text = letters_chomped(facts, language, how);
	g_autofree char *reason =
		letters_chomped(facts, language, reason_name(facts));
	const char *pairs[] = {"number", file->number, "received", received,
		"answer_by", answer_by, "how", how_text, "reason", reason,
		"policy_url", box->policy_url, "display_name",
		*box->display_name ? box->display_name : box->address,
		"address", box->address, "fingerprint", print, NULL};

	return text_fill(pattern, pairs);
}

/* A filled template is subject, empty line, text: takes them apart. */
void
letters_take_subject(GString *subjects, GString *texts, const char *filled)
{
	const char *end = strchrnul(filled, '\n');

	if (subjects->len > 0)
		g_string_append(subjects, " / ");
	g_string_append_len(subjects, filled, end - filled);
	end += strspn(end, "\n");
	if (texts->len > 0)
		g_string_append(texts, SEPARATOR);
	g_string_append(texts, end);
}

/* As a Message-ID that may stand in our header, or NULL. */
char *
letters_safe_id(const char *id)
{
	if (id == NULL || *id == '\0' || strlen(id) > 250)
		return NULL;
	for (const char *p = id; *p; p++)
		if (*p <= ' ' || *p >= 127 || *p == '<' || *p == '>')
			return NULL;
	return g_strdup(id);
}

/* label is what the subject names in clear: a case, or a mailbox's prefix. */
struct letter *
letters_new(const struct postbox *postbox, const char *kind, const char *label,
	moment now)
{
	const struct mailbox *box = postbox->mailbox;
	struct letter *letter = letter_new(kind);
	g_autofree char *token = secret_token();

	letter->from_name =
		g_strdup(*box->display_name ? box->display_name : NULL);
	letter->from_address = g_strdup(box->address);
	letter->message_id =
		g_strdup_printf("%s%s", token, strrchr(box->address, '@'));
	/* our own id in References survives a provider's new Message-ID */
	g_ptr_array_add(letter->references, g_strdup(letter->message_id));
	letter->outer_subject =
		g_strdup_printf("[%s] [...]", label);
	letter->date = now;
	letter->automatic = true;
	return letter;
}

struct letter *
letters_new_case(const struct letter_facts *facts, const char *kind)
{
	struct letter *letter = letters_new(facts->postbox, kind,
		facts->file->number, facts->now);

	letter->reply_to =
		postbox_reply_address(facts->postbox, facts->file->number);
	return letter;
}

/* Our public key, armored as a part of its own. */
void
letters_enclose_own_key(struct letter *letter, const struct letter_facts *facts)
{
	struct bytes *bytes = bytes_new();
	g_autofree char *base64 = g_base64_encode(facts->own_key->data,
		facts->own_key->len);
	g_autoptr(GString) armor =
		g_string_new("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n");
	g_autofree char *name = g_strdup_printf("OpenPGP_0x%s.asc",
		facts->own_fingerprint + 24);

	for (const char *p = base64; *p; p += MIN(strlen(p), 64))
		g_string_append_printf(armor, "%.64s\n", p);
	g_string_append(armor, "-----END PGP PUBLIC KEY BLOCK-----\n");
	bytes_append(bytes, armor->str, armor->len);
	letter_enclose(letter, name, "application/pgp-keys", bytes, true);
}

struct letter *
letter_acknowledgment(const struct letter_facts *facts, bool keyed)
{
	bool readable = facts->report->failure == NULL && !facts->header_only;
	struct letter *letter = letters_new_case(facts, "acknowledgment");
	g_auto(GStrv) languages = letters_languages(facts, keyed);
	g_autoptr(GString) subject = g_string_new(NULL);
	g_autoptr(GString) text = g_string_new(NULL);

	for (char **p = languages; *p != NULL; p++) {
		g_autofree char *filled = fill_for_reporter(facts, *p,
			readable ? "acknowledgment" : "unreadable",
			keyed ? "how-sealed" : "how-keyless");

		letters_take_subject(subject, text, filled);
	}
	letter->subject =
		g_strdup_printf("[%s] %s", facts->file->number, subject->str);
	letter->text = g_string_free(g_steal_pointer(&text), FALSE);
	letter->to_reporter = true;
	letter->in_reply_to =
		letters_safe_id(facts->report->outer->message_id);
	if (letter->in_reply_to != NULL)
		g_ptr_array_insert(letter->references, 0,
			g_strdup(letter->in_reply_to));
	g_ptr_array_add(letter->to, g_strdup(facts->file->address));
	letters_enclose_own_key(letter, facts);
	/* in clear the key stands once, to stay under 8 kB */
	if (keyed)
		letter->autocrypt_keydata = g_base64_encode(
			facts->own_key->data, facts->own_key->len);
	return letter;
}

static char *
join_assets(const struct report *report)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < report->inner->assets->len && i < 10; i++) {
		const struct asset *asset = report->inner->assets->pdata[i];
		g_autofree char *value = text_line(asset->value, 200);

		g_string_append_printf(out, "%s%s", i ? ", " : "", value);
	}
	return g_string_free(out, FALSE);
}

static char *
describe_reporter(const struct letter_facts *facts)
{
	const struct reading *outer = facts->report->outer;
	g_autofree char *name = text_line(outer->from_name, 100);
	g_autofree char *address = text_line(outer->from_address, 254);

	return g_strdup_printf("%s%s%s%s%s%s (%s)", name, *name ? " " : "",
		*address ? "<" : "", *address ? address : "-",
		*address ? ">" : "", facts->stranger ? " !" : "",
		facts->file->alias);
}

/* How many attachments, how large, and where they are if not here. */
static char *
list_attachments(const struct letter_facts *facts, const char *language,
	bool enclosed)
{
	const GPtrArray *attachments = facts->report->attachments;
	bool dutch = strcmp(language, "nl") == 0;
	GString *out = g_string_new(NULL);

	if (attachments->len > 0)
		g_string_append(out, dutch ? "Bijlagen:\n" : "Attachments:\n");
	for (guint i = 0; i < attachments->len; i++) {
		const struct attachment *a = attachments->pdata[i];

		g_string_append_printf(out, "  %u. %s (%s, %" PRIu64 ")%s\n",
			i + 1, a->name, a->type, a->size,
			a->protected ? "" : dutch ? " - niet beveiligd"
						  : " - not protected");
		if (!enclosed || i >= MAX_ENCLOSURES)
			g_string_append_printf(out,
				"     meldpunt show %s --attachment=%u\n",
				facts->file->number,
				(guint)facts->file->attachments + i + 1);
	}
	return g_string_free(out, FALSE);
}

static char *
describe_signature(const struct report *report)
{
	if (report->fingerprint == NULL)
		return g_strdup(signature_word(report->signature));
	return g_strdup_printf("%s (%s)", signature_word(report->signature),
		report->fingerprint);
}

static void
remark(GString *out, const struct letter_facts *facts, const char *language,
	const char *phrase, const char *value, const char *more)
{
	const struct mailbox *box = facts->postbox->mailbox;
	g_autofree char *label =
		letters_phrase(box, language, "remark", "", "", 0);
	g_autofree char *text =
		letters_phrase(box, language, phrase, value, more, 0);

	g_string_append_printf(out, "%s%-14s: %s", out->len ? "\n  " : "",
		label, text);
}

/* What is odd about it, a line each. */
/* Whether it is the hand that wrote the report. */
static void
remark_hand(GString *out, const struct letter_facts *facts,
	const char *language)
{
	const char *signer = facts->report->fingerprint;

	if (signer == NULL)
		remark(out, facts, language, "remark-no-hand", "", "");
	else if (g_ascii_strcasecmp(signer, facts->file->fingerprint) != 0)
		remark(out, facts, language, "remark-other-hand", "", "");
}

static char *
remarks_of(const struct letter_facts *facts, const char *language,
	bool follow_up)
{
	GString *out = g_string_new(NULL);
	const struct report *report = facts->report;
	moment received = report->outer->received;

	if (facts->header_only)
		remark(out, facts, language, "remark-too-large", "", "");
	else if (report->failure != NULL)
		remark(out, facts, language, "remark-failure", report->failure,
			"");
	if (report->unopened > 0) {
		g_autofree char *n = g_strdup_printf("%d", report->unopened);

		remark(out, facts, language, "remark-unopened", n, "");
	}
	if (facts->file->held)
		remark(out, facts, language, "remark-held", "", "");
	/* a name in From costs nothing: whose hand it is, the key says */
	if (follow_up && facts->file->pinned)
		remark_hand(out, facts, language);
	if (received != 0 &&
		ABS(received - facts->file->arrived_at) > CLOCK_HOUR)
		remark(out, facts, language, "remark-clock", "", "");
	for (guint i = 0; facts->hints != NULL && i < facts->hints->len; i++) {
		const struct told *told = facts->hints->pdata[i];

		remark(out, facts, language, told->phrase, told->value,
			told->more);
	}
	return g_string_free(out, FALSE);
}

/* The report as staff read it; a very long one goes on in the case. */
static char *
indented_text(const struct letter_facts *facts)
{
	const char *whole = facts->report->description;
	g_autofree char *part = text_block(whole, whole ? strlen(whole) : 0,
		MAX_NOTICE);
	g_autofree char *indented = text_indent(part, "  | ");

	if (whole == NULL || strlen(whole) <= MAX_NOTICE)
		return g_steal_pointer(&indented);
	return g_strdup_printf("%s\n  [...] meldpunt show %s\n", indented,
		facts->file->number);
}

static char *
fill_notice(const struct letter_facts *facts, const char *language,
	bool follow_up, bool with_attachments)
{
	const struct report *report = facts->report;
	const struct casefile *file = facts->file;
	GTimeZone *zone = facts->postbox->conf->zone;
	bool readable = report->failure == NULL && !facts->header_only;
	g_autofree char *pattern = letter_template(facts->postbox->mailbox,
		language, "notice");
	g_autofree char *what = letters_chomped(facts, language,
		!readable	? "notice-unreadable"
			: follow_up ? "notice-follow-up"
				    : "notice-new");
	g_autofree char *received =
		clock_text(file->arrived_at, zone, language);
	g_autofree char *answer_by =
		clock_text(file->answer_due_at, zone, language);
	g_autofree char *signature = describe_signature(report);
	g_autofree char *reporter = describe_reporter(facts);
	g_autofree char *assets = join_assets(report);
	g_autofree char *remarks = remarks_of(facts, language, follow_up);
	g_autofree char *line =
		postbox_case_line(facts->postbox, file->number);
	g_autofree char *text = indented_text(facts);
	g_autofree char *attachments =
		list_attachments(facts, language, with_attachments);
	const char *cvss = report->inner->cvss;
	const char *pairs[] = {"what", what, "number", file->number,
		"received", received, "answer_by", answer_by, "next",
		facts->next ? facts->next : "-", "protection",
		protection_word(report->protection), "signature", signature,
		"reporter", reporter, "assets", *assets ? assets : "-", "cvss",
		cvss && *cvss ? cvss : "-", "remark", remarks, "case_line",
		line, "title", *file->title ? file->title : "-", "text", text,
		"attachments", attachments, NULL};

	return text_fill(pattern, pairs);
}

struct letter *
letter_notice(const struct letter_facts *facts, bool follow_up,
	bool with_attachments)
{
	const GPtrArray *attachments = facts->report->attachments;
	const char *language = facts->postbox->mailbox->languages[0];
	struct letter *letter = letters_new_case(facts, "notice");
	g_autofree char *what = NULL;

	letter->text =
		fill_notice(facts, language, follow_up, with_attachments);
	what = g_strndup(letter->text, strcspn(letter->text, "\n"));
	letter->subject =
		g_strdup_printf("[%s] %s", facts->file->number, what);
	for (guint i = 0; with_attachments && i < attachments->len &&
		i < MAX_ENCLOSURES; i++) {
		const struct attachment *a = attachments->pdata[i];

		letter_enclose(letter, a->name, "application/octet-stream",
			bytes_slice(a->source, a->bytes.offset,
				a->bytes.length),
			false);
	}
	return letter;
}

struct letter *
letter_notice_keyless(const struct letter_facts *facts)
{
	const char *language = facts->postbox->mailbox->languages[0];
	GTimeZone *zone = facts->postbox->conf->zone;
	struct letter *letter = letters_new_case(facts, "notice");
	g_autofree char *pattern = letter_template(facts->postbox->mailbox,
		language, "notice-keyless");
	g_autofree char *received =
		clock_text(facts->file->arrived_at, zone, language);
	g_autofree char *answer_by =
		clock_text(facts->file->answer_due_at, zone, language);
	const char *pairs[] = {"number", facts->file->number, "received",
		received, "answer_by", answer_by, NULL};
	g_autofree char *filled = text_fill(pattern, pairs);
	g_autoptr(GString) subject = g_string_new(NULL);
	g_autoptr(GString) text = g_string_new(NULL);

	letters_take_subject(subject, text, filled);
	letter->subject =
		g_strdup_printf("[%s] %s", facts->file->number, subject->str);
	letter->text = g_string_free(g_steal_pointer(&text), FALSE);
	return letter;
}

static struct letter *
letter_list(const struct postbox *postbox, const char *kind, const char *list,
	int count, moment now)
{
	const char *language = postbox->mailbox->languages[0];
	const char *prefix = postbox->mailbox->prefix;
	struct letter *letter = letters_new(postbox, kind, prefix, now);
	g_autofree char *pattern =
		letter_template(postbox->mailbox, language, kind);
	g_autofree char *number = g_strdup_printf("%d", count);
	const char *pairs[] = {"count", number, "list", list, NULL};
	g_autofree char *filled = text_fill(pattern, pairs);
	g_autoptr(GString) subject = g_string_new(NULL);
	g_autoptr(GString) text = g_string_new(NULL);

	letters_take_subject(subject, text, filled);
	letter->subject = g_strdup_printf("[%s] %s", prefix, subject->str);
	letter->text = g_string_free(g_steal_pointer(&text), FALSE);
	return letter;
}

struct letter *
letter_digest(const struct postbox *postbox, const char *list, int count,
	moment now)
{
	return letter_list(postbox, "digest", list, count, now);
}

struct letter *
letter_morning(const struct postbox *postbox, const char *list, int count,
	moment now)
{
	return letter_list(postbox, "morning", list, count, now);
}

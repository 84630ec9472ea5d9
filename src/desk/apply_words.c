/* What staff write for a reporter: whether it may go, and drafts of it. */
#include "desk/apply_private.h"

#include "base/text.h"
#include "desk/events.h"
#include "desk/own_words.h"

#include <string.h>

#define RUN 6	 /* words in a row that are no coincidence */
#define SHORT 5	 /* words: fewer are anybody's, unless a secret is there */
#define LEAST 12 /* bytes that they have at least, spaces included */

static const char sql_notes[] =
	"SELECT body FROM messages WHERE case_id = $1 AND direction = 'note'"
	" AND inbound IS NULL"
	" ORDER BY id DESC LIMIT 200";

/* The words of a text, folded, between single spaces. */
static char *
words_of(const char *text)
{
	g_autoptr(GRegex) between = g_regex_new("[^\\p{L}\\p{N}]+", 0, 0, NULL);
	g_autofree char *folded = g_utf8_casefold(text, -1);
	g_autofree char *words =
		g_regex_replace_literal(between, folded, -1, 0, " ", 0, NULL);

	g_strstrip(words);
	return g_strdup_printf(" %s ", words);
}

/* A word of letters and digits, as secrets are. */
static bool
has_secret(char *const *words)
{
	for (; *words != NULL; words++)
		if (g_regex_match_simple("\\p{L}", *words, 0, 0) &&
			g_regex_match_simple("\\d", *words, 0, 0))
			return true;
	return false;
}

/* True if a run of words of a note, or all of a short one, is in the text. */
static bool
quotes_note(const char *text, const char *note)
{
	g_autofree char *words = words_of(note);
	g_auto(GStrv) list = g_strsplit(g_strstrip(words), " ", -1);
	guint n = g_strv_length(list);
	guint run = MIN(n, RUN);

	if (n < SHORT && !has_secret(list))
		return false;
	for (guint i = 0; run > 0 && i + run <= n; i++) {
		g_autoptr(GString) found = g_string_new(" ");

		for (guint k = 0; k < run; k++)
			g_string_append_printf(found, "%s ", list[i + k]);
		if (found->len >= LEAST && strstr(text, found->str) != NULL)
			return true;
	}
	return false;
}

static bool
check_notes(struct applied *a, const char *text, GError **error)
{
	g_autoptr(rows) notes = db_query(a->db, error, sql_notes,
		PARAM_INT8(a->file->id));
	g_autofree char *words = NULL;

	if (notes == NULL)
		return false;
	words = words_of(text);
	for (int i = 0; i < rows_count(notes); i++)
		if (quotes_note(words, rows_text(notes, i, "body")))
			return apply_refuse(a, "hold-note", "");
	return true;
}

static const char sql_other_reporter[] =
	"SELECT count(*) AS n FROM meldpunt_private.reporters"
	" WHERE lower(address) = $1 AND lower(address) <> lower($2)";

static bool
check_addresses(struct applied *a, const char *text, GError **error)
{
	g_autoptr(GRegex) form = g_regex_new("[\\w.+=-]+@[\\w.-]+\\w", 0, 0,
		NULL);
	g_autoptr(GMatchInfo) match = NULL;
	const char *own = a->file->address ? a->file->address : "";

	for (g_regex_match(form, text, 0, &match);
		g_match_info_matches(match) && a->refused == NULL;
		g_match_info_next(match, NULL)) {
		g_autofree char *word = g_match_info_fetch(match, 0);
		g_autofree char *address = g_ascii_strdown(word, -1);
		g_autoptr(rows) found = db_query(a->db, error,
			sql_other_reporter, PARAM_TEXT(address),
			PARAM_TEXT(own));

		if (found == NULL)
			return false;
		if (rows_int8(found, 0, "n") > 0)
			apply_refuse(a, "hold-reporter", "");
	}
	return true;
}

bool
apply_check_address(struct applied *a)
{
	if (a->file->address == NULL)
		apply_refuse(a, "hold-no-address", "");
	return a->refused == NULL;
}

/* A colleague's name or address in the midst of it cannot be cut. */
static bool
names_author(const struct applied *a, const char *text)
{
	g_autofree char *lower = g_utf8_casefold(text, -1);
	g_autofree char *name = g_utf8_casefold(a->staff->name, -1);
	g_autofree char *address = g_ascii_strdown(a->staff->address, -1);

	return strstr(lower, address) != NULL ||
		(strchr(name, ' ') != NULL && strstr(lower, name) != NULL);
}

bool
apply_check_words(struct applied *a, const char *text, moment written,
	bool forced, GError **error)
{
	const struct casefile *f = a->file;

	if (!forced && f->held)
		apply_refuse(a, "hold-same", "");
	if (!forced && f->last_author != NULL &&
		g_ascii_strcasecmp(f->last_author, a->staff->address) != 0 &&
		f->last_letter_at > written)
		apply_refuse(a, "hold-older", f->last_author);
	if (!forced && names_author(a, text))
		apply_refuse(a, "hold-name", "");
	return check_notes(a, text, error) && check_addresses(a, text, error);
}

char *
apply_cut_name(const struct applied *a, const char *text)
{
	return own_words_unsigned(text, a->staff->name, a->staff->address);
}

/* A draft's token is made from what would go and the key that it goes to. */
static char *
token_of(const struct applied *a, const char *text, bool question)
{
	const struct casefile *f = a->file;
	const char *parts[] = {f->address, f->fingerprint, f->severity,
		f->fix_date, f->assessment, f->language,
		f->answered_at ? "answered" : "", question ? "question" : ""};
	g_autoptr(GString) all = g_string_new("draft\n");
	g_autofree char *mac = NULL;

	g_string_append_printf(all, "%s\n%s", f->number, text);
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
		g_string_append_printf(all, "\n%s", parts[i] ? parts[i] : "");
	mac = text_mac(a->draft_key, 32, all->str);
	return g_strdup_printf("D-%.8s", mac);
}

static const char sql_keep[] =
	"INSERT INTO drafts (token, case_id, author, is_question, text)"
	" VALUES ($1, $2, $3, $4, $5) ON CONFLICT (token) DO UPDATE"
	" SET made_at = now(), discarded_at = NULL, sent_at = NULL";

bool
apply_draft(struct applied *a, const struct order_mail *mail, GError **error)
{
	g_autofree char *text = NULL;

	if (a->file == NULL)
		return apply_refuse(a, "fault-no-case", "");
	text = apply_cut_name(a, mail->draft);
	if (*text == '\0')
		return apply_refuse(a, "fault-no-order", "");
	a->draft_token = token_of(a, text, mail->draft_is_question);
	return db_run(a->db, error, sql_keep, PARAM_TEXT(a->draft_token),
		       PARAM_INT8(a->file->id), PARAM_TEXT(a->staff->address),
		       PARAM_BOOL(mail->draft_is_question),
		       PARAM_TEXT(text)) &&
		(a->draft = g_steal_pointer(&text)) != NULL &&
		event_add_by(a->db, a->file->id, a->inbound, a->staff->address,
			"draft-kept", a->draft_token, error);
}

static const char sql_draft[] =
	"SELECT text, is_question, (extract(epoch FROM made_at)"
	" * 1000000)::bigint AS made_at FROM drafts"
	" WHERE upper(token) = upper($1)"
	" AND case_id = $2 AND sent_at IS NULL AND discarded_at IS NULL"
	" FOR UPDATE";

static const char sql_sent[] =
	"UPDATE drafts SET sent_at = now() WHERE upper(token) = upper($1)";

bool
apply_send(struct applied *a, const struct order *order, bool forced,
	GError **error)
{
	g_autoptr(rows) found = db_query(a->db, error, sql_draft,
		PARAM_TEXT(order->value), PARAM_INT8(a->file->id));
	g_autofree char *token = NULL;
	const char *text;
	bool question;

	if (found == NULL)
		return false;
	if (rows_count(found) == 0)
		return apply_refuse(a, "fault-no-draft", order->value);
	if (!apply_check_address(a))
		return true;
	if (a->text != NULL)
		return apply_refuse(a, "fault-two-replies", "");
	text = rows_text(found, 0, "text");
	question = rows_bool(found, 0, "is_question");
	token = token_of(a, text, question);
	/* the reporter's key or address is another since the preview */
	if (g_ascii_strcasecmp(token, order->value) != 0)
		return apply_refuse(a, "fault-draft-changed", order->value);
	/* what a colleague wrote since is news to who only confirms now */
	if (!apply_check_words(a, text, rows_int8(found, 0, "made_at"), forced,
		    error))
		return false;
	a->text = g_strdup(text);
	a->mail = question ? MAIL_QUESTION : MAIL_REPLY;
	return db_run(a->db, error, sql_sent, PARAM_TEXT(order->value)) &&
		event_add_by(a->db, a->file->id, a->inbound, a->staff->address,
			"draft-sent", order->value, error);
}

static const char sql_discard[] =
	"UPDATE drafts SET discarded_at = now() WHERE upper(token) = upper($1)"
	" AND case_id = $2 AND sent_at IS NULL AND discarded_at IS NULL"
	" RETURNING token";

bool
apply_discard(struct applied *a, const struct order *order, GError **error)
{
	g_autoptr(rows) found = db_query(a->db, error, sql_discard,
		PARAM_TEXT(order->value), PARAM_INT8(a->file->id));

	if (found == NULL)
		return false;
	if (rows_count(found) == 0)
		return apply_refuse(a, "fault-no-draft", order->value);
	told_add(a->done, "done-discarded", order->value, "");
	return event_add_by(a->db, a->file->id, a->inbound, a->staff->address,
		"draft-discarded", order->value, error);
}

/* Texts of a layer: armors in them, keys, and words. */
#include "intake/peel_private.h"

#include "base/text.h"
#include "edge/html.h"
#include "edge/packet.h"
#include "intake/fields.h"

#include <string.h>

#define MAX_TEXT (4 << 20) /* of a report; more becomes an attachment */
#define A_REPORT 200 /* bytes of text around an armor that may be the report */
#define A_LONG_REPORT 600 /* and that no footer has */

static bool
is_flowed(const struct mime *part)
{
	const char *format = mime_parameter(part, "format");

	return format != NULL && g_ascii_strcasecmp(format, "flowed") == 0;
}

static char *
body_text(const struct mime *part)
{
	g_autofree char *raw = mime_text(part, PEEL_MAX_PART);
	const char *del_space = mime_parameter(part, "delsp");

	if (strcmp(part->type, "text/html") == 0) {
		g_autofree char *text = html_to_text(raw, strlen(raw));

		return text_block(text, strlen(text), PEEL_MAX_PART);
	}
	if (is_flowed(part))
		return fields_unflow(raw, del_space != NULL &&
				g_ascii_strcasecmp(del_space, "yes") == 0);
	return g_steal_pointer(&raw);
}

size_t
peel_words_in(const char *text, size_t length)
{
	size_t n = 0;

	for (size_t i = 0; i < length; i++)
		n += !g_ascii_isspace(text[i]);
	return n;
}

size_t
peel_part_words(const struct mime *part)
{
	g_autofree char *text = body_text(part);

	return peel_words_in(text, strlen(text));
}

static void
take_key(struct peel *peel, const char *text, size_t length)
{
	static const char what[] = "PUBLIC KEY BLOCK";
	g_autofree char *copy = g_strndup(text, length);
	const char *begin = armor_begin(copy, what);
	const char *end = begin ? armor_end(begin, what) : NULL;

	if (end != NULL)
		peel_add_piece(peel, "", "application/pgp-keys",
			peel_put(peel, begin, end - begin), PIECE_KEY);
}

/* What stands before and behind an armor. */
static void
take_around(struct peel *peel, const char *text, const char *begin,
	const char *end)
{
	take_key(peel, text, begin - text);
	take_key(peel, end, strlen(end));
	peel_add_outside(peel, text, begin - text);
	peel_add_outside(peel, end, strlen(end));
}

static void
note_armor(struct peel *peel, const char *text, size_t around)
{
	peel->reading->inline_armor = true;
	peel->armor = g_strdup(text);
	peel->armor_at = peel->text->len;
	peel->armor_around = around;
}

void
peel_settle_armor(struct peel *peel)
{
	struct reading *r = peel->reading;
	size_t words = peel_words_in(peel->text->str, peel->text->len);
	bool sealed = r->shape == SHAPE_SEALED;

	if (peel->armor == NULL)
		return;
	if (words > 0 && (peel->layer != LAYER_MESSAGE ||
				 (!sealed && words >= A_REPORT))) {
		/* beside a report it is an attachment, or a quotation */
		r->shape = SHAPE_CLEAR;
		r->inline_armor = false;
		if (sealed)
			peel_add_piece(peel, "encrypted.asc",
				"application/pgp-encrypted", r->sealed,
				PIECE_SEALED);
		else
			g_string_insert(peel->text, peel->armor_at, peel->armor);
		r->sealed = r->signature = (struct extent){0};
	} else if (sealed && words + peel->armor_around >= A_REPORT) {
		r->beside = true;
		r->stands_alone = words + peel->armor_around >= A_LONG_REPORT;
		peel_add_outside(peel, peel->text->str, peel->text->len);
		g_string_insert(peel->text, peel->armor_at, peel->armor);
	}
	g_clear_pointer(&peel->armor, g_free);
}

/* An armored message in a text: what it holds is sealed, the rest outside. */
static bool
take_armor(struct peel *peel, const char *text)
{
	const char *begin = armor_begin(text, "MESSAGE");
	const char *end = begin ? armor_end(begin, "MESSAGE") : NULL;
	struct reading *r = peel->reading;
	g_autofree guint8 *binary = NULL;
	enum packet_kind packets;
	size_t around;
	gsize size;

	if (begin == NULL || r->shape != SHAPE_CLEAR || peel->outside)
		return false;
	packets = packet_look(begin, strlen(begin), NULL);
	/* such a line alone is a mention */
	if (end == NULL &&
		(packets == PACKET_NONE ||
			!g_regex_match_simple("\\n[A-Za-z0-9+/]{48,}\\r?\\n",
				begin, 0, 0)))
		return false;
	if (end == NULL)
		end = begin + strlen(begin);
	around = peel_words_in(text, begin - text) +
		peel_words_in(end, strlen(end));
	/* inside what was decrypted, an armor among words is a quotation */
	if (peel->layer == LAYER_INSIDE && around > 0)
		return false;
	binary = packet_dearmor(begin, end - begin, &size);
	r->shape = SHAPE_SEALED;
	r->sealed = peel_put(peel, (const char *)binary, size);
	r->packets = packets;
	note_armor(peel, text, around);
	take_around(peel, text, begin, end);
	return true;
}

static const char *
clearsigned_end(const char *begin)
{
	const char *block = strstr(begin, "\n-----BEGIN PGP SIGNATURE-----");

	return block ? armor_end(block, "SIGNATURE") : NULL;
}

/* Without the space that format=flowed put before some lines (RFC 3676, 4.4). */
static struct extent
unstuffed(struct peel *peel, const char *begin, const char *end)
{
	g_autoptr(GString) text = g_string_new_len(begin, end - begin);

	if (g_string_replace(text, "\n ", "\n", 0) == 0)
		return (struct extent){0};
	return peel_put(peel, text->str, text->len);
}

/*
 * A cleartext-signed text (RFC 9580, 7): text is for finding it and what is
 * around; raw, the same before charset and line ends, is what was signed,
 * unless it was stuffed afterwards.
 */
static bool
take_clearsigned(struct peel *peel, const char *text, const char *raw,
	bool flowed)
{
	const char *begin = armor_begin(text, "SIGNED MESSAGE");
	const char *end = begin ? clearsigned_end(begin) : NULL;
	const char *first = armor_begin(raw, "SIGNED MESSAGE");
	const char *last = first ? clearsigned_end(first) : NULL;
	struct reading *r = peel->reading;

	/* one that is not whole is a text like any other */
	if (end == NULL || last == NULL || r->shape != SHAPE_CLEAR ||
		peel->outside)
		return false;
	/* among words that were opened, or behind a report, it is a quotation */
	if (peel->layer != LAYER_MESSAGE &&
		(peel_words_in(text, begin - text) > 0 ||
			peel_words_in(end, strlen(end)) > 0))
		return false;
	if (peel_words_in(text, begin - text) >= A_REPORT)
		return false;
	r->shape = SHAPE_CLEARSIGNED;
	note_armor(peel, text, 0);
	r->sealed = peel_put(peel, first, last - first);
	if (flowed)
		r->signature = unstuffed(peel, first, last);
	take_around(peel, text, begin, end);
	return true;
}

static void
add_words(struct peel *peel, const char *text)
{
	if (peel->outside) {
		peel_add_outside(peel, text, strlen(text));
		return;
	}
	take_key(peel, text, strlen(text));
	if (peel->text->len > 0 && !g_str_has_suffix(peel->text->str, "\n"))
		g_string_append_c(peel->text, '\n');
	if (peel->text->len > 0)
		g_string_append_c(peel->text, '\n');
	if (peel->text->len + strlen(text) <= MAX_TEXT)
		g_string_append(peel->text, text);
	else
		peel_add_piece(peel, "long-text.txt", "text/plain",
			peel_put(peel, text, strlen(text)), PIECE_PLAIN);
}

/* The part's content before any charset. */
static char *
raw_of(struct peel *peel, const struct mime *part, const char *text)
{
	struct extent where;

	if (strcmp(part->type, "text/html") == 0 ||
		armor_begin(text, "SIGNED MESSAGE") == NULL ||
		!mime_decode(part, peel->out, &where))
		return g_strdup(text);
	return bytes_copy(peel->out, where.offset, where.length);
}

/* Another armor than the one that may be the report. */
static bool
take_other_armor(struct peel *peel, const char *text)
{
	const char *begin = armor_begin(text, "MESSAGE");

	if (begin == NULL || peel->armor == NULL || peel->outside ||
		packet_look(begin, strlen(begin), NULL) == PACKET_NONE)
		return false;
	peel_add_piece(peel, "encrypted.asc", "application/pgp-encrypted",
		peel_put(peel, text, strlen(text)), PIECE_SEALED);
	return true;
}

void
peel_text_part(struct peel *peel, const struct mime *part)
{
	g_autofree char *text = body_text(part);
	g_autofree char *raw = raw_of(peel, part, text);

	if (!take_armor(peel, text) &&
		!take_clearsigned(peel, text, raw, is_flowed(part)) &&
		!take_other_armor(peel, text))
		add_words(peel, text);
}

/* What was in an encrypted attachment need not be text at all. */
static bool
take_binary(struct peel *peel)
{
	if (memchr(peel->data, '\0', peel->length) == NULL &&
		peel->length <= MAX_TEXT)
		return false;
	peel_add_piece(peel, "decrypted.bin", "application/octet-stream",
		peel_put(peel, peel->data, peel->length), PIECE_PLAIN);
	return true;
}

void
peel_plain_text(struct peel *peel, bool as_it_stands)
{
	g_autofree char *text = NULL, *raw = NULL;

	if (take_binary(peel))
		return;
	text = mime_bytes_text(peel->data, peel->length);
	raw = g_strndup(peel->data, peel->length);
	if (as_it_stands)
		g_string_append(peel->text, text);
	else if (!take_clearsigned(peel, text, raw, false) &&
		!take_armor(peel, text))
		add_words(peel, text);
}

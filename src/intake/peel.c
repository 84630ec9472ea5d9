#include "intake/peel_private.h"

#include "base/text.h"
#include "edge/language.h"
#include "edge/packet.h"
#include "intake/fields.h"
#include "intake/gate.h"
#include "intake/repair.h"
#include "intake/signed_part.h"

#include <string.h>
#include <sys/mman.h>

#define MAX_TEXT (4 << 20) /* of a report */
#define MAX_PIECES 500
#define MAX_REPAIRED 8 /* parts with faulty boundaries */
#define A_STUB 80	   /* of a plain text that is no report */
#define A_LONG_STUB 300	   /* of one beside an armor in HTML */
#define LOOK_AT 65536 /* bytes of a part that tell what it is */

struct extent
peel_put(struct peel *peel, const char *data, size_t length)
{
	struct extent where = {peel->out->size, length};

	if (!bytes_append(peel->out, data, length)) {
		peel->full = true;
		where.length = 0;
	}
	return where;
}

void
peel_add_piece(struct peel *peel, const char *name, const char *type,
	struct extent where, enum piece_kind kind)
{
	if (peel->reading->pieces->len < MAX_PIECES)
		g_ptr_array_add(peel->reading->pieces,
			piece_new(name ? name : "", type, where, kind));
}

void
peel_add_outside(struct peel *peel, const char *text, size_t length)
{
	g_autofree char *copy = g_strndup(text, length);

	g_strstrip(copy);
	if (*copy != '\0')
		peel_add_piece(peel, "clear-text.txt", "text/plain",
			peel_put(peel, copy, strlen(copy)), PIECE_OUTSIDE);
}

static bool
is_text(const struct mime *part)
{
	return !part->attached && (part->name == NULL || !*part->name) &&
		(strcmp(part->type, "text/plain") == 0 ||
			strcmp(part->type, "application/pgp") == 0 ||
			strcmp(part->type, "text/markdown") == 0 ||
			strcmp(part->type, "text/enriched") == 0 ||
			strcmp(part->type, "text/html") == 0);
}

/* Bytes of words in the texts of this kind. */
static size_t
words_of(const struct mime *mime, bool html)
{
	size_t words = 0;

	if (is_text(mime) && (strcmp(mime->type, "text/html") == 0) == html)
		words += peel_part_words(mime);
	for (guint i = 0; i < mime->children->len; i++)
		words += words_of(mime->children->pdata[i], html);
	return words;
}

/* True if a text of this kind is there, with this in it. */
static bool
has_text(const struct mime *mime, bool html, const char *what)
{
	if (is_text(mime) && (strcmp(mime->type, "text/html") == 0) == html) {
		g_autofree char *text = mime_text(mime, LOOK_AT);

		if (*g_strstrip(text) != '\0' && strstr(text, what) != NULL)
			return true;
	}
	for (guint i = 0; i < mime->children->len; i++)
		if (has_text(mime->children->pdata[i], html, what))
			return true;
	return false;
}

static void take_part(struct peel *peel, const struct mime *part);

/* A plain text that only says that there is another, or shows no armor. */
static bool
is_stub(const struct mime *part, size_t words)
{
	static const char armor[] = "-----BEGIN PGP ";

	return (words < A_LONG_STUB && has_text(part, true, armor) &&
		       !has_text(part, false, armor)) ||
		(words < A_STUB && words_of(part, true) > 4 * A_STUB);
}

/* Of alternatives the plain text is what people read here. */
static void
take_alternatives(struct peel *peel, const struct mime *part)
{
	bool before = peel->plain;
	size_t words = words_of(part, false);
	bool plain = words > 0 && !is_stub(part, words);

	for (guint i = 0; i < part->children->len; i++) {
		const struct mime *child = part->children->pdata[i];

		if (!plain && is_text(child) &&
			strcmp(child->type, "text/html") != 0)
			continue;
		peel->plain = before || plain;
		take_part(peel, child);
	}
	peel->plain = before;
}

static void take_part(struct peel *peel, const struct mime *part);

/* A multipart without parts: perhaps with another boundary; or as it stands. */
static void
take_unparted(struct peel *peel, const struct mime *part)
{
	size_t length, size = 0, head;
	g_autofree char *source = mime_source(part, &length);
	g_autofree char *data =
		repair_boundary(source, length, part->type, &size);
	g_autofree char *text = NULL;
	struct mime *better = NULL;

	if (data != NULL && peel->repaired->len < MAX_REPAIRED &&
		gate_check(data, size) == NULL)
		better = mime_parse_memory(data, size, false);
	if (better != NULL)
		g_ptr_array_add(peel->repaired, better);
	if (better != NULL && better->children->len > 0) {
		take_part(peel, better);
		return;
	}
	head = gate_header_end(source, length);
	text = mime_bytes_text(source + head, MIN(length - head, MAX_TEXT));
	if (!text[strspn(text, " \t\r\n")])
		return;
	g_string_append_printf(peel->text, "%s%s", peel->text->len ? "\n" : "",
		text);
}

static void
take_part(struct peel *peel, const struct mime *part)
{
	if (strcmp(part->type, "multipart/alternative") == 0 &&
		part->children->len > 0)
		take_alternatives(peel, part);
	else if (part->children->len > 0)
		for (guint i = 0; i < part->children->len; i++)
			take_part(peel, part->children->pdata[i]);
	else if (is_text(part)) {
		if (!peel->plain || strcmp(part->type, "text/html") != 0)
			peel_text_part(peel, part);
	} else if (g_str_has_prefix(part->type, "multipart/"))
		take_unparted(peel, part);
	else
		peel_take_attachment(peel, part);
}

/* The only part there is, is what was written, whatever it is called. */
static void
take_root(struct peel *peel, const struct mime *root)
{
	if (root->children->len == 0 && root->message == NULL &&
		(g_str_has_prefix(root->type, "text/") ||
			strchr(root->type, '/') == NULL))
		peel_text_part(peel, root);
	else
		take_part(peel, root);
}

static bool
is_openpgp_signed(const struct mime *part)
{
	const char *protocol = mime_parameter(part, "protocol");
	const struct mime *second = part->children->len == 2
		? part->children->pdata[1]
		: NULL;

	return strcmp(part->type, "multipart/signed") == 0 && second != NULL &&
		!(protocol != NULL && strstr(protocol, "pkcs7") != NULL) &&
		strstr(second->type, "pkcs7") == NULL;
}

/*
 * The signed part: the root, or the first in what a gateway or a list has
 * wrapped around to add its own.  Behind somebody's words it is an attachment.
 */
static const struct mime *
find_signed(const struct mime *part, int depth)
{
	if (is_openpgp_signed(part))
		return part;
	if (strcmp(part->type, "multipart/mixed") != 0 || depth > 2 ||
		part->children->len == 0)
		return NULL;
	return find_signed(part->children->pdata[0], depth + 1);
}

static void
take_beside(struct peel *peel, const struct mime *part,
	const struct mime *signed_part)
{
	if (part == signed_part)
		return;
	if (strcmp(part->type, "multipart/mixed") == 0)
		for (guint i = 0; i < part->children->len; i++)
			take_beside(peel, part->children->pdata[i],
				signed_part);
	else
		take_part(peel, part);
}

/* By its name, its armor or its first packet (RFC 9580, 4.2). */
static bool
is_signature(struct peel *peel, const struct mime *part)
{
	const struct extent *where = &peel->reading->signature;
	g_autofree char *start =
		bytes_copy(peel->out, where->offset, MIN(where->length, LOOK_AT));
	unsigned char first = *start;

	return strcmp(part->type, "application/pgp-signature") == 0 ||
		armor_begin(start, "SIGNATURE") != NULL ||
		(first & 0xfc) == 0x88 || first == 0xc2;
}

/* gpg misses the checksum that many leave out. */
static void
dearmor_signature(struct peel *peel)
{
	struct extent *where = &peel->reading->signature;
	g_autofree char *text =
		bytes_copy(peel->out, where->offset, where->length);
	const char *begin = armor_begin(text, "SIGNATURE");
	const char *end = begin ? armor_end(begin, "SIGNATURE") : NULL;
	g_autofree guint8 *binary = NULL;
	gsize size;

	if (end == NULL)
		return;
	binary = packet_dearmor(begin, end - begin, &size);
	*where = peel_put(peel, (const char *)binary, size);
}

static bool
take_signed(struct peel *peel, const struct mime *root)
{
	const struct mime *part = find_signed(root, 0);
	const char *boundary = part ? mime_parameter(part, "boundary") : NULL;
	g_autofree char *canonical = NULL;
	const char *start;
	size_t size;

	if (boundary == NULL ||
		!signed_part_find(peel->data, peel->length, boundary, &start,
			&size) ||
		!mime_decode(part->children->pdata[1], peel->out,
			&peel->reading->signature))
		return false;
	if (!is_signature(peel, part->children->pdata[1])) {
		peel->reading->signature = (struct extent){0};
		return false;
	}
	dearmor_signature(peel);
	canonical = signed_part_canonical(start, size, &size);
	peel->reading->sealed = peel_put(peel, canonical, size);
	peel->reading->shape = SHAPE_SIGNED;
	peel->outside = true;
	take_beside(peel, root, part);
	return true;
}

static bool
matches_head(const char *header, const char *pattern)
{
	return g_regex_match_simple(pattern, header,
		G_REGEX_CASELESS | G_REGEX_RAW | G_REGEX_MULTILINE, 0);
}

/* Plaintext that is no MIME entity is a text as it stands. */
static bool
looks_like_mime(const char *data, size_t length)
{
	size_t end = gate_header_end(data, length);
	g_autofree char *header = g_strndup(data, MIN(end, 32768));

	/* a dot would stop at CR; labels of a text are no header fields */
	if (matches_head(header,
		    "\\A(?:(?:content-|mime-|x-|hp-|autocrypt|from|to|cc|subject"
		    "|date|message-id|in-reply-to|references|reply-to|sender"
		    "|user-agent|received|return-path|organization|openpgp)"
		    "[!-9;-~]*:[^\\n]*\\n(?:[ \\t][^\\n]*\\n)*)*"
		    "content-type[ \\t]*:"))
		return true;
	/* others are (RFC 9788, 2.1), but those of an HTTP response are not */
	return matches_head(header,
		       "\\A(?:[!-9;-~]+:[^\\n]*\\n(?:[ \\t][^\\n]*\\n)*)*"
		       "content-type[ \\t]*:[ \\t]*[a-z]+/[a-z]") &&
		matches_head(header,
			"^(?:mime-version|content-transfer-encoding)[ \\t]*:"
			"|;\\s*(?:boundary|protected-headers|hp)[ \\t]*=");
}

static void
finish(struct peel *peel)
{
	struct reading *r = peel->reading;

	peel_settle_armor(peel);
	peel_choose_sealed(peel);
	if (r->shape != SHAPE_CLEAR && !(r->inline_armor && r->beside))
		peel_add_outside(peel, peel->text->str, peel->text->len);
	/* clear text beside what is sealed is not the report, or only perhaps */
	if (r->shape != SHAPE_CLEAR && !r->beside)
		g_string_truncate(peel->text, 0);
	r->text = text_block(peel->text->str, peel->text->len, MAX_TEXT);
	if (r->shape == SHAPE_CLEAR || r->beside) {
		g_autofree char *own = fields_own_words(r->text);

		fields_assets(r->text, r->assets);
		r->cvss = fields_cvss(r->text);
		r->language = g_strdup(language_of(own));
	}
	if (peel->full) {
		r->shape = SHAPE_REFUSED;
		r->refusal = g_strdup(REFUSAL_TOO_MUCH);
	}
}

/* As it is, or with a boundary that it can be taken apart at. */
static struct mime *
parse(const struct peel *peel, const struct bytes *in, bool whole)
{
	g_autoptr(mime_auto) root = mime_parse(in, peel->length, whole);
	g_autofree char *data = NULL;
	struct mime *better;
	size_t size;

	if (root == NULL || !g_str_has_prefix(root->type, "multipart/") ||
		root->children->len > 0)
		return g_steal_pointer(&root);
	data = repair_boundary(peel->data, peel->length, root->type, &size);
	if (data == NULL || gate_check(data, size) != NULL)
		return g_steal_pointer(&root);
	better = mime_parse_memory(data, size, whole);
	return better ? better : g_steal_pointer(&root);
}

static void
peel_mime(struct peel *peel, const struct bytes *in)
{
	bool whole = peel->layer == LAYER_MESSAGE || peel->layer == LAYER_HEADER;
	g_autoptr(mime_auto) root = parse(peel, in, whole);

	if (root == NULL) {
		peel->reading->shape = SHAPE_REFUSED;
		peel->reading->refusal = g_strdup(REFUSAL_NO_MESSAGE);
		return;
	}
	peel_header(root, peel->layer, peel->reading, peel->out);
	if (peel->layer != LAYER_HEADER && !take_signed(peel, root))
		take_root(peel, root);
	finish(peel);
}

/* Gate, then parser; NULL, or fixed words why it may not be parsed. */
static const char *
peel_bytes(struct peel *peel, const struct bytes *in)
{
	bool whole = peel->layer == LAYER_MESSAGE || peel->layer == LAYER_HEADER;
	const char *refusal;

	if (peel->layer == LAYER_HEADER)
		peel->length = gate_header_end(peel->data, peel->length);
	if (!whole && (peel->layer == LAYER_TEXT ||
			      !looks_like_mime(peel->data, peel->length))) {
		peel_plain_text(peel, peel->layer == LAYER_TEXT);
		finish(peel);
		return NULL;
	}
	refusal = gate_check(peel->data, peel->length);
	if (refusal == NULL)
		peel_mime(peel, in);
	return refusal;
}

struct reading *
peel_layer(const struct bytes *in, enum layer layer, struct bytes *out)
{
	void *map = in->size
		? mmap(NULL, in->size, PROT_READ, MAP_PRIVATE, in->fd, 0)
		: MAP_FAILED;
	struct peel peel = {
		.layer = layer, .data = map, .length = in->size, .out = out};
	const char *refusal = REFUSAL_EMPTY;

	peel.reading = reading_new();
	peel.text = g_string_new(NULL);
	peel.repaired = g_ptr_array_new_with_free_func((GDestroyNotify)mime_free);
	if (map != MAP_FAILED)
		refusal = peel_bytes(&peel, in);
	if (refusal != NULL) {
		peel.reading->shape = SHAPE_REFUSED;
		peel.reading->refusal = g_strdup(refusal);
	}
	g_string_free(peel.text, TRUE);
	g_ptr_array_unref(peel.repaired);
	if (map != MAP_FAILED)
		munmap(map, in->size);
	return peel.reading;
}

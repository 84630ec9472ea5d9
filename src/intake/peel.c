#include "intake/peel.h"

#include "base/text.h"
#include "edge/html.h"
#include "edge/language.h"
#include "edge/mime.h"
#include "edge/packet.h"
#include "intake/fields.h"
#include "intake/gate.h"

#include "model/reading.h"
#include "intake/bounce.h"
#include "intake/guard.h"
#include "intake/signed_part.h"

#include <string.h>
#include <sys/mman.h>

#define MAX_TEXT (4 << 20)  /* of a report; more becomes an attachment */
#define MAX_PART (64 << 20) /* of one text part, which may be an armor */
#define MAX_PIECES 500

/* A layer being peeled. */
struct peel {
	enum layer layer;
	const char *data; /* the layer's bytes */
	size_t length;
	struct bytes *out;
	struct reading *reading;
	GString *text;
	bool full; /* out takes no more */
};

static struct extent
put(struct peel *peel, const char *data, size_t length)
{
	struct extent where = {peel->out->size, length};

	if (!bytes_append(peel->out, data, length)) {
		peel->full = true;
		where.length = 0;
	}
	return where;
}

static void
add_piece(struct peel *peel, const char *name, const char *type,
	struct extent where, bool key)
{
	if (peel->reading->pieces->len < MAX_PIECES)
		g_ptr_array_add(peel->reading->pieces,
			piece_new(name ? name : "", type, where, key));
}

/* Clear text beside a sealed part: kept, but never as the report's text. */
static void
add_outside(struct peel *peel, const char *text, size_t length)
{
	g_autofree char *copy = g_strndup(text, length);

	g_strstrip(copy);
	if (*copy != '\0')
		add_piece(peel, "clear-text.txt", "text/plain",
			put(peel, copy, strlen(copy)), false);
}

static char *
body_text(const struct mime *part)
{
	g_autofree char *raw = mime_text(part, MAX_PART);
	const char *format = mime_parameter(part, "format");
	const char *del_space = mime_parameter(part, "delsp");

	if (strcmp(part->type, "text/html") == 0) {
		g_autofree char *text = html_to_text(raw, strlen(raw));

		return text_block(text, strlen(text), MAX_PART);
	}
	if (format != NULL && g_ascii_strcasecmp(format, "flowed") == 0)
		return fields_unflow(raw, del_space != NULL &&
				g_ascii_strcasecmp(del_space, "yes") == 0);
	return g_steal_pointer(&raw);
}

static bool
is_blank(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!g_ascii_isspace(text[i]))
			return false;
	return true;
}

/* An armor in a text: the part between is sealed, the rest stays outside. */
static bool
take_armor(struct peel *peel, const char *text, const char *what,
	const char *ending, enum shape shape)
{
	const char *begin = armor_begin(text, what);
	const char *end = begin ? armor_end(begin, ending) : NULL;
	struct reading *r = peel->reading;

	if (begin == NULL || r->shape != SHAPE_CLEAR)
		return false;
	if (end == NULL)
		end = begin + strlen(begin);
	/* inside what was opened, an armor among words is a quotation */
	if (peel->layer == LAYER_INSIDE &&
		(!is_blank(text, begin - text) || !is_blank(end, strlen(end))))
		return false;
	r->shape = shape;
	r->inline_armor = true;
	r->sealed = put(peel, begin, end - begin);
	if (shape == SHAPE_SEALED)
		r->packets = packet_look(begin, end - begin, NULL);
	add_outside(peel, text, begin - text);
	add_outside(peel, end, strlen(end));
	return true;
}

static void
take_key_in_text(struct peel *peel, const char *text)
{
	static const char what[] = "PUBLIC KEY BLOCK";
	const char *begin = armor_begin(text, what);
	const char *end = begin ? armor_end(begin, what) : NULL;

	if (end != NULL)
		add_piece(peel, "", "application/pgp-keys",
			put(peel, begin, end - begin), true);
}

static void
take_text(struct peel *peel, const struct mime *part)
{
	g_autofree char *text = body_text(part);

	if (take_armor(peel, text, "MESSAGE", "MESSAGE", SHAPE_SEALED) ||
		take_armor(peel, text, "SIGNED MESSAGE", "SIGNATURE",
			SHAPE_CLEARSIGNED))
		return;
	take_key_in_text(peel, text);
	if (peel->text->len > 0 && !g_str_has_suffix(peel->text->str, "\n"))
		g_string_append_c(peel->text, '\n');
	if (peel->text->len > 0)
		g_string_append_c(peel->text, '\n');
	if (peel->text->len + strlen(text) <= MAX_TEXT)
		g_string_append(peel->text, text);
	else
		add_piece(peel, "long-text.txt", "text/plain",
			put(peel, text, strlen(text)), false);
}

/* The packets or the armor of a sealed part, whatever its type says. */
static bool
take_sealed(struct peel *peel, const struct mime *part, struct extent where)
{
	struct reading *r = peel->reading;
	g_autofree char *start = NULL;
	size_t n = MIN(where.length, 65536);
	const char *armor;

	if (r->shape != SHAPE_CLEAR || where.length == 0)
		return false;
	start = bytes_copy(peel->out, where.offset, n);
	armor = armor_begin(start, "MESSAGE");
	if (armor == NULL && !packet_starts((const uint8_t *)start, n) &&
		strcmp(part->type, "application/pgp-encrypted") != 0)
		return false;
	if (armor == NULL && !packet_starts((const uint8_t *)start, n))
		return false;
	if (armor != NULL && armor - start > 2000)
		return false;
	r->shape = SHAPE_SEALED;
	r->sealed = where;
	r->packets = armor ? packet_look(armor, start + n - armor, NULL)
			   : packet_look(start, n, NULL);
	return true;
}

static bool
is_key(struct peel *peel, const struct mime *part, struct extent where)
{
	g_autofree char *start =
		bytes_copy(peel->out, where.offset, MIN(where.length, 65536));

	return armor_begin(start, "PUBLIC KEY BLOCK") != NULL ||
		strcmp(part->type, "application/pgp-keys") == 0;
}

static void
take_attachment(struct peel *peel, const struct mime *part)
{
	struct extent where;

	if (strcmp(part->type, "application/pgp-encrypted") == 0)
		return; /* "Version: 1" and nothing else */
	if (peel->full || !mime_decode(part, peel->out, &where)) {
		peel->full = true;
		return;
	}
	if (!take_sealed(peel, part, where))
		add_piece(peel, part->name,
			part->message ? "message/rfc822" : part->type, where,
			is_key(peel, part, where));
}

static bool
is_text(const struct mime *part)
{
	return !part->attached && (part->name == NULL || !*part->name) &&
		(strcmp(part->type, "text/plain") == 0 ||
			strcmp(part->type, "text/html") == 0);
}

static bool
has_plain(const struct mime *mime)
{
	if (strcmp(mime->type, "text/plain") == 0 && is_text(mime)) {
		g_autofree char *text = mime_text(mime, 4096);

		return *g_strstrip(text) != '\0';
	}
	for (guint i = 0; i < mime->children->len; i++)
		if (has_plain(mime->children->pdata[i]))
			return true;
	return false;
}

static void take_part(struct peel *peel, const struct mime *part);

/* Of alternatives the plain text is what people read here. */
static void
take_alternatives(struct peel *peel, const struct mime *part)
{
	bool plain = has_plain(part);

	for (guint i = 0; i < part->children->len; i++) {
		const struct mime *child = part->children->pdata[i];

		if (is_text(child) &&
			(strcmp(child->type, "text/plain") == 0) != plain)
			continue;
		take_part(peel, child);
	}
}

static void
take_part(struct peel *peel, const struct mime *part)
{
	if (strcmp(part->type, "multipart/alternative") == 0)
		take_alternatives(peel, part);
	else if (part->children->len > 0)
		for (guint i = 0; i < part->children->len; i++)
			take_part(peel, part->children->pdata[i]);
	else if (is_text(part))
		take_text(peel, part);
	else if (!g_str_has_prefix(part->type, "multipart/"))
		take_attachment(peel, part);
}

static bool
take_signed(struct peel *peel, const struct mime *root)
{
	const char *boundary = mime_parameter(root, "boundary");
	g_autofree char *canonical = NULL;
	const char *start;
	size_t size;

	if (strcmp(root->type, "multipart/signed") != 0 || boundary == NULL ||
		root->children->len != 2 ||
		!signed_part_find(peel->data, peel->length, boundary, &start,
			&size) ||
		!mime_decode(root->children->pdata[1], peel->out,
			&peel->reading->signature))
		return false;
	canonical = signed_part_canonical(start, size, &size);
	peel->reading->sealed = put(peel, canonical, size);
	peel->reading->shape = SHAPE_SIGNED;
	return true;
}

static char **
references_of(const struct mime *root)
{
	g_auto(GStrv) reply = mime_message_ids(root, "In-Reply-To");
	g_auto(GStrv) thread = mime_message_ids(root, "References");
	GPtrArray *all = g_ptr_array_new();

	for (char **p = reply; *p != NULL; p++)
		g_ptr_array_add(all, g_strdup(*p));
	for (guint i = g_strv_length(thread); i > 0; i--)
		g_ptr_array_add(all, g_strdup(thread[i - 1]));
	g_ptr_array_add(all, NULL);
	return (char **)g_ptr_array_free(all, FALSE);
}

static char **
recipients_of(const struct mime *root)
{
	static const char *const fields[] = {"To", "Cc", "Delivered-To",
		"X-Original-To", "Envelope-To", NULL};
	GPtrArray *all = g_ptr_array_new();

	for (int i = 0; fields[i] != NULL; i++) {
		g_auto(GStrv) pairs = mime_mailboxes(root, fields[i]);

		for (char **p = pairs; *p != NULL && all->len < 100; p += 2)
			g_ptr_array_add(all, g_strdup(p[1]));
	}
	g_ptr_array_add(all, NULL);
	return (char **)g_ptr_array_free(all, FALSE);
}

/* addr= in front of the key data, lower case, or NULL. */
static char *
autocrypt_address(const char *value, const char *end)
{
	g_autoptr(GRegex) regex = g_regex_new(
		"(?:^|;)\\s*addr\\s*=\\s*([^;\\s]+)", G_REGEX_CASELESS, 0,
		NULL);
	g_autoptr(GMatchInfo) match = NULL;
	g_autofree char *head = g_strndup(value, end - value);
	g_autofree char *address = NULL;

	if (!g_regex_match(regex, head, 0, &match))
		return NULL;
	address = g_match_info_fetch(match, 1);
	return g_ascii_strdown(address, -1);
}

static void
take_autocrypt(struct peel *peel, const struct mime *root, const char *from)
{
	g_autofree char *value = mime_header(root, "Autocrypt");
	char *data = value ? strstr(value, "keydata=") : NULL;
	g_autofree guchar *binary = NULL;
	g_autofree char *address = NULL;
	gsize size;

	if (data == NULL || mime_header_count(root, "Autocrypt") != 1)
		return;
	address = autocrypt_address(value, data);
	/* Autocrypt Level 1, 2.1: of another sender it is to be ignored */
	if (g_strcmp0(address, from) != 0)
		return;
	data += strlen("keydata=");
	data[strcspn(data, ";")] = '\0';
	binary = g_base64_decode(data, &size);
	peel->reading->autocrypt = put(peel, (const char *)binary, size);
}

static moment
received_at(const struct mime *root)
{
	g_autofree char *received = mime_header(root, "Received");
	const char *date = received ? strrchr(received, ';') : NULL;

	return date ? clock_parse_rfc5322(date + 1) : 0;
}

static void
take_header(struct peel *peel, const struct mime *root, enum layer layer)
{
	struct reading *r = peel->reading;
	g_auto(GStrv) from = mime_mailboxes(root, "From");
	g_auto(GStrv) ids = mime_message_ids(root, "Message-ID");
	g_autofree char *subject = mime_header(root, "Subject");
	g_autofree char *date = mime_header(root, "Date");

	if (g_strv_length(from) >= 2) {
		r->from_name = text_line(from[0], 200);
		r->from_address = text_is_address(from[1])
			? g_ascii_strdown(from[1], -1)
			: NULL;
	}
	r->message_id = g_strdup(ids[0]);
	r->subject = text_line(subject, 998);
	r->references = references_of(root);
	r->recipients = recipients_of(root);
	r->date = date ? clock_parse_rfc5322(date) : 0;
	take_autocrypt(peel, root, r->from_address);
	if (layer == LAYER_INSIDE) {
		r->protected_header = subject != NULL &&
			(mime_parameter(root, "protected-headers") ||
				mime_parameter(root, "hp"));
		return;
	}
	r->received = received_at(root);
	r->guard = guard_signs(root);
	if (r->from_address == NULL)
		r->guard |= GUARD_NO_SENDER;
	bounce_read(root, r);
}

/* Plaintext that is no MIME entity is a text as it stands. */
static bool
looks_like_mime(const char *data, size_t length)
{
	size_t end = gate_header_end(data, length);
	g_autofree char *header = g_strndup(data, MIN(end, 32768));

	/* a dot would stop at CR */
	return g_regex_match_simple(
		"^(?:[!-9;-~]+:[^\\n]*\\n(?:[ \\t][^\\n]*\\n)*)*"
		"content-type[ \\t]*:",
		header, G_REGEX_CASELESS | G_REGEX_RAW, 0);
}

static void
finish(struct peel *peel)
{
	struct reading *r = peel->reading;

	if (r->shape != SHAPE_CLEAR) {
		/* clear text beside what is sealed is not the report */
		add_outside(peel, peel->text->str, peel->text->len);
		g_string_truncate(peel->text, 0);
	}
	r->text = text_block(peel->text->str, peel->text->len, MAX_TEXT);
	if (r->shape == SHAPE_CLEAR) {
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

/* What was in an encrypted attachment need not be text at all. */
static bool
take_binary(struct peel *peel)
{
	if (memchr(peel->data, '\0', peel->length) == NULL &&
		peel->length <= MAX_TEXT)
		return false;
	add_piece(peel, "decrypted.bin", "application/octet-stream",
		put(peel, peel->data, peel->length), false);
	return true;
}

static void
take_plain_text(struct peel *peel)
{
	g_autofree char *text = NULL;

	if (take_binary(peel))
		return;
	text = text_block(peel->data, peel->length, MAX_TEXT);
	if (take_armor(peel, text, "SIGNED MESSAGE", "SIGNATURE",
		    SHAPE_CLEARSIGNED) ||
		take_armor(peel, text, "MESSAGE", "MESSAGE", SHAPE_SEALED))
		return;
	take_key_in_text(peel, text);
	g_string_append(peel->text, text);
}

static void
peel_mime(struct peel *peel, const struct bytes *in, enum layer layer)
{
	g_autoptr(mime_auto) root =
		mime_parse(in, peel->length, layer != LAYER_INSIDE);

	if (root == NULL) {
		peel->reading->shape = SHAPE_REFUSED;
		peel->reading->refusal = g_strdup(REFUSAL_NO_MESSAGE);
		return;
	}
	take_header(peel, root, layer);
	if (layer != LAYER_HEADER && !take_signed(peel, root))
		take_part(peel, root);
	finish(peel);
}

/* Gate, then parser; NULL, or fixed words why it may not be parsed. */
static const char *
peel_bytes(struct peel *peel, const struct bytes *in, enum layer layer)
{
	const char *refusal;

	if (layer == LAYER_HEADER)
		peel->length = gate_header_end(peel->data, peel->length);
	if (layer == LAYER_INSIDE &&
		!looks_like_mime(peel->data, peel->length)) {
		take_plain_text(peel);
		finish(peel);
		return NULL;
	}
	refusal = gate_check(peel->data, peel->length);
	if (refusal == NULL)
		peel_mime(peel, in, layer);
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
	if (map != MAP_FAILED)
		refusal = peel_bytes(&peel, in, layer);
	if (refusal != NULL) {
		peel.reading->shape = SHAPE_REFUSED;
		peel.reading->refusal = g_strdup(refusal);
	}
	g_string_free(peel.text, TRUE);
	if (map != MAP_FAILED)
		munmap(map, in->size);
	return peel.reading;
}

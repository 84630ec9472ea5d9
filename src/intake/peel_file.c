/* Files of a layer, and which of them may be the report, sealed. */
#include "intake/peel_private.h"

#include "edge/packet.h"

#include <string.h>

#define A_SHORT_REPORT 50 /* bytes of words that say more than "attached" */
#define LOOK_AT 65536 /* bytes of a part that tell what it is */

/* Where in the part an OpenPGP message starts, as armor or as packets. */
static bool
find_sealed(const struct peel *peel, struct extent where, const char **armor,
	char **start)
{
	size_t n = MIN(where.length, LOOK_AT);

	*start = bytes_copy(peel->out, where.offset, n);
	*armor = armor_begin(*start, "MESSAGE");
	return n > 0 &&
		(*armor != NULL || packet_starts((const uint8_t *)*start, n));
}

/* Encrypted for a program that we are not (RFC 8551, 3.3). */
static bool
is_smime(const struct mime *part)
{
	const char *type = mime_parameter(part, "smime-type");

	return (strcmp(part->type, "application/pkcs7-mime") == 0 ||
		       strcmp(part->type, "application/x-pkcs7-mime") == 0) &&
		(type == NULL || strstr(type, "signed") == NULL);
}

static enum piece_kind
kind_of(const struct peel *peel, const struct mime *part, struct extent where)
{
	g_autofree char *start = NULL, *mark = NULL;
	const char *armor;

	if (find_sealed(peel, where, &armor, &start) &&
		(armor == NULL || armor == start || part->message != NULL ||
			armor - start <= 2000))
		return PIECE_SEALED;
	if (is_smime(part))
		return PIECE_SEALED;
	if (armor_begin(start, "PUBLIC KEY BLOCK") != NULL ||
		strcmp(part->type, "application/pgp-keys") == 0)
		return PIECE_KEY;
	/* whatever it is called (RFC 3156, 7 has a type for it) */
	mark = bytes_copy(peel->out, where.offset, MIN(where.length, 4096));
	if (where.length > 0 && (*mark & 0x80) &&
		packet_starts_key((uint8_t *)mark, MIN(where.length, 4096)))
		return PIECE_KEY;
	return PIECE_PLAIN;
}

/* An armor that a shell of Windows has written as UTF-16. */
static struct extent
narrowed(struct peel *peel, struct extent where)
{
	g_autofree char *mark = bytes_copy(peel->out, where.offset, 2);
	g_autofree char *data = NULL, *text = NULL;
	gsize size;

	if (where.length < 4 || where.length > PEEL_MAX_PART ||
		(memcmp(mark, "\377\376", 2) != 0 &&
			memcmp(mark, "\376\377", 2) != 0))
		return where;
	data = bytes_copy(peel->out, where.offset, where.length);
	text = g_convert(data, where.length, "UTF-8", "UTF-16", NULL, &size,
		NULL);
	return text != NULL && armor_begin(text, "MESSAGE") != NULL
		? peel_put(peel, text, size)
		: where;
}

void
peel_take_attachment(struct peel *peel, const struct mime *part)
{
	struct extent where;

	if (strcmp(part->type, "application/pgp-encrypted") == 0)
		peel->mangled = true; /* and if it is just "Version: 1": no part */
	if (peel->full || !mime_decode(part, peel->out, &where)) {
		peel->full = true;
		return;
	}
	where = narrowed(peel, where);
	if (strcmp(part->type, "application/pgp-encrypted") == 0 &&
		kind_of(peel, part, where) != PIECE_SEALED)
		return;
	peel_add_piece(peel, part->name,
		part->message ? "message/rfc822" : part->type, where,
		kind_of(peel, part, where));
}

/* The sealed piece that may be the report becomes what is to be opened. */
void
peel_choose_sealed(struct peel *peel)
{
	struct reading *r = peel->reading;
	bool words = peel->text->str[strspn(peel->text->str, " \t\r\n")] != '\0';

	/* beside words under a seal or signature it is an attachment */
	if (r->shape != SHAPE_CLEAR ||
		(peel->layer != LAYER_MESSAGE && words))
		return;
	for (guint i = 0; i < r->pieces->len; i++) {
		struct piece *piece = r->pieces->pdata[i];
		g_autofree char *start = NULL;
		const char *armor;

		if (piece->kind != PIECE_SEALED)
			continue;
		find_sealed(peel, piece->bytes, &armor, &start);
		piece->kind = PIECE_MAIN;
		r->shape = SHAPE_SEALED;
		r->beside = words && !peel->mangled;
		r->stands_alone = r->beside &&
			peel_words_in(peel->text->str, peel->text->len) >=
				A_SHORT_REPORT;
		r->packets = armor
			? packet_look(armor, strlen(armor), NULL)
			: packet_look(start, MIN(piece->bytes.length, LOOK_AT),
				  NULL);
		r->sealed = piece->bytes;
		if (armor != NULL) {
			g_autofree char *all = bytes_copy(peel->out,
				piece->bytes.offset, piece->bytes.length);
			const char *begin = armor_begin(all, "MESSAGE");
			const char *end = armor_end(begin, "MESSAGE");
			g_autofree guint8 *binary = NULL;
			gsize size;

			binary = packet_dearmor(begin,
				(end ? end : begin + strlen(begin)) - begin,
				&size);
			r->sealed = peel_put(peel, (const char *)binary, size);
			if (end != NULL)
				peel_add_outside(peel, end, strlen(end));
		}
		return;
	}
}

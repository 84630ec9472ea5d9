/* Between the files of peel. */
#ifndef INTAKE_PEEL_PRIVATE_H
#define INTAKE_PEEL_PRIVATE_H

#include "base/bytes.h"
#include "edge/mime.h"
#include "intake/peel.h"
#include "model/reading.h"

#define PEEL_MAX_PART (64 << 20) /* of one text part, which may be an armor */

/* A layer being peeled. */
struct peel {
	enum layer layer;
	const char *data; /* the layer's bytes */
	size_t length;
	struct bytes *out;
	struct reading *reading;
	GString *text;
	bool full;	/* out takes no more */
	bool mangled;	/* a part of PGP/MIME was there: the rest is its body */
	bool plain;	/* of alternatives: HTML is left out */
	bool outside;	/* beside a signed part: nothing counts as the text */
	/* an armor in a text part, which is the report unless there are words */
	char *armor;	     /* all of that part's text, or NULL */
	size_t armor_at;     /* where it would stand in text */
	size_t armor_around; /* bytes of words around it there */
	GPtrArray *repaired; /* struct mime: of parts with faulty boundaries */
};

/* Header fields into the reading; the Autocrypt key at the end of out. */
void peel_header(const struct mime *root, enum layer layer,
	struct reading *reading, struct bytes *out);

/* These bytes at the end of out. */
struct extent peel_put(struct peel *peel, const char *data, size_t length);

void peel_add_piece(struct peel *peel, const char *name, const char *type,
	struct extent where, enum piece_kind kind);

/* Clear text beside what is sealed: kept, but not as the report's text. */
void peel_add_outside(struct peel *peel, const char *text, size_t length);

/* Any other part: an attachment, a key, something sealed. */
void peel_take_attachment(struct peel *peel, const struct mime *part);

/* If nothing else is, the sealed file that may be the report is to be opened. */
void peel_choose_sealed(struct peel *peel);

/* A text part: an armor in it, keys, words. */
void peel_text_part(struct peel *peel, const struct mime *part);

/* What an armor in a text part is beside the words of all parts. */
void peel_settle_armor(struct peel *peel);

/* Bytes of words in a text part. */
size_t peel_part_words(const struct mime *part);

/* Bytes of a text that are no space. */
size_t peel_words_in(const char *text, size_t length);

/* The bytes of the layer as text; armors are looked for unless as it stands. */
void peel_plain_text(struct peel *peel, bool as_it_stands);

#endif

/*
 * MIME through GMime 3: messages taken apart (only in the reader, behind
 * the gate), and our own put together (mime_write.c).
 */
#ifndef EDGE_MIME_H
#define EDGE_MIME_H

#include "base/bytes.h"
#include "model/letter.h"
#include "model/reading.h"

#include <glib.h>
#include <stdbool.h>

/* Before messages are read; loads charsets that may be needed. */
void mime_init(void);

/* A message or part, with what the peel step asks of it. */
struct mime {
	char *type; /* lower case, "text/plain" */
	char *name; /* file name, decoded, not yet cleaned; or NULL */
	bool attached;	 /* Content-Disposition: attachment */
	GPtrArray *children; /* struct mime, of a multipart */
	struct mime *message; /* the message inside message/rfc822 */
	void *object;	      /* GMime's */
};

/*
 * Parses the first length bytes, which passed the gate; whole: an RFC 5322
 * message, else a MIME entity.  NULL if GMime makes nothing of it.
 */
struct mime *mime_parse(const struct bytes *bytes, uint64_t length, bool whole);
struct mime *mime_parse_memory(const char *data, size_t length, bool whole);
void mime_free(struct mime *mime);
typedef struct mime mime_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(mime_auto, mime_free)

/* First header field of this name, unfolded and decoded; caller frees. */
char *mime_header(const struct mime *mime, const char *name);

/* How many header fields have this name. */
int mime_header_count(const struct mime *mime, const char *name);

/* Parameter of Content-Type, or NULL; valid while mime is. */
const char *mime_parameter(const struct mime *mime, const char *name);

/* The mailboxes of all header fields of this name: {name, address, ...}. */
char **mime_mailboxes(const struct mime *mime, const char *field);

/* The message ids in a header field, without brackets, in order. */
char **mime_message_ids(const struct mime *mime, const char *field);

/* The entity as it came, header included; caller frees. */
char *mime_source(const struct mime *mime, size_t *size);

/* The decoded content at the end of out; false if out is full. */
bool mime_decode(const struct mime *mime, struct bytes *out,
	struct extent *where);

/* The text of a text part as UTF-8, whatever its charset claims. */
char *mime_text(const struct mime *mime, size_t max);

/* Bytes of no declared charset as UTF-8. */
char *mime_bytes_text(const char *data, size_t length);

/*
 * The MIME entity that a letter protects: protected headers of both kinds
 * if sealed, text, enclosures; lines end with CRLF.
 */
struct bytes *mime_write_inside(const struct letter *letter, bool sealed);

/* An RFC 3156 multipart/encrypted message around armored ciphertext. */
struct bytes *mime_write_sealed(const struct letter *letter,
	const struct bytes *armor);

/* A message that is neither signed nor sealed. */
struct bytes *mime_write_clear(const struct letter *letter);

/* An RFC 3156 multipart/signed message. */
struct bytes *mime_write_signed(const struct letter *letter,
	const struct bytes *inside, const struct bytes *signature,
	const char *micalg);

#endif

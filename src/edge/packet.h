/*
 * The outside of OpenPGP messages: what anyone can see without a key
 * (RFC 9580, sections 4 and 6).  Nothing here decrypts or verifies.
 */
#ifndef EDGE_PACKET_H
#define EDGE_PACKET_H

#include "model/reading.h"

#include "base/bytes.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Finds "-----BEGIN PGP <what>-----" at the start of a line; NULL if none. */
const char *armor_begin(const char *text, const char *what);

/* The end of the armor that begins at text; NULL if it is never ended. */
const char *armor_end(const char *text, const char *what);

/*
 * What is in an armor that starts here.  Its checksum, which many leave out
 * (RFC 9580, 6.1) and gpg then misses, is not looked at.  Caller frees.
 */
guint8 *packet_dearmor(const char *armor, size_t length, gsize *size);

/*
 * The first packets of armored or binary data: at most enough to tell.
 * key_ids, if not NULL, collects the 64-bit key ids of the session keys in
 * upper-case hexadecimal (0000000000000000: hidden recipient).
 */
enum packet_kind packet_look(const char *data, size_t length,
	GPtrArray *key_ids);

/*
 * False if armored or binary data hold a text beside one encrypted message:
 * gpg 2.2 takes a text that stands in clear behind an empty one for what was
 * encrypted.  What is cut short may pass; gpg says of what.
 */
bool packet_stands_alone(const struct bytes *sealed);

/*
 * A public certificate (version 4) with nothing but keys, user ids and
 * signatures: what else an armor holds, secret keys above all, is dropped.
 */
struct certificate {
	char *fingerprint;   /* of the primary key, upper case */
	unsigned int references; /* of certificate_ref() */
	GPtrArray *key_ids;  /* char *, of primary and subkeys */
	GPtrArray *addresses; /* char *, lower case, of its user ids */
	GByteArray *packets; /* binary */
};

/*
 * The certificates in armored or binary data, at most 20 out of 1 MiB; the
 * array frees them.  Version 6 is left out: GnuPG 2.2 cannot use it.
 */
GPtrArray *certificate_split(const char *data, size_t length);
struct certificate *certificate_ref(struct certificate *certificate);
void certificate_free(struct certificate *certificate);
typedef struct certificate certificate_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(certificate_auto, certificate_free)

/* True if binary data starts with a plausible OpenPGP packet header. */
bool packet_starts(const uint8_t *data, size_t length);

/* The same with that of a public key, version 4. */
bool packet_starts_key(const uint8_t *data, size_t length);

/* Why anyone can see that it is not readable, in fixed words, or NULL. */
const char *packet_hopeless(enum packet_kind packets);

#endif

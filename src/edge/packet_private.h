/* Between packets and certificates. */
#ifndef EDGE_PACKET_PRIVATE_H
#define EDGE_PACKET_PRIVATE_H

#include "edge/packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 9580, 5. */
enum tag {
	TAG_PKESK = 1,
	TAG_SIGNATURE = 2,
	TAG_SKESK = 3,
	TAG_ONE_PASS = 4,
	TAG_SECRET_KEY = 5,
	TAG_PUBLIC_KEY = 6,
	TAG_COMPRESSED = 8,
	TAG_SED = 9,
	TAG_MARKER = 10,
	TAG_LITERAL = 11,
	TAG_USER_ID = 13,
	TAG_PUBLIC_SUBKEY = 14,
	TAG_SEIPD = 18,
	TAG_AEAD = 20,
	TAG_PADDING = 21,
};

struct packet {
	int tag;
	const uint8_t *body;
	size_t length;	/* of body, as far as it is there */
	bool partial;	/* more than we have, or of unknown length */
};

/* The packet at *p, which moves behind it; false at the end or at nonsense. */
bool packet_next(const uint8_t **p, const uint8_t *end, struct packet *packet);

/* Base64 of an armor's body into binary; at most max bytes. */
guchar *packet_dearmor_some(const char *data, size_t length, size_t max,
	gsize *size);

#endif

#include "edge/packet_private.h"

#include <string.h>

#define FEED 49152
#define LOOK_AT 65536 /* bytes that are enough to see every session key */

const char *
armor_begin(const char *text, const char *what)
{
	g_autofree char *line = g_strdup_printf("-----BEGIN PGP %s-----", what);
	const char *found = text;

	while ((found = strstr(found, line)) != NULL) {
		/* at the start of a line, or behind a byte order mark */
		if (found == text || found[-1] == '\n' ||
			(found == text + 3 && memcmp(text, "\357\273\277", 3) == 0))
			return found;
		found++;
	}
	return NULL;
}

const char *
armor_end(const char *text, const char *what)
{
	g_autofree char *line = g_strdup_printf("\n-----END PGP %s-----", what);
	const char *found = strstr(text, line);

	return found ? found + strlen(line) : NULL;
}

/*
 * Where an armor's base64 begins: behind BEGIN line, header fields (base64 has
 * no colon) and empty lines, which some senders leave out, fill with odd
 * spaces, or put everywhere.
 */
static const char *
skip_head(const char *p, const char *end)
{
	for (bool first = true; p < end; first = false) {
		const char *eol = memchr(p, '\n', end - p);
		size_t n = (eol ? eol : end) - p;
		g_autofree char *line = g_strndup(p, MIN(n, 1000));
		g_auto(GStrv) parts = g_strsplit(line, "\302\240", -1);
		g_autofree char *plain = g_strjoinv(" ", parts);
		bool blank = *g_strstrip(plain) == '\0';

		if (!first && !blank && strchr(plain, ':') == NULL)
			return p;
		p = eol ? eol + 1 : end;
	}
	return p;
}

guchar *
packet_dearmor_some(const char *data, size_t length, size_t max, gsize *size)
{
	const char *end = data + length;
	const char *p = skip_head(data, end);
	GByteArray *out = g_byte_array_new();
	guint save = 0;
	gint state = 0;

	while (p < end && *p != '=' && *p != '-' && out->len < max) {
		const char *eol = memchr(p, '\n', end - p);
		size_t n = MIN((size_t)((eol ? eol + 1 : end) - p), 1024);
		guchar buffer[1024];
		gsize got = g_base64_decode_step(p, n, buffer, &state, &save);

		g_byte_array_append(out, buffer, got);
		p += n;
	}
	*size = out->len;
	return g_byte_array_free(out, FALSE);
}

guint8 *
packet_dearmor(const char *armor, size_t length, gsize *size)
{
	return packet_dearmor_some(armor, length, SIZE_MAX, size);
}

/* RFC 9580, 4.2.1: length in one, two or five octets, or partial. */
static bool
new_length(const uint8_t **p, const uint8_t *end, struct packet *packet)
{
	const uint8_t *q = *p;

	if (q >= end)
		return false;
	if (*q < 192)
		packet->length = *q++;
	else if (*q < 224 && end - q >= 2) {
		packet->length = ((q[0] - 192) << 8) + q[1] + 192;
		q += 2;
	} else if (*q == 255 && end - q >= 5) {
		packet->length = (size_t)q[1] << 24 | q[2] << 16 | q[3] << 8 |
			q[4];
		q += 5;
	} else if (*q >= 224 && *q < 255) {
		packet->length = (size_t)1 << (*q++ & 31);
		packet->partial = true;
	} else
		return false;
	*p = q;
	return true;
}

/* RFC 9580, 4.2.2: the legacy format. */
static bool
old_length(uint8_t kind, const uint8_t **p, const uint8_t *end,
	struct packet *packet)
{
	int octets = kind == 3 ? 0 : 1 << kind;

	if (kind == 3) {
		packet->length = end - *p;
		packet->partial = true;
		return true;
	}
	if (end - *p < octets)
		return false;
	for (packet->length = 0; octets > 0; octets--)
		packet->length = packet->length << 8 | *(*p)++;
	return true;
}

bool
packet_next(const uint8_t **p, const uint8_t *end, struct packet *packet)
{
	uint8_t head;
	bool good;

	packet->partial = false;
	if (*p >= end || !((head = *(*p)++) & 0x80))
		return false;
	if (head & 0x40) {
		packet->tag = head & 63;
		good = new_length(p, end, packet);
	} else {
		packet->tag = head >> 2 & 15;
		good = old_length(head & 3, p, end, packet);
	}
	if (!good)
		return false;
	packet->body = *p;
	if (packet->length > (size_t)(end - *p)) {
		packet->length = end - *p;
		packet->partial = true;
	}
	*p += packet->length;
	return true;
}

static void
note_key_id(GPtrArray *key_ids, const struct packet *packet)
{
	GString *hex;

	if (key_ids == NULL || packet->length < 9)
		return;
	hex = g_string_new(NULL);
	for (int i = 1; i <= 8; i++)
		g_string_append_printf(hex, "%02X", packet->body[i]);
	g_ptr_array_add(key_ids, g_string_free(hex, FALSE));
}

static bool
is_encryption(int tag)
{
	return tag == TAG_PKESK || tag == TAG_SKESK || tag == TAG_SED ||
		tag == TAG_SEIPD || tag == TAG_AEAD;
}

/* What begins like a signed message must hold nothing encrypted behind. */
static enum packet_kind
look_signed(const uint8_t *p, const uint8_t *end)
{
	struct packet packet;

	while (packet_next(&p, end, &packet)) {
		if (is_encryption(packet.tag))
			return PACKET_NONE;
		if (packet.partial)
			break;
	}
	return PACKET_SIGNED;
}

/* A packet that decides what the whole is; PACKET_NONE: it does not. */
static enum packet_kind
look_tag(const struct packet *packet, const uint8_t *p, const uint8_t *end)
{
	switch (packet->tag) {
	case TAG_ONE_PASS:
	case TAG_SIGNATURE:
	case TAG_LITERAL:
	case TAG_COMPRESSED:
		return look_signed(p, end);
	case TAG_PUBLIC_KEY:
	case TAG_SECRET_KEY:
		return PACKET_KEY;
	default:
		return PACKET_NONE;
	}
}

static enum packet_kind
look_binary(const uint8_t *data, size_t length, GPtrArray *key_ids)
{
	const uint8_t *p = data, *end = data + length;
	bool to_key = false, to_passphrase = false, too_new = false;
	struct packet packet;

	while (packet_next(&p, end, &packet)) {
		uint8_t version = packet.length > 0 ? packet.body[0] : 0;

		switch (packet.tag) {
		case TAG_PKESK:
			/* a newer key packet may stand beside one for us */
			too_new |= version != 3;
			to_key |= version == 3;
			if (version == 3)
				note_key_id(key_ids, &packet);
			break;
		case TAG_SKESK:
			to_passphrase = true;
			break;
		case TAG_SEIPD:
			if (version != 1 || (too_new && !to_key))
				return PACKET_TOO_NEW;
			return to_key ? PACKET_PUBLIC_KEY : PACKET_PASSPHRASE;
		case TAG_AEAD:
			return to_key ? PACKET_PUBLIC_KEY : PACKET_PASSPHRASE;
		case TAG_SED:
			return PACKET_UNPROTECTED;
		case TAG_MARKER:
		case TAG_PADDING:
			break;
		default:
			return to_key || to_passphrase
				? PACKET_NONE
				: look_tag(&packet, p, end);
		}
		if (packet.partial)
			break;
	}
	if (to_key)
		return PACKET_PUBLIC_KEY;
	if (too_new)
		return PACKET_TOO_NEW;
	return to_passphrase ? PACKET_PASSPHRASE : PACKET_NONE;
}

enum packet_kind
packet_look(const char *data, size_t length, GPtrArray *key_ids)
{
	g_autofree guchar *binary = NULL;
	gsize size;

	if (length > 0 && (data[0] & 0x80))
		return look_binary((const uint8_t *)data,
			MIN(length, LOOK_AT), key_ids);
	binary = packet_dearmor_some(data, length, LOOK_AT, &size);
	return binary ? look_binary(binary, size, key_ids) : PACKET_NONE;
}

bool
packet_starts(const uint8_t *data, size_t length)
{
	static const char tags[] = {TAG_PKESK, TAG_SKESK, TAG_SEIPD, TAG_AEAD};
	const uint8_t *p = data;
	struct packet packet;

	if (!packet_next(&p, data + length, &packet) || packet.length < 2)
		return false;
	/* a version octet keeps pictures and archives out */
	return memchr(tags, packet.tag, sizeof(tags)) != NULL &&
		packet.body[0] >= 1 && packet.body[0] <= 6;
}

bool
packet_starts_key(const uint8_t *data, size_t length)
{
	const uint8_t *p = data;
	struct packet packet;

	/* version, four octets of time, an algorithm that there is */
	return packet_next(&p, data + length, &packet) &&
		packet.tag == TAG_PUBLIC_KEY && packet.length > 6 &&
		packet.body[0] == 4 && packet.body[5] >= 1 &&
		packet.body[5] <= 22;
}

const char *
packet_hopeless(enum packet_kind packets)
{
	switch (packets) {
	case PACKET_PASSPHRASE:
		return "it is encrypted with a passphrase only";
	case PACKET_TOO_NEW:
		return "it is in a newer OpenPGP format than can be read";
	case PACKET_UNPROTECTED:
		return "it has no integrity protection";
	case PACKET_NONE:
		return "it is damaged";
	case PACKET_KEY:
		return "it is a key, not a message";
	case PACKET_PUBLIC_KEY:
	case PACKET_SIGNED:
		break;
	}
	return NULL;
}

/* A message's octets one after the other, armored or not. */
struct feed {
	const struct bytes *from;
	uint64_t at;
	bool armored, ended, line_start;
	gint state;
	guint save;
	size_t have, used;
	guchar octets[FEED];
};

static void
feed_open(struct feed *feed, const struct bytes *from)
{
	g_autofree char *start =
		bytes_copy(from, 0, MIN(from->size, LOOK_AT));
	size_t length = MIN(from->size, LOOK_AT);

	feed->from = from;
	feed->at = feed->have = feed->used = 0;
	feed->armored = length > 0 && !(start[0] & 0x80);
	feed->ended = false;
	feed->line_start = true;
	feed->state = 0;
	feed->save = 0;
	if (feed->armored)
		feed->at = skip_head(start, start + length) - start;
}

/* An armor's base64 ends at its checksum or its last line. */
static size_t
base64_in(struct feed *feed, char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (feed->line_start && (text[i] == '=' || text[i] == '-')) {
			feed->ended = true;
			return i;
		}
		feed->line_start = text[i] == '\n';
	}
	return length;
}

static bool
feed_fill(struct feed *feed)
{
	while (feed->used == feed->have && !feed->ended &&
		feed->at < feed->from->size) {
		size_t length = MIN(feed->from->size - feed->at, FEED);
		g_autofree char *text = bytes_copy(feed->from, feed->at, length);

		feed->at += length;
		feed->used = 0;
		if (feed->armored) {
			length = base64_in(feed, text, length);
			feed->have = g_base64_decode_step(text, length,
				feed->octets, &feed->state, &feed->save);
		} else {
			memcpy(feed->octets, text, length);
			feed->have = length;
		}
	}
	return feed->used < feed->have;
}

/* The next octet, or -1 at the end. */
static int
feed_next(struct feed *feed)
{
	return feed_fill(feed) ? feed->octets[feed->used++] : -1;
}

static uint64_t
feed_number(struct feed *feed, int octets)
{
	uint64_t number = 0;

	for (; octets > 0; octets--)
		number = number << 8 | (feed_next(feed) & 255);
	return number;
}

static void
feed_skip(struct feed *feed, uint64_t count)
{
	while (count > 0 && feed_fill(feed)) {
		size_t some = MIN(count, feed->have - feed->used);

		feed->used += some;
		count -= some;
	}
}

/* Over the body of a packet in the format of RFC 9580, 4.2.1, part by part. */
static void
feed_skip_new(struct feed *feed)
{
	for (int head; (head = feed_next(feed)) >= 0;) {
		if (head >= 224 && head < 255) {
			feed_skip(feed, UINT64_C(1) << (head & 31));
			continue;
		}
		if (head >= 192 && head < 224)
			feed_skip(feed, ((head - 192) << 8) +
					feed_number(feed, 1) + 192);
		else
			feed_skip(feed, head == 255 ? feed_number(feed, 4)
						    : (uint64_t)head);
		return;
	}
}

/* What gives a text of its own, or hides one. */
static bool
holds_text(int tag)
{
	return tag == TAG_LITERAL || tag == TAG_COMPRESSED ||
		tag == TAG_ONE_PASS || tag == TAG_SEIPD || tag == TAG_AEAD ||
		tag == TAG_SED;
}

bool
packet_stands_alone(const struct bytes *sealed)
{
	g_autofree struct feed *feed = g_new(struct feed, 1);
	bool encrypted = false;

	feed_open(feed, sealed);
	for (int head; (head = feed_next(feed)) >= 0;) {
		int tag = head & 0x40 ? head & 63 : head >> 2 & 15;

		if (!(head & 0x80) || (holds_text(tag) && encrypted))
			return false;
		encrypted |= tag == TAG_SEIPD || tag == TAG_AEAD ||
			tag == TAG_SED;
		if (holds_text(tag) && !encrypted)
			return false;
		if (head & 0x40)
			feed_skip_new(feed);
		else if ((head & 3) == 3) /* up to the end */
			return encrypted;
		else
			feed_skip(feed, feed_number(feed, 1 << (head & 3)));
	}
	return true;
}

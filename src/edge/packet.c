#include "edge/packet.h"

#include <string.h>

#define LOOK_AT 65536 /* bytes that are enough to see every session key */
#define CERTIFICATE_MAX (1 << 20)
#define CERTIFICATES_MAX 20
#define CERTIFICATE_SIZE 65536 /* of one: room for dozens of signatures */
#define CERTIFICATE_KEYS 20

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

/* Base64 of an armor's body into binary; at most max bytes. */
static guchar *
dearmor(const char *data, size_t length, size_t max, gsize *size)
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
	return dearmor(armor, length, SIZE_MAX, size);
}

struct packet {
	int tag;
	const uint8_t *body;
	size_t length;	/* of body, as far as it is there */
	bool partial;	/* more than we have, or of unknown length */
};

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

static bool
next_packet(const uint8_t **p, const uint8_t *end, struct packet *packet)
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

	while (next_packet(&p, end, &packet)) {
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

	while (next_packet(&p, end, &packet)) {
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
	binary = dearmor(data, length, LOOK_AT, &size);
	return binary ? look_binary(binary, size, key_ids) : PACKET_NONE;
}

/* RFC 4880, 12.2: version 4 is SHA-1 over 0x99, length and body. */
static char *
fingerprint(const struct packet *packet)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
	uint8_t head[] = {0x99, packet->length >> 8, packet->length};

	if (packet->length < 6 || packet->length > 65535 || packet->partial ||
		packet->body[0] != 4)
		return NULL;
	g_checksum_update(sum, head, sizeof(head));
	g_checksum_update(sum, packet->body, packet->length);
	return g_ascii_strup(g_checksum_get_string(sum), -1);
}

static struct certificate *
certificate_new(void)
{
	struct certificate *certificate = g_new0(struct certificate, 1);

	certificate->references = 1;
	certificate->key_ids = g_ptr_array_new_with_free_func(g_free);
	certificate->addresses = g_ptr_array_new_with_free_func(g_free);
	certificate->packets = g_byte_array_new();
	return certificate;
}

struct certificate *
certificate_ref(struct certificate *certificate)
{
	certificate->references++;
	return certificate;
}

void
certificate_free(struct certificate *certificate)
{
	if (certificate == NULL || --certificate->references > 0)
		return;
	g_free(certificate->fingerprint);
	g_ptr_array_unref(certificate->key_ids);
	g_ptr_array_unref(certificate->addresses);
	g_byte_array_unref(certificate->packets);
	g_free(certificate);
}

/* Bits of the multi-precision integer at offset of a packet's body. */
static unsigned int
integer_bits(const struct packet *packet, size_t offset)
{
	if (offset + 2 > packet->length)
		return 0;
	return packet->body[offset] << 8 | packet->body[offset + 1];
}

/*
 * A key with which every signature takes seconds to check is no key: RSA
 * of up to 8192 bits with a small exponent, other numbers of up to 4096.
 */
static bool
is_cheap(const struct packet *packet)
{
	uint8_t algorithm = packet->body[5];
	unsigned int bits = integer_bits(packet, 6);

	if (algorithm >= 1 && algorithm <= 3)
		return bits <= 8192 &&
			integer_bits(packet, 8 + (bits + 7) / 8) <= 64;
	if (algorithm == 16 || algorithm == 17)
		return bits <= 4096;
	return true;
}

/* The address of a user id: "Name <address>", or nothing but it. */
static void
note_address(struct certificate *certificate, const struct packet *packet)
{
	g_autofree char *id = g_strndup((const char *)packet->body,
		MIN(packet->length, 1000));
	char *begin = strrchr(id, '<');
	char *end = begin ? strchr(begin, '>') : NULL;
	g_autofree char *address = NULL;

	if (end != NULL)
		*end = '\0';
	address = g_ascii_strdown(end ? begin + 1 : id, -1);
	if (strchr(address, '@') != NULL && certificate->addresses->len < 50)
		g_ptr_array_add(certificate->addresses,
			g_steal_pointer(&address));
}

/* Adds a packet that may stand in a public certificate; drops others. */
static void
take_packet(struct certificate *certificate, const struct packet *packet,
	const uint8_t *start, const uint8_t *end)
{
	g_autofree char *print = NULL;

	if (packet->tag == TAG_PUBLIC_KEY || packet->tag == TAG_PUBLIC_SUBKEY) {
		print = fingerprint(packet);
		if (print == NULL || !is_cheap(packet) ||
			certificate->key_ids->len >= CERTIFICATE_KEYS)
			return;
		g_ptr_array_add(certificate->key_ids, g_strdup(print + 24));
		if (packet->tag == TAG_PUBLIC_KEY)
			certificate->fingerprint = g_steal_pointer(&print);
	} else if (packet->tag != TAG_SIGNATURE && packet->tag != TAG_USER_ID)
		return;
	if (certificate->packets->len + (end - start) > CERTIFICATE_SIZE)
		return;
	if (packet->tag == TAG_USER_ID)
		note_address(certificate, packet);
	g_byte_array_append(certificate->packets, start, end - start);
}

GPtrArray *
certificate_split(const char *data, size_t length)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(
		(GDestroyNotify)certificate_free);
	g_autofree guchar *binary = NULL;
	gsize size = length;
	const uint8_t *p, *end, *start;
	struct packet packet;
	struct certificate *current = NULL;

	if (length > 0 && !(data[0] & 0x80))
		binary = dearmor(data, length, CERTIFICATE_MAX, &size);
	p = binary ? binary : (const uint8_t *)data;
	end = p + MIN(size, CERTIFICATE_MAX);
	for (start = p; next_packet(&p, end, &packet) && !packet.partial;
		start = p) {
		if (packet.tag == TAG_PUBLIC_KEY) {
			if (list->len == CERTIFICATES_MAX)
				break;
			current = certificate_new();
			g_ptr_array_add(list, current);
		}
		if (current != NULL)
			take_packet(current, &packet, start, p);
	}
	for (guint i = list->len; i > 0; i--) {
		current = list->pdata[i - 1];
		if (current->fingerprint == NULL)
			g_ptr_array_remove_index(list, i - 1);
	}
	return list;
}

bool
packet_starts(const uint8_t *data, size_t length)
{
	static const char tags[] = {TAG_PKESK, TAG_SKESK, TAG_SEIPD, TAG_AEAD};
	const uint8_t *p = data;
	struct packet packet;

	if (!next_packet(&p, data + length, &packet) || packet.length < 2)
		return false;
	/* a version octet keeps pictures and archives out */
	return memchr(tags, packet.tag, sizeof(tags)) != NULL &&
		packet.body[0] >= 1 && packet.body[0] <= 6;
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

/* Certificates: what of a key that came with a mail is kept. */
#include "edge/packet_private.h"

#include <string.h>

#define CERTIFICATE_MAX (1 << 20)
#define CERTIFICATES_MAX 20
#define CERTIFICATE_SIZE 65536 /* of one: room for dozens of signatures */
#define CERTIFICATE_KEYS 20

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

/* The issuer's key id in a row of subpackets (RFC 9580, 5.2.3.7), or NULL. */
static char *
issuer_in(const uint8_t *p, const uint8_t *end)
{
	while (end - p > 1) {
		size_t length = *p++, id = 0;
		GString *hex;

		if (length == 255 && end - p >= 4) {
			length = (size_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
			p += 4;
		} else if (length >= 192 && length < 255)
			length = ((length - 192) << 8) + *p++ + 192;
		if (length == 0 || length > (size_t)(end - p))
			return NULL;
		if ((p[0] & 0x7f) == 16 && length == 9)
			id = 1;
		else if ((p[0] & 0x7f) == 33 && length == 22)
			id = 14;
		if (id > 0) {
			hex = g_string_new(NULL);
			for (int i = 0; i < 8; i++)
				g_string_append_printf(hex, "%02X", p[id + i]);
			return g_string_free(hex, FALSE);
		}
		p += length;
	}
	return NULL;
}

/*
 * What others say of a user id is of no use here, and of a well-known key it
 * is most of it, in front of the subkeys.
 */
static bool
is_foreign(const struct certificate *certificate, const struct packet *packet)
{
	const uint8_t *p = packet->body, *end = p + packet->length;
	g_autofree char *issuer = NULL;

	if (packet->length < 10 || p[0] != 4 || p[1] < 0x10 || p[1] > 0x13 ||
		certificate->key_ids->len == 0)
		return false;
	p += 4;
	for (int hashed = 0; hashed < 2 && issuer == NULL && end - p >= 2;
		hashed++) {
		size_t length = p[0] << 8 | p[1];

		p += 2;
		if (length > (size_t)(end - p))
			return false;
		issuer = issuer_in(p, p + length);
		p += length;
	}
	return issuer != NULL &&
		strcmp(issuer, certificate->key_ids->pdata[0]) != 0;
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
	} else if (packet->tag != TAG_USER_ID &&
		(packet->tag != TAG_SIGNATURE ||
			is_foreign(certificate, packet)))
		return;
	if (certificate->packets->len + (end - start) > CERTIFICATE_SIZE)
		return;
	if (packet->tag == TAG_USER_ID)
		note_address(certificate, packet);
	g_byte_array_append(certificate->packets, start, end - start);
}

/* Those in binary data, behind what the list has. */
static void
split_binary(GPtrArray *list, const uint8_t *p, size_t size)
{
	const uint8_t *start, *end = p + MIN(size, CERTIFICATE_MAX);
	struct packet packet;
	struct certificate *current = NULL;

	for (start = p; packet_next(&p, end, &packet) && !packet.partial;
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
}

/* Armored blocks, one after the other and with whatever words before them. */
static void
split_armored(GPtrArray *list, const char *data, size_t length)
{
	static const char what[] = "PUBLIC KEY BLOCK";
	g_autofree char *text = g_strndup(data, length);
	const char *armor = armor_begin(text, what);

	/* one without its first line, as Autocrypt has it, is no armor */
	for (int n = 0; n < CERTIFICATES_MAX && (n == 0 || armor); n++) {
		const char *from = armor ? armor : text;
		g_autofree guchar *binary = NULL;
		gsize size;

		binary = packet_dearmor_some(from, strlen(from),
			CERTIFICATE_MAX, &size);
		if (size > 0)
			split_binary(list, binary, size);
		armor = armor ? armor_begin(from + 1, what) : NULL;
	}
}

GPtrArray *
certificate_split(const char *data, size_t length)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(
		(GDestroyNotify)certificate_free);

	if (length > 0 && !(data[0] & 0x80))
		split_armored(list, data, MIN(length, 2 * CERTIFICATE_MAX));
	else if (length > 0)
		split_binary(list, (const uint8_t *)data, length);
	for (guint i = list->len; i > 0; i--) {
		const struct certificate *current = list->pdata[i - 1];

		if (current->fingerprint == NULL)
			g_ptr_array_remove_index(list, i - 1);
	}
	return list;
}

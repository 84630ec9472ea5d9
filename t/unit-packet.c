#include "edge/packet.h"
#include "tap.h"

#include <stdlib.h>

static char *
load(const char *name)
{
	g_autofree char *path = g_build_filename(g_getenv("srcdir") ?: ".", "t",
		"corpus", name, NULL);
	char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL)) {
		printf("Bail out! %s is missing\n", path);
		exit(1);
	}
	return text;
}

static const struct {
	const char *file;
	enum packet_kind wanted;
	const char *sentence;
} files[] = {
	{"ciphertexts/wrong-recipient.asc", PACKET_PUBLIC_KEY,
		"encrypted to a key, whoever has it"},
	{"ciphertexts/openpgpjs6-seipd2-ocb.asc", PACKET_TOO_NEW,
		"SEIPD version 2 is recognised apart"},
	{"ciphertexts/rnp-aead-ocb.asc", PACKET_PUBLIC_KEY,
		"AEAD packet 20 can be read"},
	{"keys/alice.pub.asc", PACKET_KEY, "a key is no message"},
};

static void
try_certificates(void)
{
	g_autofree char *public = load("keys/alice.pub.asc");
	g_autofree char *secret = load("keys/alice.sec.asc");
	g_autofree char *six = load("keys/six-v6.pub.asc");
	g_autofree char *two = g_strconcat(public, public, NULL);
	g_autoptr(GPtrArray) one =
		certificate_split(public, strlen(public));
	g_autoptr(GPtrArray) none =
		certificate_split(secret, strlen(secret));
	g_autoptr(GPtrArray) newer = certificate_split(six, strlen(six));
	const struct certificate *certificate;

	is_number(one->len, 1, "a key block holds one certificate");
	certificate = one->pdata[0];
	is_text(certificate->fingerprint,
		"03E87B87731F1A3FB1B9BA3C8479BA572C7FCA6B",
		"its fingerprint is right");
	is_number(certificate->key_ids->len, 2, "primary key and subkey");
	is_text(certificate->key_ids->pdata[0], "8479BA572C7FCA6B",
		"key ids are the ends of fingerprints");
	is_number(none->len, 0, "a secret key gives no certificate");
	is_number(newer->len, 0, "nor does one of version 6");
}

int
main(void)
{
	g_autofree char *text = load("ciphertexts/wrong-recipient.asc");
	g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
	const char *begin = armor_begin(text, "MESSAGE");

	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *data = load(files[i].file);

		is_number(packet_look(data, strlen(data), NULL),
			files[i].wanted, files[i].sentence);
	}
	packet_look(text, strlen(text), ids);
	is_number(ids->len, 1, "one recipient");
	is_text(ids->pdata[0], "B7998AB99212350E", "whose key id is seen");
	ok(begin == text, "an armor begins at the start of a line");
	ok(armor_begin("x -----BEGIN PGP MESSAGE-----", "MESSAGE") == NULL,
		"and nowhere else");
	ok(armor_end(begin, "MESSAGE") != NULL, "and ends");
	ok(!packet_starts((const uint8_t *)"\x89PNG\r\n\x1a\n", 8),
		"a picture does not start like a message");
	is_number(packet_look("", 0, NULL), PACKET_NONE, "nor is nothing");
	try_certificates();
	return done();
}

#include "intake/gate.h"
#include "tap.h"

static const char *
check(GString *message)
{
	return gate_check(message->str, message->len);
}

static void
try_repeated(const char *sentence, const char *start, const char *again,
	int times, const char *wanted)
{
	g_autoptr(GString) message = g_string_new(start);

	for (int i = 0; i < times; i++) {
		g_autoptr(GString) piece = g_string_new(again);
		g_autofree char *number = g_strdup_printf("%d", i);
		g_autofree char *next = g_strdup_printf("%d", i + 1);

		g_string_replace(piece, "@", number, 0);
		g_string_replace(piece, "&", next, 0);
		g_string_append(message, piece->str);
	}
	is_text(check(message), wanted, sentence);
}

static const struct {
	const char *sentence;
	const char *message;
	const char *wanted;
} messages[] = {
	{"a plain message passes", "From: a@b\n\nhello\n", NULL},
	{"an empty one passes", "", NULL},
	{"a header without a body passes", "From: a@b\n", NULL},
	{"a multipart passes",
		"Content-Type: multipart/mixed; boundary=\"b\"\n\n--b\n\nx\n--b--\n",
		NULL},
	{"two Content-Type fields are refused",
		"Content-Type: text/plain\nContent-Type: text/html\n\nx",
		"two Content-Type fields in one header"},
	{"also inside a part",
		"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: "
		"text/plain\ncontent-type: text/html\n\nx\n--b--\n",
		"two Content-Type fields in one header"},
	{"a boundary of a quote is refused",
		"Content-Type: multipart/mixed; boundary=\"\\\"\"\n\nx",
		"an illegal MIME boundary"},
	{"an empty boundary is refused",
		"Content-Type: multipart/mixed; boundary=\"\"\n\nx",
		"an illegal MIME boundary"},
	{"a boundary of 71 characters is refused",
		"Content-Type: multipart/mixed; boundary=aaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n\nx",
		"an illegal MIME boundary"},
	{"a boundary in a folded field is found",
		"Content-Type: multipart/mixed;\n boundary=\"\"\n\nx",
		"an illegal MIME boundary"},
};

int
main(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(messages); i++)
		is_text(gate_check(messages[i].message,
				strlen(messages[i].message)),
			messages[i].wanted, messages[i].sentence);
	try_repeated("1000 fields pass", "", "X-@: &\n", 1000, NULL);
	try_repeated("1001 fields are refused", "", "X-@: &\n", 1001,
		"too many header fields");
	try_repeated("50 levels pass",
		"Content-Type: multipart/mixed; boundary=b0\n\n",
		"--b@\nContent-Type: multipart/mixed; boundary=b&\n\n", 49,
		NULL);
	try_repeated("51 levels are refused",
		"Content-Type: multipart/mixed; boundary=b0\n\n",
		"--b@\nContent-Type: multipart/mixed; boundary=b&\n\n", 50,
		"MIME parts nested too deep");
	try_repeated("51 messages in messages are refused", "",
		"Content-Type: message/rfc822\n\n", 51,
		"too many messages in the message");
	try_repeated("1001 parts are refused",
		"Content-Type: multipart/mixed; boundary=b\n\n", "--b\n\nx\n",
		1001, "too many MIME parts");
	try_repeated("101 groups are refused", "To: ", "a:", 101,
		"too many groups in an address field");
	try_repeated("a header of 300 kB is refused", "",
		"X-@-&: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n",
		950, "a header section is too large");
	is_number(gate_header_end("a: b\r\n\r\nx", 9), 8,
		"the body begins behind the empty line");
	is_number(gate_header_end("\nx", 2), 1, "or at once");
	is_number(gate_header_end("a: b", 4), 4, "or never");
	return done();
}

#include "base/text.h"
#include "tap.h"

static const struct {
	const char *sentence;
	const char *raw;
	size_t max;
	const char *wanted;
} lines[] = {
	{"a plain line stays", "hello", 100, "hello"},
	{"controls and line ends become one space", "a\r\n\t\x1b[2Jb", 100,
		"a [2Jb"},
	{"bidi controls become a space", "a\xe2\x80\xae" "b", 100, "a b"},
	{"zero-width characters become a space", "a\xe2\x80\x8b" "b", 100, "a b"},
	{"C1 controls become a space", "a\xc2\x9b" "b", 100, "a b"},
	{"invalid UTF-8 becomes U+FFFD", "a\xff" "b", 100, "a\xef\xbf\xbd" "b"},
	{"a long line is cut between characters", "\xc3\xa9\xc3\xa9", 3,
		"\xc3\xa9"},
	{"nothing is an empty line", NULL, 100, ""},
	{"spaces at the ends go", "  a  ", 100, "a"},
};

static const struct {
	const char *sentence;
	const char *text;
	bool wanted;
} addresses[] = {
	{"an ordinary address", "a.b+c@example.org", true},
	{"no at sign", "example.org", false},
	{"a line end would be a command", "a@example.org\r\nRCPT", false},
	{"angle brackets", "<a@example.org>", false},
	{"a space", "a b@example.org", false},
	{"an empty local part", "@example.org", false},
	{"an empty domain", "a@", false},
	{"non-ASCII", "\xc3\xa9@example.org", false},
	{"two dots", "a@example..org", false},
	{"a quoted local part", "\"a\"@example.org", false},
	{"nothing", NULL, false},
};

static void
try_fill(void)
{
	const char *const pairs[] = {"a", "1${b}", "b", "", "c", "x", NULL};
	g_autofree char *filled =
		text_fill("${a}\nb:${b}\n  ${b}\n\n$c ${c}\n", pairs);

	is_text(filled, "1${b}\nb:\n\n$c x\n",
		"values are put in once, empty lines of values go");
}

static void
try_block(void)
{
	g_autofree char *crlf = text_block("a\r\nb\rc\n", 7, 100);
	g_autofree char *nul = text_block("a\0b", 3, 100);
	g_autofree char *bidi = text_block("a\xe2\x80\xae" "b\x1b", 6, 100);

	is_text(crlf, "a\nb\nc\n", "all line ends are \\n");
	is_text(nul, "a\xef\xbf\xbd" "b", "a NUL is seen");
	is_text(bidi, "a\xef\xbf\xbd" "b\xef\xbf\xbd",
		"bidi and ESC are neutralised");
}

int
main(void)
{
	g_autofree char *base32 = text_base32((const uint8_t *)"foobar", 6);
	g_autofree char *indented =
		text_indent("a\n\n-----BEGIN PGP\n", "  | ");
	g_autofree char *mac = text_mac((const uint8_t *)"k", 1, "VGZ-2026-0001");

	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_autofree char *found = text_line(lines[i].raw, lines[i].max);

		is_text(found, lines[i].wanted, lines[i].sentence);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++)
		ok(text_is_address(addresses[i].text) == addresses[i].wanted,
			addresses[i].sentence);
	is_text(base32, "mzxw6ytboi", "base32 of RFC 4648, section 10");
	is_text(indented, "  | a\n\n  | - -----BEGIN PGP\n",
		"indented, an armor line dash-escaped");
	is_number(strlen(mac), 16, "a code has sixteen characters");
	try_fill();
	try_block();
	return done();
}

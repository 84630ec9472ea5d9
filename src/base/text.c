#include "base/text.h"

#include <string.h>

/* Characters that change how the text around them is seen (UAX #9 and kin). */
static bool
is_deceptive(gunichar c)
{
	return g_unichar_type(c) == G_UNICODE_FORMAT ||
		g_unichar_type(c) == G_UNICODE_LINE_SEPARATOR ||
		g_unichar_type(c) == G_UNICODE_PARAGRAPH_SEPARATOR ||
		(c >= 0xfe00 && c <= 0xfe0f) || (c >= 0xe0000 && c <= 0xe0fff);
}

static bool
is_control(gunichar c)
{
	return g_unichar_iscntrl(c) || (c >= 0x80 && c < 0xa0);
}

/* Cuts text at most max bytes long, between two characters. */
static void
cut(char *text, size_t max)
{
	if (strlen(text) <= max)
		return;
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	text[max] = '\0';
}

char *
text_line(const char *raw, size_t max)
{
	g_autofree char *valid = g_utf8_make_valid(raw ? raw : "", -1);
	GString *line = g_string_new(NULL);
	bool space = false;

	for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		if (is_control(c) || is_deceptive(c) || g_unichar_isspace(c)) {
			space = line->len > 0;
			continue;
		}
		if (space)
			g_string_append_c(line, ' ');
		space = false;
		g_string_append_unichar(line, c);
		if (line->len > max)
			break;
	}
	cut(line->str, max);
	return g_string_free(line, FALSE);
}

char *
text_block(const char *raw, size_t length, size_t max)
{
	g_autofree char *valid = NULL;
	GString *block = g_string_sized_new(MIN(length, max));
	const char *end;

	valid = g_utf8_make_valid(raw ? raw : "", raw ? (gssize)length : 0);
	end = valid + strlen(valid);
	for (const char *p = valid; p < end; p = g_utf8_next_char(p)) {
		const char *run = p;
		gunichar c;

		/* most of a text is printable ASCII: as it is, a run at once */
		while (*p >= ' ' && *p <= '~')
			p++;
		g_string_append_len(block, run,
			MIN((size_t)(p - run), max + 1 - block->len));
		if (block->len > max || p == end)
			break;
		c = g_utf8_get_char(p);
		if (c == '\r' && p[1] == '\n')
			continue;
		if (c == '\r' || c == 0x2028 || c == 0x2029)
			c = '\n';
		else if (c == 0xfeff || c == 0xad)
			continue;
		else if (c != '\n' && c != '\t' &&
			(is_control(c) || (is_deceptive(c) && c != 0x200d &&
						  !(c >= 0xfe00 && c <= 0xfe0f))))
			c = 0xfffd;
		g_string_append_unichar(block, c);
		if (block->len > max)
			break;
	}
	cut(block->str, max);
	return g_string_free(block, FALSE);
}

char *
text_base32(const uint8_t *bytes, size_t length)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	GString *out = g_string_new(NULL);
	unsigned int buffer = 0, bits = 0;

	for (size_t i = 0; i < length; i++) {
		buffer = buffer << 8 | bytes[i];
		for (bits += 8; bits >= 5; bits -= 5)
			g_string_append_c(out, digits[buffer >> (bits - 5) & 31]);
	}
	if (bits > 0)
		g_string_append_c(out, digits[buffer << (5 - bits) & 31]);
	return g_string_free(out, FALSE);
}

char *
text_hex(const uint8_t *bytes, size_t length)
{
	GString *out = g_string_sized_new(2 * length);

	for (size_t i = 0; i < length; i++)
		g_string_append_printf(out, "%02x", bytes[i]);
	return g_string_free(out, FALSE);
}

char *
text_json(const char *raw)
{
	g_autofree char *valid = g_utf8_make_valid(raw, -1);
	GString *out = g_string_new("\"");

	for (const char *p = valid; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			g_string_append_c(out, '\\');
		if ((unsigned char)*p < ' ')
			g_string_append_printf(out, "\\u%04x", *p);
		else
			g_string_append_c(out, *p);
	}
	g_string_append_c(out, '"');
	return g_string_free(out, FALSE);
}

char *
text_indent(const char *block, const char *prefix)
{
	g_auto(GStrv) lines = g_strsplit(block, "\n", -1);
	GString *out = g_string_new(NULL);
	size_t count = g_strv_length(lines);

	if (count > 0 && *lines[count - 1] == '\0')
		count--;
	for (size_t i = 0; i < count; i++) {
		bool armor = g_str_has_prefix(lines[i], "-----");

		if (*lines[i] == '\0')
			g_string_append_c(out, '\n');
		else
			g_string_append_printf(out, "%s%s%s\n", prefix,
				armor ? "- " : "", lines[i]);
	}
	return g_string_free(out, FALSE);
}

char *
text_mac(const uint8_t *key, size_t key_length, const char *data)
{
	g_autoptr(GHmac) hmac = g_hmac_new(G_CHECKSUM_SHA256, key, key_length);
	uint8_t digest[32];
	gsize size = sizeof(digest);

	g_hmac_update(hmac, (const guchar *)data, -1);
	g_hmac_get_digest(hmac, digest, &size);
	return text_base32(digest, 10);
}

static const char *
look_up(const char *const *pairs, const char *name, size_t length)
{
	for (; pairs[0] != NULL; pairs += 2)
		if (strlen(pairs[0]) == length &&
			strncmp(pairs[0], name, length) == 0)
			return pairs[1] ? pairs[1] : "";
	g_error("a template names \"%.*s\", which nothing fills", (int)length,
		name);
}

static void
fill_line(GString *out, const char *line, size_t length,
	const char *const *pairs)
{
	const char *end = line + length;
	size_t before = out->len;
	bool filled = false;

	while (line < end) {
		const char *close;

		if (!(line[0] == '$' && line[1] == '{') ||
			(close = memchr(line, '}', end - line)) == NULL) {
			g_string_append_c(out, *line++);
			continue;
		}
		g_string_append(out, look_up(pairs, line + 2, close - line - 2));
		line = close + 1;
		filled = true;
	}
	if (filled && strspn(out->str + before, " ") == out->len - before)
		g_string_truncate(out, before);
	else
		g_string_append_c(out, '\n');
}

char *
text_fill(const char *pattern, const char *const *pairs)
{
	GString *out = g_string_new(NULL);

	while (*pattern) {
		size_t length = strcspn(pattern, "\n");

		fill_line(out, pattern, length, pairs);
		pattern += length + (pattern[length] == '\n');
	}
	return g_string_free(out, FALSE);
}

static bool
is_atext(char c)
{
	return g_ascii_isalnum(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~.", c));
}

bool
text_is_address(const char *text)
{
	const char *at = text ? strrchr(text, '@') : NULL;
	size_t length = text ? strlen(text) : 0;

	if (at == NULL || at == text || at - text > 64 || length > 254)
		return false;
	for (const char *p = text; p < at; p++)
		if (!is_atext(*p))
			return false;
	for (const char *p = at + 1; *p; p++)
		if (!g_ascii_isalnum(*p) && *p != '-' && *p != '.')
			return false;
	return at[1] != '\0' && at[1] != '.' && at[1] != '-' &&
		text[length - 1] != '.' && strstr(text, "..") == NULL;
}

bool
text_is_fingerprint(const char *text)
{
	size_t length = strspn(text, "0123456789abcdefABCDEF");

	return text[length] == '\0' && (length == 40 || length == 64);
}

char *
text_file_name(const char *raw, guint n)
{
	g_autofree char *line = text_line(raw, 150);
	char *base = line;

	for (char *p = line; *p; p++)
		if (*p == '/' || *p == '\\')
			base = p + 1;
	g_strdelimit(base, "<>:\"|?*", '_');
	while (*base == '.' || *base == '-' || *base == ' ')
		base++;
	return *base ? g_strdup(base) : g_strdup_printf("attachment-%u", n);
}

/* Our own mail put together. */
#include "edge/mime.h"

#include "base/text.h"

#include <gmime/gmime.h>
#include <string.h>
#include <unistd.h>

/* Which header is written: what all can see, or what the seal protects. */
enum side {
	SIDE_INSIDE,
	SIDE_OUTSIDE, /* of a seal: it hides the subject */
	SIDE_CLEAR,   /* nothing is sealed */
};

/* The header fields that a letter has, in order; NULL ends. */
static char **
header_of(const struct letter *letter, enum side side)
{
	GPtrArray *fields = g_ptr_array_new();
	g_autofree char *date = clock_rfc5322(letter->date);
	g_autoptr(GString) to = g_string_new(NULL);
	g_autoptr(GString) references = g_string_new(NULL);
	InternetAddress *from = internet_address_mailbox_new(letter->from_name,
		letter->from_address);
	char *from_text = internet_address_to_string(from, NULL, TRUE);
	const char *subject = side == SIDE_OUTSIDE && letter->outer_subject
		? letter->outer_subject
		: letter->subject;

#define ADD(name, value)                                                       \
	(g_ptr_array_add(fields, g_strdup(name)),                              \
		g_ptr_array_add(fields, (value)))
	for (guint i = 0; i < letter->to->len; i++)
		g_string_append_printf(to, "%s%s", i ? ", " : "",
			(const char *)letter->to->pdata[i]);
	for (guint i = 0; i < letter->references->len; i++)
		g_string_append_printf(references, "%s<%s>", i ? " " : "",
			(const char *)letter->references->pdata[i]);
	ADD("From", from_text);
	ADD("To", g_strdup(to->str));
	ADD("Subject", g_mime_utils_header_encode_text(NULL, subject, "utf-8"));
	ADD("Date", g_strdup(date));
	ADD("Message-ID", g_strdup_printf("<%s>", letter->message_id));
	if (letter->in_reply_to != NULL)
		ADD("In-Reply-To",
			g_strdup_printf("<%s>", letter->in_reply_to));
	if (references->len > 0)
		ADD("References", g_strdup(references->str));
	if (letter->reply_to != NULL)
		ADD("Reply-To", g_strdup(letter->reply_to));
	if (letter->automatic)
		ADD("Auto-Submitted", g_strdup(letter->in_reply_to
				? "auto-replied" : "auto-generated"));
	if (letter->to_reporter)
		ADD("X-Auto-Response-Suppress",
			g_strdup("DR, RN, NRN, OOF, AutoReply"));
	if (side != SIDE_INSIDE && letter->autocrypt_keydata != NULL)
		ADD("Autocrypt", g_strdup_printf("addr=%s; keydata=%s",
				letter->from_address,
				letter->autocrypt_keydata));
#undef ADD
	g_ptr_array_add(fields, NULL);
	g_object_unref(from);
	return (char **)g_ptr_array_free(fields, FALSE);
}

static void
put_field(GMimeObject *object, const char *name, const char *value)
{
	/* raw, with the space of RFC 5322; ours need no further folding */
	g_autofree char *raw = g_strdup_printf(" %s\n", value);

	g_mime_header_list_append(g_mime_object_get_header_list(object), name,
		value, NULL);
	g_mime_header_set_raw_value(
		g_mime_header_list_get_header(
			g_mime_object_get_header_list(object), name),
		raw);
}

/* References and Autocrypt are long: one id or 72 characters a line. */
static char *
folded(const char *name, const char *value)
{
	GString *out = g_string_new(NULL);

	if (strcmp(name, "References") == 0 || strcmp(name, "To") == 0) {
		g_auto(GStrv) words = g_strsplit(value, " ", -1);
		g_autofree char *joined = g_strjoinv("\n ", words);

		g_string_append(out, joined);
	} else if (strcmp(name, "Autocrypt") == 0) {
		const char *data = strstr(value, "keydata=") + 8;

		g_string_append_len(out, value, data - value);
		for (; *data; data += MIN(strlen(data), 72))
			g_string_append_printf(out, "\n %.72s", data);
	} else
		g_string_append(out, value);
	return g_string_free(out, FALSE);
}

static void
put_fields(GMimeObject *object, char *const *fields)
{
	for (; fields[0] != NULL; fields += 2) {
		g_autofree char *value = folded(fields[0], fields[1]);

		put_field(object, fields[0], value);
	}
}

static void
set_content(GMimePart *part, GMimeStream *stream, GMimeContentEncoding encoding)
{
	GMimeDataWrapper *content = g_mime_data_wrapper_new_with_stream(stream,
		GMIME_CONTENT_ENCODING_DEFAULT);

	g_mime_stream_seek(stream, 0, GMIME_STREAM_SEEK_SET);
	g_mime_part_set_content(part, content);
	g_mime_part_set_content_encoding(part, encoding);
	g_object_unref(content);
	g_object_unref(stream);
}

/* Not GMime's text part: that would choose another charset by itself. */
static GMimeObject *
text_part(const char *text)
{
	GMimePart *part = g_mime_part_new_with_type("text", "plain");

	g_mime_object_set_content_type_parameter(GMIME_OBJECT(part), "charset",
		"utf-8");
	set_content(part, g_mime_stream_mem_new_with_buffer(text, strlen(text)),
		GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
	return GMIME_OBJECT(part);
}

static GMimeObject *
enclosure_part(const struct enclosure *enclosure)
{
	g_auto(GStrv) type = g_strsplit(enclosure->type, "/", 2);
	GMimePart *part = g_mime_part_new_with_type(type[0], type[1]);

	set_content(part, g_mime_stream_fs_new(dup(enclosure->bytes->fd)),
		enclosure->is_key ? GMIME_CONTENT_ENCODING_7BIT
				  : GMIME_CONTENT_ENCODING_BASE64);
	g_mime_object_set_disposition(GMIME_OBJECT(part), "attachment");
	g_mime_part_set_filename(part, enclosure->name);
	return GMIME_OBJECT(part);
}

/* Object as bytes with CRLF line ends, as OpenPGP signatures need it. */
static struct bytes *
serialize(GMimeObject *object)
{
	struct bytes *out = bytes_new();
	GMimeStream *file = g_mime_stream_fs_new(dup(out->fd));
	GMimeStream *filtered = g_mime_stream_filter_new(file);
	GMimeFilter *crlf = g_mime_filter_unix2dos_new(FALSE);
	GMimeFormatOptions *options = g_mime_format_options_new();

	g_mime_stream_filter_add(GMIME_STREAM_FILTER(filtered), crlf);
	g_mime_object_write_to_stream(object, options, filtered);
	g_mime_stream_flush(filtered);
	out->size = g_mime_stream_tell(file);
	g_mime_format_options_free(options);
	g_object_unref(crlf);
	g_object_unref(filtered);
	g_object_unref(file);
	return out;
}

/* RFC 9788 and the older protected-headers draft, both at once. */
static void
protect_header(GMimeObject *root, const struct letter *letter)
{
	g_auto(GStrv) inside = header_of(letter, SIDE_INSIDE);
	g_auto(GStrv) outside = header_of(letter, SIDE_OUTSIDE);

	put_fields(root, inside);
	for (char **p = outside; *p != NULL; p += 2) {
		g_autofree char *value = NULL;

		if (strcmp(*p, "Autocrypt") == 0)
			continue;
		value = g_strdup_printf("%s: %s", p[0], p[1]);
		g_mime_header_list_append(g_mime_object_get_header_list(root),
			"HP-Outer", value, NULL);
	}
	g_mime_object_set_content_type_parameter(root, "protected-headers",
		"v1");
	g_mime_object_set_content_type_parameter(root, "hp", "cipher");
}

struct bytes *
mime_write_inside(const struct letter *letter, bool sealed)
{
	GMimeObject *root;
	struct bytes *bytes;

	g_mime_init(); /* counted: only the first call does anything */
	root = text_part(letter->text);
	if (letter->enclosures->len > 0) {
		GMimeMultipart *mixed =
			g_mime_multipart_new_with_subtype("mixed");

		g_mime_multipart_add(mixed, root);
		g_object_unref(root);
		for (guint i = 0; i < letter->enclosures->len; i++) {
			GMimeObject *part = enclosure_part(
				letter->enclosures->pdata[i]);

			g_mime_multipart_add(mixed, part);
			g_object_unref(part);
		}
		root = GMIME_OBJECT(mixed);
	}
	if (sealed)
		protect_header(root, letter);
	bytes = serialize(root);
	g_object_unref(root);
	return bytes;
}

static char *
new_boundary(void)
{
	/* secrecy is not needed, only that no line of ours looks like it */
	return g_strdup_printf("=_%08x%08x%08x", g_random_int(),
		g_random_int(), g_random_int());
}

/* The outermost header; content_type NULL: the entity behind it has one. */
static struct bytes *
start_message(const struct letter *letter, enum side side,
	const char *content_type)
{
	g_auto(GStrv) fields = header_of(letter, side);
	struct bytes *out = bytes_new();
	g_autoptr(GString) header = g_string_new(NULL);

	for (char **p = fields; *p != NULL; p += 2) {
		g_autofree char *value = folded(p[0], p[1]);

		g_string_append_printf(header, "%s: %s\n", p[0],
			g_strchomp(value));
	}
	g_string_append(header, "MIME-Version: 1.0\n");
	if (content_type != NULL)
		g_string_append_printf(header, "Content-Type: %s\n\n",
			content_type);
	g_string_replace(header, "\n", "\r\n", 0);
	bytes_append(out, header->str, header->len);
	return out;
}

static void
append_text(struct bytes *out, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
append_text(struct bytes *out, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list arguments;

	va_start(arguments, format);
	text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	bytes_append(out, text, strlen(text));
}

/* from with every lone LF made CRLF. */
static void
append_lines(struct bytes *out, const struct bytes *from)
{
	char buffer[16384], crlf[2 * sizeof(buffer)];
	char before = '\0';

	for (uint64_t at = 0; at < from->size;) {
		size_t n = MIN(from->size - at, sizeof(buffer)), m = 0;

		if (!bytes_read(from, at, buffer, n))
			break;
		for (size_t i = 0; i < n; i++) {
			if (buffer[i] == '\n' && before != '\r')
				crlf[m++] = '\r';
			before = crlf[m++] = buffer[i];
		}
		bytes_append(out, crlf, m);
		at += n;
	}
}

struct bytes *
mime_write_sealed(const struct letter *letter, const struct bytes *armor)
{
	g_autofree char *boundary = new_boundary();
	g_autofree char *type = g_strdup_printf(
		"multipart/encrypted; protocol=\"application/pgp-encrypted\";\n"
		" boundary=\"%s\"", boundary);
	struct bytes *out = start_message(letter, SIDE_OUTSIDE, type);

	append_text(out,
		"--%s\r\nContent-Type: application/pgp-encrypted\r\n"
		"Content-Description: PGP/MIME version identification\r\n\r\n"
		"Version: 1\r\n\r\n--%s\r\n"
		"Content-Type: application/octet-stream; "
		"name=\"encrypted.asc\"\r\n"
		"Content-Description: OpenPGP encrypted message\r\n"
		"Content-Disposition: inline; filename=\"encrypted.asc\"\r\n"
		"\r\n", boundary, boundary);
	append_lines(out, armor);
	append_text(out, "\r\n--%s--\r\n", boundary);
	return out;
}

struct bytes *
mime_write_signed(const struct letter *letter, const struct bytes *inside,
	const struct bytes *signature, const char *micalg)
{
	g_autofree char *boundary = new_boundary();
	g_autofree char *type = g_strdup_printf(
		"multipart/signed; micalg=%s;\n"
		" protocol=\"application/pgp-signature\";\n boundary=\"%s\"",
		micalg, boundary);
	struct bytes *out = start_message(letter, SIDE_CLEAR, type);

	append_text(out, "--%s\r\n", boundary);
	append_lines(out, inside);
	append_text(out,
		"\r\n--%s\r\nContent-Type: application/pgp-signature; "
		"name=\"signature.asc\"\r\n"
		"Content-Description: OpenPGP digital signature\r\n"
		"Content-Disposition: attachment; "
		"filename=\"signature.asc\"\r\n\r\n", boundary);
	append_lines(out, signature);
	append_text(out, "\r\n--%s--\r\n", boundary);
	return out;
}

struct bytes *
mime_write_clear(const struct letter *letter)
{
	g_autoptr(bytes_auto) inside = mime_write_inside(letter, false);
	struct bytes *out = start_message(letter, SIDE_CLEAR, NULL);

	append_lines(out, inside);
	return out;
}

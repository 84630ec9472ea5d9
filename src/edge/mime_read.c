/* Messages of strangers taken apart. */
#include "edge/mime.h"

#include "base/text.h"

#include <gmime/gmime.h>
#include <iconv.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_DEPTH 60

/*
 * glibc loads a converter from a file when it is first opened; the reader
 * may open none, so those that mail is written in are opened here for good.
 */
static void
load_charsets(void)
{
	static const char *const charsets[] = {"ISO-8859-1", "ISO-8859-2",
		"ISO-8859-5", "ISO-8859-7", "ISO-8859-9", "ISO-8859-15",
		"WINDOWS-1250", "WINDOWS-1251", "WINDOWS-1252", "WINDOWS-1254",
		"KOI8-R", "KOI8-U", "GB2312", "GBK", "GB18030", "BIG5",
		"ISO-8859-3", "ISO-8859-4", "ISO-8859-6", "ISO-8859-8",
		"ISO-8859-13", "ISO-8859-14", "ISO-8859-16", "WINDOWS-1253",
		"WINDOWS-1255", "WINDOWS-1256", "WINDOWS-1257", "WINDOWS-874",
		"TIS-620", "CP866", "CP850", "UHC", "CP932", "BIG5-HKSCS",
		"UTF-32", "ISO-2022-KR", "ISO-2022-JP-3",
		"SHIFT_JIS", "EUC-JP", "ISO-2022-JP", "EUC-KR", "UTF-16",
		"UTF-16LE", "UTF-16BE", "UTF-7", "US-ASCII", "MACINTOSH"};

	for (size_t i = 0; i < G_N_ELEMENTS(charsets); i++)
		iconv_open("UTF-8", charsets[i]);
}

void
mime_init(void)
{
	g_mime_init();
	load_charsets();
}

static char *
type_of(GMimeObject *object)
{
	GMimeContentType *type = g_mime_object_get_content_type(object);
	const char *raw = g_mime_object_get_header(object, "Content-Type");
	g_autofree char *text = NULL;

	/* none, or one that says nothing (RFC 2045, 5.2) */
	if (type == NULL ||
		(raw != NULL && memchr(raw, '/', strcspn(raw, ";")) == NULL))
		return g_strdup("text/plain");
	text = g_mime_content_type_get_mime_type(type);
	return g_ascii_strdown(text, -1);
}

static char *
name_of(GMimeObject *object)
{
	const char *name = NULL;

	if (GMIME_IS_PART(object))
		name = g_mime_part_get_filename(GMIME_PART(object));
	if (name == NULL)
		name = g_mime_object_get_content_disposition_parameter(object,
			"filename");
	if (name == NULL)
		name = g_mime_object_get_content_type_parameter(object, "name");
	return g_strdup(name);
}

static struct mime *
wrap(GMimeObject *object, int depth)
{
	struct mime *mime = g_new0(struct mime, 1);
	const char *disposition = g_mime_object_get_disposition(object);

	mime->object = g_object_ref(object);
	mime->type = type_of(object);
	mime->name = name_of(object);
	mime->attached = disposition != NULL &&
		g_ascii_strcasecmp(disposition, "attachment") == 0;
	mime->children =
		g_ptr_array_new_with_free_func((GDestroyNotify)mime_free);
	if (depth > MAX_DEPTH)
		return mime;
	if (GMIME_IS_MULTIPART(object)) {
		GMimeMultipart *multipart = GMIME_MULTIPART(object);
		int count = g_mime_multipart_get_count(multipart);

		for (int i = 0; i < count; i++)
			g_ptr_array_add(mime->children,
				wrap(g_mime_multipart_get_part(multipart, i),
					depth + 1));
	} else if (GMIME_IS_MESSAGE_PART(object)) {
		GMimeMessage *inner = g_mime_message_part_get_message(
			GMIME_MESSAGE_PART(object));

		if (inner != NULL)
			mime->message = wrap(GMIME_OBJECT(inner), depth + 1);
	}
	return mime;
}

/* A message's body part carries type and children, the message the header. */
static struct mime *
wrap_message(GMimeMessage *message)
{
	GMimeObject *body = g_mime_message_get_mime_part(message);
	struct mime *mime;

	if (body == NULL)
		return wrap(GMIME_OBJECT(message), 0);
	mime = wrap(body, 0);
	g_object_set_data_full(mime->object, "meldpunt-message",
		g_object_ref(message), g_object_unref);
	return mime;
}

/* Takes the stream over. */
static struct mime *
parse_stream(GMimeStream *stream, bool whole)
{
	GMimeParser *parser = g_mime_parser_new_with_stream(stream);
	GObject *object;
	struct mime *mime = NULL;

	g_mime_parser_set_persist_stream(parser, TRUE);
	object = whole
		? (GObject *)g_mime_parser_construct_message(parser, NULL)
		: (GObject *)g_mime_parser_construct_part(parser, NULL);
	if (object != NULL)
		mime = whole ? wrap_message(GMIME_MESSAGE(object))
			     : wrap(GMIME_OBJECT(object), 0);
	g_clear_object(&object);
	g_object_unref(parser);
	g_object_unref(stream);
	return mime;
}

struct mime *
mime_parse(const struct bytes *bytes, uint64_t length, bool whole)
{
	GMimeStream *stream = g_mime_stream_mmap_new_with_bounds(
		dup(bytes->fd), PROT_READ, MAP_PRIVATE, 0, length);

	if (stream == NULL || length == 0) {
		g_clear_object(&stream);
		return NULL;
	}
	return parse_stream(stream, whole);
}

struct mime *
mime_parse_memory(const char *data, size_t length, bool whole)
{
	return parse_stream(g_mime_stream_mem_new_with_buffer(data, length),
		whole);
}

void
mime_free(struct mime *mime)
{
	if (mime == NULL)
		return;
	g_free(mime->type);
	g_free(mime->name);
	g_ptr_array_unref(mime->children);
	mime_free(mime->message);
	g_clear_object((GObject **)&mime->object);
	g_free(mime);
}

/* The header list that names this part: the message's, for a root. */
static GMimeHeaderList *
headers_of(const struct mime *mime)
{
	GMimeObject *message =
		g_object_get_data(mime->object, "meldpunt-message");

	return g_mime_object_get_header_list(
		message ? message : GMIME_OBJECT(mime->object));
}

char *
mime_header(const struct mime *mime, const char *name)
{
	GMimeHeader *header =
		g_mime_header_list_get_header(headers_of(mime), name);

	return header ? g_strdup(g_mime_header_get_value(header)) : NULL;
}

int
mime_header_count(const struct mime *mime, const char *name)
{
	GMimeHeaderList *list = headers_of(mime);
	int count = 0;

	for (int i = 0; i < g_mime_header_list_get_count(list); i++)
		count += g_ascii_strcasecmp(
				 g_mime_header_get_name(
					 g_mime_header_list_get_header_at(list,
						 i)),
				 name) == 0;
	return count;
}

const char *
mime_parameter(const struct mime *mime, const char *name)
{
	return g_mime_object_get_content_type_parameter(mime->object, name);
}

static void
flatten(InternetAddressList *list, GPtrArray *flat, int depth)
{
	int count = list ? internet_address_list_length(list) : 0;

	for (int i = 0; i < count && depth < MAX_DEPTH && flat->len < 400; i++) {
		InternetAddress *a = internet_address_list_get_address(list, i);
		const char *name = internet_address_get_name(a);

		if (INTERNET_ADDRESS_IS_GROUP(a))
			flatten(internet_address_group_get_members(
					INTERNET_ADDRESS_GROUP(a)),
				flat, depth + 1);
		else {
			/* its domain in ASCII (RFC 5891) */
			const char *addr = internet_address_mailbox_get_idn_addr(
				INTERNET_ADDRESS_MAILBOX(a));

			g_ptr_array_add(flat, text_line(name, 200));
			g_ptr_array_add(flat, text_line(addr, 320));
		}
	}
}

char **
mime_mailboxes(const struct mime *mime, const char *field)
{
	GMimeHeaderList *list = headers_of(mime);
	GPtrArray *flat = g_ptr_array_new();

	for (int i = 0; i < g_mime_header_list_get_count(list); i++) {
		GMimeHeader *header = g_mime_header_list_get_header_at(list, i);
		const char *raw = g_mime_header_get_raw_value(header);
		InternetAddressList *addresses;

		if (raw == NULL || g_ascii_strcasecmp(
			    g_mime_header_get_name(header), field) != 0)
			continue;
		addresses = internet_address_list_parse(NULL, raw);
		if (addresses == NULL)
			continue;
		flatten(addresses, flat, 0);
		g_object_unref(addresses);
	}
	g_ptr_array_add(flat, NULL);
	return (char **)g_ptr_array_free(flat, FALSE);
}

char **
mime_message_ids(const struct mime *mime, const char *field)
{
	g_autofree char *value = mime_header(mime, field);
	GPtrArray *ids = g_ptr_array_new();

	for (const char *p = value; p != NULL && ids->len < 100;) {
		const char *open = strchr(p, '<');
		const char *close = open ? strchr(open, '>') : NULL;

		if (close == NULL)
			break;
		if (close - open > 3 && close - open < 500) {
			g_autofree char *raw =
				g_strndup(open + 1, close - open - 1);

			g_ptr_array_add(ids, text_line(raw, 500));
		}
		p = close + 1;
	}
	g_ptr_array_add(ids, NULL);
	return (char **)g_ptr_array_free(ids, FALSE);
}

static bool
write_decoded(const struct mime *mime, GMimeStream *stream)
{
	if (GMIME_IS_PART(mime->object)) {
		GMimeDataWrapper *content =
			g_mime_part_get_content(GMIME_PART(mime->object));

		return content == NULL ||
			g_mime_data_wrapper_write_to_stream(content, stream) >=
			0;
	}
	if (mime->message != NULL)
		return g_mime_object_write_to_stream(mime->message->object,
			       NULL, stream) >= 0;
	return g_mime_object_write_to_stream(mime->object, NULL, stream) >= 0;
}

char *
mime_source(const struct mime *mime, size_t *size)
{
	GMimeStream *stream = g_mime_stream_mem_new();
	GByteArray *array =
		g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
	char *source;

	g_mime_object_write_to_stream(mime->object, NULL, stream);
	*size = array->len;
	source = g_malloc(array->len + 1);
	if (array->len > 0)
		memcpy(source, array->data, array->len);
	source[array->len] = '\0';
	g_object_unref(stream);
	return source;
}

bool
mime_decode(const struct mime *mime, struct bytes *out, struct extent *where)
{
	GMimeStream *stream = g_mime_stream_fs_new(dup(out->fd));
	gint64 end;
	bool good;

	where->offset = out->size;
	g_mime_stream_seek(stream, out->size, GMIME_STREAM_SEEK_SET);
	good = write_decoded(mime, stream);
	g_mime_stream_flush(stream);
	end = g_mime_stream_tell(stream);
	g_object_unref(stream);
	if (!good || end < (gint64)out->size)
		return false;
	where->length = end - out->size;
	out->size = end;
	return true;
}

/* What people's programs write under a charset's name is often its superset. */
static const char *
superset(const char *charset)
{
	static const char *const sets[][2] = {{"shift_jis", "CP932"},
		{"sjis", "CP932"}, {"x-sjis", "CP932"}, {"gb2312", "GB18030"},
		{"gbk", "GB18030"}, {"euc-kr", "UHC"},
		{"ks_c_5601-1987", "UHC"}, {"big5", "BIG5-HKSCS"},
		{"iso-8859-1", "WINDOWS-1252"}, {"us-ascii", "WINDOWS-1252"},
		{"iso-2022-jp", "ISO-2022-JP-3"}, {"iso-8859-9", "WINDOWS-1254"}};
	g_autofree char *lower = g_ascii_strdown(charset, -1);

	for (size_t i = 0; i < G_N_ELEMENTS(sets); i++)
		if (strcmp(sets[i][0], lower) == 0)
			return sets[i][1];
	return NULL;
}

/* Bytes that mean nothing become U+FFFD, one by one; NULL: nearly all did. */
static char *
convert_around(const char *data, size_t length, const char *from, size_t *size)
{
	GIConv cd = g_iconv_open("UTF-8", from);
	g_autofree char *buffer = NULL;
	size_t room = 4 * length + 16, left = room, bad = 0;
	gchar *in = (gchar *)data, *out;

	if (cd == (GIConv)-1)
		return NULL;
	out = buffer = g_malloc(room);
	while (length > 0 && left > 3 && bad < 1000) {
		if (g_iconv(cd, &in, &length, &out, &left) != (gsize)-1 ||
			errno == E2BIG || left < 4 || length == 0)
			break;
		memcpy(out, "\xef\xbf\xbd", 3);
		out += 3;
		left -= 3;
		in++;
		length--;
		bad++;
	}
	g_iconv_close(cd);
	*size = room - left;
	return bad * 4 > *size || bad == 1000 ? NULL : g_steal_pointer(&buffer);
}

static char *
from_charset(const char *data, size_t length, const char *charset,
	size_t *size)
{
	const char *names[] = {g_mime_charset_iconv_name(charset),
		superset(charset)};
	char *converted = NULL;

	/* every octet means something there, if only a control character */
	if (names[1] != NULL && g_str_has_prefix(names[1], "WINDOWS"))
		names[0] = names[1];
	for (size_t i = 0; converted == NULL && i < G_N_ELEMENTS(names); i++)
		if (names[i] != NULL)
			converted = g_convert(data, length, "UTF-8", names[i],
				NULL, size, NULL);
	for (size_t i = G_N_ELEMENTS(names); converted == NULL && i > 0; i--)
		if (names[i - 1] != NULL)
			converted = convert_around(data, length, names[i - 1],
				size);
	return converted;
}

/* The bytes as UTF-8: what they are, then what they claim, then a guess. */
static char *
to_utf8(const char *data, size_t length, const char *charset)
{
	g_autofree char *converted = NULL;
	gsize size = 0;

	if (g_utf8_validate_len(data, length, NULL) &&
		!(charset && g_ascii_strncasecmp(charset, "utf-7", 5) == 0) &&
		!(charset && g_ascii_strncasecmp(charset, "iso-2022", 8) == 0))
		return text_block(data, length, length);
	if (charset != NULL)
		converted = from_charset(data, length, charset, &size);
	if (converted == NULL)
		converted = g_convert_with_fallback(data, length, "UTF-8",
			"WINDOWS-1252", "\xef\xbf\xbd", NULL, &size, NULL);
	if (converted == NULL)
		return text_block(data, length, 3 * length);
	return text_block(converted, size, size);
}

char *
mime_bytes_text(const char *data, size_t length)
{
	return to_utf8(data, length, NULL);
}

char *
mime_text(const struct mime *mime, size_t max)
{
	GMimeStream *stream = g_mime_stream_mem_new();
	GByteArray *array;
	char *text;

	if (GMIME_IS_PART(mime->object))
		write_decoded(mime, stream);
	array = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
	text = to_utf8((const char *)array->data, MIN(array->len, max),
		mime_parameter(mime, "charset"));
	g_object_unref(stream);
	return text;
}

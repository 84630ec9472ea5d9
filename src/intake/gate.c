#include "intake/gate.h"

#include "model/reading.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#define MAX_HEADER (256 << 10) /* of one header section */
#define MAX_FIELDS 1000	       /* in one header section */
#define MAX_FIELD (128 << 10)  /* one unfolded field; keys travel in them */
#define MAX_GROUPS 100	       /* colons in one address field */
#define MAX_DEPTH 50
#define MAX_PARTS 1000
#define MAX_BOUNDARY 70

/* A pass over the lines; boundaries that are open form a stack. */
struct gate {
	const char *refusal;
	GPtrArray *boundaries; /* char *, outermost first */
	GString *field;	       /* the unfolded field being read */
	bool in_header;
	bool is_message; /* this section's body is a message */
	bool is_encoded; /* but written as base64 or the like */
	guint inside;	 /* boundaries around an attached message, plus 1; or 0 */
	char *boundary;	 /* that this section declares */
	size_t header_bytes;
	int fields, parts, types, messages;
};

static bool
is_field(const GString *field, const char *name)
{
	size_t n = strlen(name);

	return field->len > n && field->str[n] == ':' &&
		g_ascii_strncasecmp(field->str, name, n) == 0;
}

/* The boundary parameter, quoted or not; NULL if there is none. */
static char *
boundary_of(const char *value)
{
	g_autofree char *lower = g_ascii_strdown(value, -1);
	const char *found = strstr(lower, "boundary");
	const char *p;
	size_t n;

	if (found == NULL)
		return NULL;
	p = value + (found - lower) + strlen("boundary");
	p += strspn(p, "*0123456789 \t");
	if (*p != '=')
		return NULL;
	p++;
	p += strspn(p, " \t");
	if (*p == '"') {
		p++;
		n = strcspn(p, "\"");
	} else
		n = strcspn(p, "; \t\r\n");
	return g_strndup(p, n);
}

static bool
is_legal(const char *boundary)
{
	size_t n = strlen(boundary);

	if (n < 1 || n > MAX_BOUNDARY || boundary[n - 1] == ' ')
		return false;
	for (const char *p = boundary; *p; p++)
		if (!g_ascii_isprint(*p) || *p == '"' || *p == '\\')
			return false;
	return true;
}

static void
take_content_type(struct gate *gate)
{
	/* what the parser takes apart as a message of its own */
	static const char *const messages[] = {"message/rfc822",
		"message/rfc2822", "message/news", "message/global", NULL};
	const char *value = strchr(gate->field->str, ':') + 1;
	g_autofree char *lower = g_ascii_strdown(value, 200);

	/* what is wrong with an attached message is what it is attached for */
	if (++gate->types > 1 && gate->inside == 0)
		gate->refusal = REFUSAL_TWO_TYPES;
	g_strchug(lower);
	lower[strcspn(lower, "; \t\r\n(")] = '\0';
	gate->is_message = g_strv_contains(messages, lower);
	if (!g_str_has_prefix(lower, "multipart/"))
		return;
	g_free(gate->boundary);
	gate->boundary = boundary_of(value);
	if (gate->boundary != NULL && !is_legal(gate->boundary) &&
		gate->inside == 0)
		gate->refusal = REFUSAL_BOUNDARY;
}

static void
take_encoding(struct gate *gate)
{
	const char *value = strchr(gate->field->str, ':') + 1;

	value += strspn(value, " \t");
	gate->is_encoded = g_ascii_strncasecmp(value, "base64", 6) == 0 ||
		g_ascii_strncasecmp(value, "quoted-printable", 16) == 0;
}

static void
end_field(struct gate *gate)
{
	static const char *const addresses[] = {"From", "To", "Cc", "Bcc",
		"Sender", "Reply-To", "Delivered-To", "Resent-To",
		"Resent-From", "Resent-Cc", "X-Original-To", NULL};
	int colons = 0;

	if (gate->field->len == 0)
		return;
	if (is_field(gate->field, "Content-Type"))
		take_content_type(gate);
	if (is_field(gate->field, "Content-Transfer-Encoding"))
		take_encoding(gate);
	for (int i = 0; addresses[i] != NULL; i++)
		if (is_field(gate->field, addresses[i]))
			for (const char *p = gate->field->str; *p; p++)
				colons += *p == ':';
	if (colons > MAX_GROUPS)
		gate->refusal = REFUSAL_GROUPS;
	g_string_truncate(gate->field, 0);
}

static void
start_header(struct gate *gate)
{
	gate->in_header = true;
	gate->is_message = gate->is_encoded = false;
	gate->header_bytes = 0;
	gate->fields = gate->types = 0;
	g_clear_pointer(&gate->boundary, g_free);
	g_string_truncate(gate->field, 0);
}

static void
end_header(struct gate *gate)
{
	end_field(gate);
	gate->in_header = false;
	if (gate->boundary != NULL) {
		g_ptr_array_add(gate->boundaries,
			g_steal_pointer(&gate->boundary));
		if (gate->boundaries->len > MAX_DEPTH)
			gate->refusal = REFUSAL_DEPTH;
	}
	if (gate->is_message && !gate->is_encoded) {
		if (gate->inside == 0)
			gate->inside = gate->boundaries->len + 1;
		start_header(gate);
		if (++gate->messages > MAX_DEPTH)
			gate->refusal = REFUSAL_MESSAGES;
	}
}

static void
header_line(struct gate *gate, const char *line, size_t length)
{
	gate->header_bytes += length + 1;
	if (gate->header_bytes > MAX_HEADER)
		gate->refusal = REFUSAL_HEADER;
	if (length == 0) {
		end_header(gate);
		return;
	}
	if (*line != ' ' && *line != '\t') {
		end_field(gate);
		if (++gate->fields > MAX_FIELDS)
			gate->refusal = REFUSAL_FIELDS;
	}
	if (gate->field->len + length > MAX_FIELD)
		gate->refusal = REFUSAL_FIELD;
	else
		g_string_append_len(gate->field, line, length);
}

/* A line that may delimit a part: innermost boundaries first. */
static void
delimiter_line(struct gate *gate, const char *line, size_t length)
{
	for (guint i = gate->boundaries->len; i > 0; i--) {
		const char *boundary = gate->boundaries->pdata[i - 1];
		size_t n = strlen(boundary);
		const char *rest = line + 2 + n;

		if (length < n + 2 || memcmp(line + 2, boundary, n) != 0)
			continue;
		if (length >= n + 4 && rest[0] == '-' && rest[1] == '-') {
			g_ptr_array_set_size(gate->boundaries, i - 1);
			if (i < gate->inside)
				gate->inside = 0;
			return;
		}
		g_ptr_array_set_size(gate->boundaries, i);
		if (i < gate->inside)
			gate->inside = 0;
		if (++gate->parts > MAX_PARTS)
			gate->refusal = REFUSAL_PARTS;
		start_header(gate);
		return;
	}
}

const char *
gate_check(const char *data, size_t length)
{
	struct gate gate = {.in_header = true};
	const char *end = data + length;

	gate.boundaries = g_ptr_array_new_with_free_func(g_free);
	gate.field = g_string_new(NULL);
	while (data < end && gate.refusal == NULL) {
		const char *eol = memchr(data, '\n', end - data);
		size_t n = (eol ? eol : end) - data;
		size_t text = n > 0 && data[n - 1] == '\r' ? n - 1 : n;

		if (text >= 2 && data[0] == '-' && data[1] == '-')
			delimiter_line(&gate, data, text);
		else if (gate.in_header)
			header_line(&gate, data, text);
		data += n + (eol != NULL);
	}
	if (gate.in_header)
		end_field(&gate);
	g_ptr_array_unref(gate.boundaries);
	g_string_free(gate.field, TRUE);
	g_free(gate.boundary);
	return gate.refusal;
}

size_t
gate_header_end(const char *data, size_t length)
{
	size_t line = 0;

	for (size_t i = 0; i < length; i++) {
		if (data[i] != '\n')
			continue;
		if (i == line || (i == line + 1 && data[line] == '\r'))
			return i + 1;
		line = i + 1;
	}
	return length;
}

#include "intake/signed_part.h"

#include "intake/gate.h"

#include <glib.h>
#include <string.h>

/* The next delimiter line, and where the line behind it begins. */
static const char *
find_delimiter(const char *data, const char *end, const char *boundary,
	const char **line_end)
{
	size_t n = strlen(boundary);

	while (data < end) {
		const char *eol = memchr(data, '\n', end - data);

		*line_end = eol ? eol + 1 : end;
		if ((size_t)(end - data) >= n + 2 && data[0] == '-' &&
			data[1] == '-' && memcmp(data + 2, boundary, n) == 0)
			return data;
		data = *line_end;
	}
	return NULL;
}

bool
signed_part_find(const char *data, size_t length, const char *boundary,
	const char **start, size_t *size)
{
	const char *end = data + length;
	const char *stop, *next;

	data += gate_header_end(data, length);
	if (find_delimiter(data, end, boundary, start) == NULL)
		return false;
	stop = find_delimiter(*start, end, boundary, &next);
	if (stop == NULL)
		return false;
	if (stop > *start && stop[-1] == '\n')
		stop--;
	if (stop > *start && stop[-1] == '\r')
		stop--;
	*size = stop - *start;
	return true;
}

char *
signed_part_canonical(const char *data, size_t length, size_t *size)
{
	GString *lines = g_string_sized_new(length + length / 20);
	char before = '\0';

	for (size_t i = 0; i < length; i++) {
		if (data[i] == '\n' && before != '\r')
			g_string_append_c(lines, '\r');
		g_string_append_c(lines, data[i]);
		before = data[i];
	}
	*size = lines->len;
	return g_string_free(lines, FALSE);
}

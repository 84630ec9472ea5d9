/* What the header of a layer says. */
#include "intake/peel_private.h"

#include "base/text.h"
#include "intake/bounce.h"
#include "intake/guard.h"

#include <string.h>

static char **
references_of(const struct mime *root)
{
	g_auto(GStrv) reply = mime_message_ids(root, "In-Reply-To");
	g_auto(GStrv) thread = mime_message_ids(root, "References");
	GPtrArray *all = g_ptr_array_new();

	for (char **p = reply; *p != NULL; p++)
		g_ptr_array_add(all, g_strdup(*p));
	for (guint i = g_strv_length(thread); i > 0; i--)
		g_ptr_array_add(all, g_strdup(thread[i - 1]));
	g_ptr_array_add(all, NULL);
	return (char **)g_ptr_array_free(all, FALSE);
}

static char **
recipients_of(const struct mime *root)
{
	static const char *const fields[] = {"To", "Cc", "Delivered-To",
		"X-Original-To", "Envelope-To", NULL};
	GPtrArray *all = g_ptr_array_new();

	for (int i = 0; fields[i] != NULL; i++) {
		g_auto(GStrv) pairs = mime_mailboxes(root, fields[i]);

		for (char **p = pairs; *p != NULL && all->len < 100; p += 2)
			g_ptr_array_add(all, g_strdup(p[1]));
	}
	g_ptr_array_add(all, NULL);
	return (char **)g_ptr_array_free(all, FALSE);
}

/* addr= in front of the key data, lower case, or NULL. */
static char *
autocrypt_address(const char *value, const char *end)
{
	g_autoptr(GRegex) regex = g_regex_new(
		"(?:^|;)\\s*addr\\s*=\\s*([^;\\s]+)", G_REGEX_CASELESS, 0,
		NULL);
	g_autoptr(GMatchInfo) match = NULL;
	g_autofree char *head = g_strndup(value, end - value);
	g_autofree char *address = NULL;

	if (!g_regex_match(regex, head, 0, &match))
		return NULL;
	address = g_match_info_fetch(match, 1);
	return g_ascii_strdown(address, -1);
}

static void
take_autocrypt(const struct mime *root, struct reading *r, struct bytes *out)
{
	g_autofree char *value = mime_header(root, "Autocrypt");
	char *data = value ? strstr(value, "keydata=") : NULL;
	g_autofree guchar *binary = NULL;
	g_autofree char *address = NULL;
	gsize size;

	if (data == NULL || mime_header_count(root, "Autocrypt") != 1)
		return;
	address = autocrypt_address(value, data);
	/* Autocrypt Level 1, 2.1: of another sender it is to be ignored */
	if (g_strcmp0(address, r->from_address) != 0)
		return;
	data += strlen("keydata=");
	data[strcspn(data, ";")] = '\0';
	binary = g_base64_decode(data, &size);
	r->autocrypt = (struct extent){out->size, size};
	if (!bytes_append(out, binary, size))
		r->autocrypt.length = 0;
}

static moment
received_at(const struct mime *root)
{
	g_autofree char *received = mime_header(root, "Received");
	const char *date = received ? strrchr(received, ';') : NULL;

	return date ? clock_parse_rfc5322(date + 1) : 0;
}

void
peel_header(const struct mime *root, enum layer layer, struct reading *r,
	struct bytes *out)
{
	g_auto(GStrv) from = mime_mailboxes(root, "From");
	g_auto(GStrv) ids = mime_message_ids(root, "Message-ID");
	g_autofree char *subject = mime_header(root, "Subject");
	g_autofree char *date = mime_header(root, "Date");

	if (g_strv_length(from) >= 2) {
		r->from_name = text_line(from[0], 200);
		r->from_address = text_is_address(from[1])
			? g_ascii_strdown(from[1], -1)
			: NULL;
	}
	r->message_id = g_strdup(ids[0]);
	r->subject = text_line(subject, 998);
	r->references = references_of(root);
	r->recipients = recipients_of(root);
	r->date = date ? clock_parse_rfc5322(date) : 0;
	take_autocrypt(root, r, out);
	if (layer != LAYER_MESSAGE && layer != LAYER_HEADER) {
		r->protected_header = subject != NULL &&
			(mime_parameter(root, "protected-headers") ||
				mime_parameter(root, "hp"));
		return;
	}
	r->received = received_at(root);
	r->guard = guard_signs(root);
	if (r->from_address == NULL)
		r->guard |= GUARD_NO_SENDER;
	bounce_read(root, r);
}

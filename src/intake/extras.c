#include "intake/extras.h"

#include "edge/packet.h"

#include <string.h>

#define MAX_EXTRAS 20
#define MAX_FAILED 5 /* a bomb costs a second each */
#define MAX_ARMOR (64 << 20)
#define LOOK_AT 65536 /* bytes that tell what it is */
#define MAX_TOGETHER (UINT64_C(200) << 20) /* bytes that come out of them */

/* The message itself: what an armor holds, or the bytes as they are. */
static struct bytes *
message_of(const struct attachment *a)
{
	g_autofree char *start =
		bytes_copy(a->source, a->bytes.offset, MIN(a->size, LOOK_AT));
	g_autofree char *text = NULL;
	g_autofree guint8 *binary = NULL;
	const char *begin, *end;
	struct bytes *message;
	gsize size;

	if (armor_begin(start, "MESSAGE") == NULL)
		return bytes_slice(a->source, a->bytes.offset, a->size);
	if (a->size > MAX_ARMOR)
		return NULL;
	text = bytes_copy(a->source, a->bytes.offset, a->size);
	begin = armor_begin(text, "MESSAGE");
	end = armor_end(begin, "MESSAGE");
	binary = packet_dearmor(begin,
		(end ? end : begin + strlen(begin)) - begin, &size);
	message = bytes_new();
	bytes_append(message, binary, size);
	return message;
}

static enum packet_kind
kind_of(const struct bytes *message)
{
	size_t n = MIN(message->size, LOOK_AT);
	g_autofree char *start = bytes_copy(message, 0, n);

	return n > 0 ? packet_look(start, n, NULL) : PACKET_NONE;
}

/* "photo.jpg.gpg" was "photo.jpg". */
static void
strip_suffix(char *name)
{
	static const char *const suffixes[] = {".gpg", ".pgp", ".asc"};
	size_t length = strlen(name);

	for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++)
		if (length > 4 && g_ascii_strcasecmp(name + length - 4,
					  suffixes[i]) == 0) {
			name[length - 4] = '\0';
			return;
		}
}

static void
put_inside(struct report *report, struct attachment *a, struct opened *opened)
{
	struct bytes *plain = g_steal_pointer(&opened->plain);

	bytes_seal(plain);
	g_ptr_array_add(report->sources, plain);
	a->source = plain;
	a->bytes = (struct extent){0, plain->size};
	a->size = plain->size;
	bytes_sha256(plain, 0, plain->size, a->sha256);
	strip_suffix(a->name);
	g_free(a->type);
	a->type = g_strdup("application/octet-stream");
	a->protected = true;
	a->sealed = false;
	if (opened->signature != SIGNATURE_GOOD ||
		g_strcmp0(opened->fingerprint, report->fingerprint) != 0)
		report->foreign_seal = true;
}

bool
extras_open(struct report *report, struct pgp *pgp, GError **error)
{
	uint64_t together = 0;
	int tried = 0, failed = 0;

	/* what is not read to its end is for staff, as it came */
	for (guint i = 0; report->failure == NULL &&
		i < report->attachments->len; i++) {
		struct attachment *a = report->attachments->pdata[i];
		g_autoptr(bytes_auto) message = NULL;
		struct opened opened = {0};
		bool good = true;

		if (!a->sealed)
			continue;
		if (tried++ < MAX_EXTRAS && failed < MAX_FAILED &&
			together < MAX_TOGETHER)
			message = message_of(a);
		if (message != NULL && kind_of(message) == PACKET_PUBLIC_KEY)
			good = pgp_decrypt(pgp, message, NULL, &opened, error);
		if (good && opened.plain != NULL) {
			together += opened.plain->size;
			put_inside(report, a, &opened);
		} else {
			report->unopened++;
			failed += opened.failure != NULL;
		}
		opened_clear(&opened);
		if (!good)
			return false;
	}
	return true;
}

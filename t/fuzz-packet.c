/* OpenPGP packets and armor, as far as we look into them ourselves. */
#include "edge/packet.h"
#include "fuzz.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) found = NULL;
	g_autofree char *text = g_strndup((const char *)data, size);
	const char *armor = armor_begin(text, "MESSAGE");
	const char *end = armor ? armor_end(armor, "MESSAGE") : NULL;
	g_autofree guint8 *packets = NULL;
	g_autoptr(bytes_auto) bytes = bytes_new();
	gsize length;

	bytes_append(bytes, data, size);
	packet_stands_alone(bytes);

	packet_look((const char *)data, size, ids);
	found = certificate_split((const char *)data, size);
	packets = packet_dearmor(text, strlen(text), &length);
	if (end != NULL && (end < armor || end > text + strlen(text)))
		g_error("the end of an armor is outside of its text");
	return 0;
}

/* The answer of a reader that a stranger has taken over. */
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* GVariant wants its bytes aligned, as the worker has them */
	guchar *copy = g_memdup2(data, size);
	g_autoptr(GVariant) answer = g_variant_ref_sink(
		g_variant_new_from_data(G_VARIANT_TYPE_VARDICT, copy, size,
			FALSE, g_free, copy));
	g_autoptr(reading_auto) reading = reading_decode(answer, 1 << 16);

	return 0;
}

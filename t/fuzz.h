/* What the fuzz targets share: libFuzzer's two functions, bytes and text. */
#ifndef T_FUZZ_H
#define T_FUZZ_H

#include "base/bytes.h"
#include "model/reading.h"

#include <glib.h>
#include <stdint.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline struct bytes *
fuzz_bytes(const uint8_t *data, size_t size)
{
	struct bytes *bytes = bytes_new();

	bytes_append(bytes, data, size);
	return bytes;
}

/* Text as the code behind the reader gets it: UTF-8 without NUL. */
static inline char *
fuzz_text(const uint8_t *data, size_t size)
{
	return g_utf8_make_valid((const char *)data, size);
}

/* What a reader found must be what the worker takes in. */
static inline void
fuzz_reading(struct reading *reading, const struct bytes *out)
{
	GVariant *answer = reading_encode(reading);
	struct reading *again = reading_decode(answer, out->size);

	if (again == NULL)
		g_error("the worker refuses what the reader found");
	reading_free(again);
	reading_free(reading);
	g_variant_unref(answer);
}

#endif

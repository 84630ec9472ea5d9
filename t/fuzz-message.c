/* The reader: whole messages of strangers. */
#include "edge/language.h"
#include "edge/mime.h"
#include "intake/peel.h"
#include "fuzz.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	mime_init();
	language_init();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(bytes_auto) in = fuzz_bytes(data, size);
	g_autoptr(bytes_auto) out = bytes_new();

	fuzz_reading(peel_layer(in, LAYER_MESSAGE, out), out);
	return 0;
}

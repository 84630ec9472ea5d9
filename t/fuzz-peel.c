/* The peel step: what a decryption or a verification gave; the first byte says. */
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
	static const enum layer layers[] = {LAYER_INSIDE, LAYER_SIGNED,
		LAYER_TEXT, LAYER_HEADER};
	g_autoptr(bytes_auto) out = bytes_new();
	g_autoptr(bytes_auto) in = NULL;

	if (size == 0)
		return 0;
	in = fuzz_bytes(data + 1, size - 1);
	fuzz_reading(peel_layer(in, layers[data[0] % G_N_ELEMENTS(layers)], out),
		out);
	return 0;
}

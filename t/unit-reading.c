#include "model/reading.h"
#include "tap.h"

static GVariant *
answer(uint64_t offset, uint64_t length)
{
	g_autoptr(reading_auto) reading = reading_new();

	reading->shape = SHAPE_SEALED;
	reading->text = g_strdup("text");
	reading->from_address = g_strdup("a@b");
	reading->references = g_strsplit("x y", " ", -1);
	reading->date = 42;
	reading->protected_header = true;
	reading->sealed = (struct extent){1, 2};
	g_ptr_array_add(reading->pieces,
		piece_new("name", "type", (struct extent){offset, length},
			true));
	g_ptr_array_add(reading->assets, asset_new("ip", "192.0.2.1"));
	return reading_encode(reading);
}

static void
refuses(GVariant *variant, uint64_t size, const char *sentence)
{
	g_autoptr(reading_auto) reading = reading_decode(variant, size);

	ok(reading == NULL, sentence);
	g_variant_unref(variant);
}

static void
try_damage(void)
{
	g_autoptr(GVariant) good = answer(0, 10);
	gsize size = g_variant_get_size(good);
	int survived = 0;

	/* whatever a hostile reader sends, decoding must not crash */
	for (gsize i = 0; i < size; i++) {
		g_autofree guchar *copy =
			g_memdup2(g_variant_get_data(good), size);
		GVariant *bad;
		g_autoptr(reading_auto) reading = NULL;

		copy[i] ^= 0xff;
		bad = g_variant_ref_sink(g_variant_new_from_data(
			G_VARIANT_TYPE_VARDICT, copy, size, FALSE, NULL, NULL));
		reading = reading_decode(bad, 100);
		survived++;
		g_variant_unref(bad);
	}
	is_number(survived, size, "every damaged byte is survived");
}

int
main(void)
{
	g_autoptr(GVariant) good = answer(5, 10);
	g_autoptr(reading_auto) reading = reading_decode(good, 15);

	ok(reading != NULL, "an answer is decoded");
	is_text(reading->text, "text", "with its text");
	is_text(reading->references[1], "y", "its lists");
	is_number(reading->date, 42, "its numbers");
	is_number(reading->sealed.length, 2, "its extents");
	is_text(((struct piece *)reading->pieces->pdata[0])->name, "name",
		"its pieces");
	ok(reading->protected_header, "and its flags");
	refuses(answer(6, 10), 15, "a piece past the end is refused");
	refuses(answer(UINT64_MAX, 2), 15, "so is one that wraps around");
	refuses(answer(2, UINT64_MAX), 15, "in length too");
	refuses(g_variant_ref_sink(g_variant_new("a{sv}", NULL)), 15,
		"an empty answer is refused");
	refuses(g_variant_ref_sink(g_variant_new("s", "x")), 15,
		"so is one of another type");
	try_damage();
	return done();
}

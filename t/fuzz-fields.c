/* What is looked for in a text: assets, CVSS, title, case number, own words. */
#include "base/text.h"
#include "desk/own_words.h"
#include "desk/words.h"
#include "intake/fields.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = fuzz_text(data, size);
	g_autoptr(GPtrArray) assets = g_ptr_array_new();
	g_autofree char *cvss = fields_cvss(text);
	g_autofree char *own = fields_own_words(text);
	g_autofree char *unflowed = fields_unflow(text, size % 2);
	g_autofree char *number = fields_case_number("CVD", text, text);
	g_autofree char *title = fields_title("", text);
	g_autofree char *line = text_line(text, 200);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_autofree char *words = own_words_of(lines, NULL, size % 3 == 0);
	struct words reporter = {0};

	words_parse(text, &reporter);
	g_free(reporter.value);
	fields_assets(text, assets);
	for (guint i = 0; i < assets->len; i++) {
		struct asset *asset = assets->pdata[i];

		g_free(asset->kind);
		g_free(asset->value);
		g_free(asset);
	}
	return 0;
}

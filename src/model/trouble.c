#include "model/trouble.h"

#include <string.h>

void
trouble_clear(struct trouble *trouble)
{
	g_clear_pointer(&trouble->what, g_free);
	g_clear_pointer(&trouble->name, g_free);
}

char *
trouble_write(const struct trouble *trouble)
{
	return g_strdup_printf("%s\t%s\t%" PRId64 "\t%" PRId64, trouble->what,
		trouble->name, trouble->since, trouble->until);
}

bool
trouble_read(struct trouble *trouble, const char *line)
{
	g_auto(GStrv) words = g_strsplit(line, "\t", 4);

	if (g_strv_length(words) != 4)
		return false;
	trouble->what = g_strdup(words[0]);
	trouble->name = g_strdup(words[1]);
	trouble->since = g_ascii_strtoll(words[2], NULL, 10);
	trouble->until = g_ascii_strtoll(words[3], NULL, 10);
	return true;
}

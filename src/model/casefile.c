#include "model/casefile.h"

struct casefile *
casefile_new(void)
{
	return g_new0(struct casefile, 1);
}

void
casefile_free(struct casefile *casefile)
{
	if (casefile == NULL)
		return;
	g_free(casefile->number);
	g_free(casefile->language);
	g_free(casefile->title);
	g_free(casefile->alias);
	g_free(casefile->name);
	g_free(casefile->address);
	g_clear_pointer(&casefile->key, g_byte_array_unref);
	g_free(casefile->fingerprint);
	g_free(casefile->mailbox);
	g_free(casefile->state);
	g_free(casefile->resolution);
	g_free(casefile->severity);
	g_free(casefile->cvss);
	g_free(casefile->owner);
	g_free(casefile->assessment);
	g_free(casefile->fix_date);
	g_free(casefile->last_author);
	g_free(casefile->report_id);
	g_free(casefile);
}

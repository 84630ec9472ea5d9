#include "meldpuntd/passed.h"

bool
passed_first(struct passed *passed, struct imap *imap,
	const struct imap_folder *folder, uint32_t *first, GError **error)
{
	g_autoptr(GPtrArray) last = NULL;

	*first = 1;
	if (passed->count == 0)
		return true;
	if (passed->uidvalidity == folder->uidvalidity &&
		passed->count <= folder->exists) {
		last = imap_list(imap, passed->count, 1, error);
		if (last == NULL)
			return false;
	}
	/* UIDs rise: the same one in the same place means the same before it */
	if (last != NULL && last->len == 1 &&
		((struct imap_message *)last->pdata[0])->uid == passed->uid)
		*first = passed->count + 1;
	else
		*passed = (struct passed){0};
	return true;
}

/* A server that told no time gives a message the benefit of the doubt. */
static bool
is_old(const struct imap_message *message, moment since)
{
	return message->arrived != 0 && message->arrived < since;
}

void
passed_over(struct passed *passed, moment since,
	const struct imap_folder *folder, uint32_t first, GPtrArray *slice)
{
	guint old = 0;

	if (since == 0)
		return;
	while (old < slice->len && is_old(slice->pdata[old], since)) {
		const struct imap_message *m = slice->pdata[old];

		if (passed != NULL && first + old == passed->count + 1)
			*passed = (struct passed){folder->uidvalidity,
				passed->count + 1, m->uid};
		old++;
	}
	if (old > 0)
		g_ptr_array_remove_range(slice, 0, old);
	for (guint i = slice->len; i > 0; i--)
		if (is_old(slice->pdata[i - 1], since))
			g_ptr_array_remove_index(slice, i - 1);
}

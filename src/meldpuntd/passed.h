/*
 * Messages that are left alone because they arrived before imap.since: how far
 * from its start a folder holds nothing else, so that a hundred thousand of
 * them are listed once and not at every look.
 */
#ifndef MELDPUNTD_PASSED_H
#define MELDPUNTD_PASSED_H

#include "edge/imap.h"

struct passed {
	uint32_t uidvalidity;
	uint32_t count;
	uint32_t uid; /* of the last of them */
};

/*
 * The sequence number to begin at in the selected folder: behind what was
 * passed over before, if that is all still there.
 */
bool passed_first(struct passed *passed, struct imap *imap,
	const struct imap_folder *folder, uint32_t *first, GError **error);

/*
 * Takes out of a slice that begins at sequence number first what arrived
 * before since; the others stay in order.  passed is NULL once the folder
 * was selected anew: numbers may have shifted.
 */
void passed_over(struct passed *passed, moment since,
	const struct imap_folder *folder, uint32_t first, GPtrArray *slice);

#endif

/*
 * Messages over which the connection to the IMAP server was lost.  Kept in
 * the database, since the fetcher ends with its connection: the one message
 * that a server cannot give out must not keep all others from being read.
 */
#ifndef MELDPUNTD_LOSSES_H
#define MELDPUNTD_LOSSES_H

#include "edge/db.h"
#include "edge/imap.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Those of one mailbox. */
struct losses {
	struct db *db; /* borrowed */
	int64_t mailbox;
	GHashTable *next_try; /* name to moment */
};

enum loss {
	LOSS_NONE,
	LOSS_ALONE, /* lost among others, or long ago: fetch it by itself */
	LOSS_WAIT,  /* lost by itself: later */
};

bool losses_open(struct losses *losses, struct db *db, int64_t mailbox,
	GError **error);
void losses_close(struct losses *losses);

enum loss losses_of(const struct losses *losses, const char *folder,
	uint32_t uidvalidity, uint32_t uid);

/*
 * The connection was lost over one of these (struct imap_message): which, the
 * next tries show.  A failure goes to the log.
 */
void losses_note(const struct losses *losses, const char *folder,
	uint32_t uidvalidity, const GPtrArray *messages, guint from,
	guint count);

/* It was given out after all. */
bool losses_forget(const struct losses *losses, const char *folder,
	uint32_t uidvalidity, uint32_t uid, GError **error);

/*
 * imap_list() on the selected folder; where the server was lost over that
 * before, one message by one.
 */
GPtrArray *losses_list(const struct losses *losses, struct imap *imap,
	const char *folder, uint32_t uidvalidity, uint32_t first, guint max,
	GError **error);

#endif

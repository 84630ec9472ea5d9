/*
 * Messages over which the connection to the IMAP server was lost.  Kept in
 * the database, since the fetcher ends with its connection: the one message
 * that a server cannot give out must not keep all others from being read.
 */
#ifndef MELDPUNTD_LOSSES_H
#define MELDPUNTD_LOSSES_H

#include "edge/db.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum loss {
	LOSS_NONE,
	LOSS_ALONE, /* lost among others, or long ago: fetch it by itself */
	LOSS_WAIT,  /* lost by itself: later */
};

/* All of a mailbox, by the words of losses_of(); NULL on failure. */
GHashTable *losses_load(struct db *db, int64_t mailbox, GError **error);

enum loss losses_of(GHashTable *losses, const char *folder,
	uint32_t uidvalidity, uint32_t uid);

/*
 * The connection was lost over one of these (struct imap_message): which, the
 * next tries show.  A failure goes to the log.
 */
void losses_note(struct db *db, int64_t mailbox, const char *folder,
	uint32_t uidvalidity, const GPtrArray *messages, guint from,
	guint count);

/* It was given out after all. */
bool losses_forget(struct db *db, int64_t mailbox, const char *folder,
	uint32_t uidvalidity, uint32_t uid, GError **error);

#endif

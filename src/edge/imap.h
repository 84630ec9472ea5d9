/*
 * One IMAP connection (RFC 3501 with IDLE, UIDPLUS, MOVE) through libetpan.
 *
 * Every wait has a deadline.  After any failure the connection is of no
 * further use.  BODYSTRUCTURE and ENVELOPE are never asked for: libetpan's
 * parser of them can be brought down by a server.
 */
#ifndef EDGE_IMAP_H
#define EDGE_IMAP_H

#include "base/bytes.h"
#include "base/clock.h"
#include "edge/conf.h"

#include <glib.h>
#include <stdbool.h>

struct imap;

struct imap_folder {
	uint32_t uidvalidity;
	uint32_t uidnext;
	uint32_t exists;
};

/* One message as the server announces or gives it. */
struct imap_message {
	bool alone; /* the caller's: not in one command with others */
	uint32_t uid;
	uint32_t size; /* as announced; the bytes decide */
	moment arrived; /* INTERNALDATE */
	struct bytes *bytes; /* owned; NULL if only announced */
};
void imap_message_free(struct imap_message *message);

/* Opens the socket and says nothing yet. */
struct imap *imap_dial(const struct server *server, int64_t wait,
	GError **error);

/* TLS, greeting, login.  secret is a password, or a token if is_token. */
bool imap_login(struct imap *imap, const struct server *server,
	const char *secret, bool is_token, GError **error);

/* The same with nothing but UIDs, for which no server opens a message. */
GPtrArray *imap_list_uids(struct imap *imap, uint32_t first, guint max,
	GError **error);

/* Size and arrival of one of those; one that is gone keeps none. */
bool imap_look(struct imap *imap, struct imap_message *message, GError **error);

/* True if the last command met a no, and the connection goes on. */
bool imap_was_refused(const struct imap *imap);

void imap_close(struct imap *imap);
typedef struct imap imap_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(imap_auto, imap_close)

bool imap_has_idle(const struct imap *imap);

/* False: moved messages stay behind with \Deleted, to be passed over. */
bool imap_has_uidplus(const struct imap *imap);

/* Space-separated names of what we use and the server lacks; caller frees. */
char *imap_lacks(const struct imap *imap);

/* Makes the folder unless it is there. */
bool imap_ensure_folder(struct imap *imap, const char *name, GError **error);

/*
 * UIDVALIDITY, UIDNEXT and number of messages of the selected folder.
 * Selecting anew is the way to see what is new.
 */
bool imap_select(struct imap *imap, const char *folder,
	struct imap_folder *state, GError **error);

/*
 * UID, size and arrival of at most max messages from sequence number first
 * on, in order of UID.  The array frees its messages.
 */
GPtrArray *imap_list(struct imap *imap, uint32_t first, guint max,
	GError **error);

/*
 * Fills in the exact bytes of these messages (BODY.PEEK[]), in one command;
 * a message that has gone meanwhile keeps bytes NULL.  Only for messages
 * that are small together.
 */
bool imap_fetch(struct imap *imap, GPtrArray *messages, guint from, guint count,
	GError **error);

/* The same for one large message, in constant memory. */
bool imap_fetch_large(struct imap *imap, struct imap_message *message,
	GError **error);

/* The header of a message, at most max bytes of it. */
bool imap_fetch_header(struct imap *imap, struct imap_message *message,
	uint32_t max, GError **error);

/*
 * Moves messages (MOVE, else COPY and UID EXPUNGE; without UIDPLUS they are
 * left with \Deleted, since a plain EXPUNGE takes others along).  That one
 * has gone already is no failure.
 */
bool imap_move(struct imap *imap, const uint32_t *uids, guint count,
	const char *folder, GError **error);

/*
 * Waits until something happens in the folder, a stop is wanted or wait is
 * over (IDLE, re-issued by the caller before 29 minutes).
 */
bool imap_idle(struct imap *imap, int64_t wait, GError **error);

/* Tells an idle server that we are there; news show at the next select. */
bool imap_noop(struct imap *imap, GError **error);

#endif

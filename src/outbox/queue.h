/* Sealed letters into the tables that the sender works from. */
#ifndef OUTBOX_QUEUE_H
#define OUTBOX_QUEUE_H

#include "edge/db.h"
#include "model/letter.h"
#include "outbox/postbox.h"

#include <glib.h>
#include <stdbool.h>

/* One letter ready to go. */
struct dispatch {
	const struct postbox *postbox;
	int64_t case_id;
	const struct letter *letter;
	const struct bytes *wire;
	const GPtrArray *recipients; /* char *, bare addresses */
	const char *envelope_from;   /* "" is the null sender */
	bool sealed;	 /* about a sealed report: whose budget it uses */
	bool is_message; /* to the reporter: shown among the case's messages */
	bool encrypted;
	bool answers;	    /* once accepted, the case is answered */
	int64_t quiet;	    /* microseconds until a person has to write again */
	const char *author; /* staff member who wrote it, or NULL */
};

/* In the caller's transaction.  Acknowledgments keep to their budgets. */
bool queue_letter(struct db *db, const struct dispatch *dispatch,
	GError **error);

/* Whether an acknowledgment to this address would have to wait now. */
bool queue_over_budget(struct db *db, const struct postbox *postbox,
	const char *recipient, bool sealed, bool *over, GError **error);

/*
 * Whether as many cases that get no acknowledgment were opened within an hour
 * as one sender may get: staff hear of more in a digest.
 */
bool queue_many_mute(struct db *db, const struct postbox *postbox, bool *over,
	GError **error);

#endif

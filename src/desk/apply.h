/*
 * Carries out the orders of one mail, in the caller's transaction, on a case
 * that the caller has locked: all of them or none.
 */
#ifndef DESK_APPLY_H
#define DESK_APPLY_H

#include "edge/conf.h"
#include "edge/db.h"
#include "model/casefile.h"
#include "model/order.h"

#include <glib.h>

/* What is to go to the reporter because of the orders. */
enum mail_to_reporter {
	MAIL_NONE,
	MAIL_REPLY,    /* words of staff, with the answer if there is one */
	MAIL_QUESTION, /* words of staff that expect an answer */
	MAIL_STATUS,   /* fixed words: state and dates */
};

struct applied {
	const struct conf *conf;
	struct db *db;
	struct casefile *file; /* locked; changed as ordered; may be NULL */
	const char *mailbox; /* name of the mailbox that the mail came to */
	const struct staff *staff;
	int64_t inbound; /* 0: by command line */
	moment now;
	moment signed_at;
	const uint8_t *draft_key; /* MAC key of draft tokens, 32 bytes */

	GPtrArray *done;     /* struct told */
	struct told *refused; /* or NULL; then nothing may be committed */
	enum mail_to_reporter mail;
	char *text;	  /* of a reply or question that goes out */
	char *draft;	  /* what was kept, and goes nowhere; or NULL */
	char *draft_token; /* under this token */
	char *new_owner;  /* address, if it is somebody else */
	GPtrArray *attach; /* char *, names of attachments of the order mail */
	GString *listing; /* of list, show and help, or NULL */
	bool closed;	  /* by this mail */
	bool moved;	  /* the fix date that the reporter was told */
	bool objection;	  /* the reporter's old address is to be warned */
};

/* False on trouble only; a refusal is true with refused set. */
bool apply_orders(struct applied *applied, const struct order_mail *mail,
	GError **error);

/* Keeps staff's free text as a draft. */
bool apply_draft(struct applied *applied, const struct order_mail *mail,
	GError **error);

/* Frees what is inside. */
void applied_clear(struct applied *applied);

/* True if the case has what an answer has to state. */
bool case_can_be_answered(const struct casefile *file);

#endif

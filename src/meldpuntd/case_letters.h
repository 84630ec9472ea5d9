/* The letters about one message: sealed first, queued with the result. */
#ifndef MELDPUNTD_CASE_LETTERS_H
#define MELDPUNTD_CASE_LETTERS_H

#include "meldpuntd/case_work.h"
#include "model/casefile.h"
#include "outbox/letters.h"

/* Why a staff member's mail was not carried out, to be told with its filing. */
struct refusal {
	const struct staff *staff;
	struct told *told; /* NULL: there is nothing to tell */
	int line;	   /* of the mail, 0: none */
	bool proven;	   /* it was signed by that staff member */
	bool known;	   /* the case is the one that it named */
};

/* One message and what is made of it. */
struct job {
	struct case_work *work;
	struct inbound *in;
	struct postbox postbox;
	struct report *report;
	struct casefile *file;
	struct letter_facts facts;
	char *next; /* the clocks' next step, as text */
	struct refusal refusal;
	const char *quarantine; /* why it will not be opened, or NULL */
};

/* What its letters need to know; false on trouble. */
bool job_prepare_facts(struct job *job, GError **error);

/* Marks the message done with this outcome, or quarantined. */
bool job_finish(struct job *job, const char *outcome, GError **error);

/*
 * The reporter's key; none of a message that was given up or that keeps
 * failing, lest the key is the reason.  key borrows from what is returned.
 * NULL with error set: trouble.
 */
struct reporter_key;
struct certificate *job_reporter_key(struct job *job, struct reporter_key *key,
	GError **error);

/*
 * The acknowledgment for the reporter, *letter its words; a key that cannot
 * be used counts as none.  The caller frees both.
 */
struct bytes *job_seal_acknowledgment(struct job *job, struct letter **letter,
	bool *encrypted, GError **error);

/* Tells the handlers of a case that is stored, its owner first. */
bool job_notify(struct job *job, bool follow_up, GError **error);

bool job_queue_acknowledgment(struct job *job, const struct letter *letter,
	const struct bytes *wire, bool encrypted, GError **error);

#endif

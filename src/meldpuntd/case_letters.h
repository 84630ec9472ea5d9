/* The letters about one message: sealed first, queued with the result. */
#ifndef MELDPUNTD_CASE_LETTERS_H
#define MELDPUNTD_CASE_LETTERS_H

#include "meldpuntd/case_work.h"
#include "model/casefile.h"
#include "outbox/letters.h"

/* One message and what is made of it. */
struct job {
	struct case_work *work;
	struct inbound *in;
	struct postbox postbox;
	struct report *report;
	struct casefile *file;
	struct letter_facts facts;
	const char *quarantine; /* why it will not be opened, or NULL */
};

struct sealed_notice {
	struct letter *letter;
	struct bytes *wire;
	GPtrArray *addresses;
};

/* Addresses and keys (borrowed) of a mailbox's staff in a role. */
void case_letters_staff(const struct conf *conf, const char *mailbox,
	const char *role, GPtrArray *addresses, GPtrArray *keys);

void sealed_notice_free(struct sealed_notice *notice);

/*
 * The acknowledgment for the reporter, *letter its words; a key that cannot
 * be used counts as none.  The caller frees both.
 */
struct bytes *job_seal_acknowledgment(struct job *job, struct letter **letter,
	bool *encrypted, GError **error);

/*
 * One letter to all handlers; if a key among theirs cannot be used, one
 * each, so that a colleague's expired key keeps nothing from the others.
 */
bool job_seal_notices(struct job *job, bool follow_up, GPtrArray *notices,
	GError **error);

bool job_queue_notices(struct job *job, const GPtrArray *notices,
	GError **error);
bool job_queue_acknowledgment(struct job *job, const struct letter *letter,
	const struct bytes *wire, bool encrypted, GError **error);

#endif

/*
 * Letters of a case or a mailbox: sealed by what the recipients' keys allow,
 * and queued, in the caller's transaction.
 */
#ifndef MELDPUNTD_POST_H
#define MELDPUNTD_POST_H

#include "meldpuntd/case_work.h"
#include "model/casefile.h"
#include "model/order.h"
#include "outbox/letters.h"

#include <glib.h>

/* A letter to the reporter, before it is known whether it can be sealed. */
struct to_reporter {
	const char *kind;     /* of fixed words */
	const char *template; /* of fixed words */
	const char *what;     /* of fixed words: a phrase "what-..." */
	const char *text;     /* words of staff, or NULL for fixed words */
	bool question;
	bool answers;	      /* it is the answer */
	bool states;	      /* assessment and date stand below the text */
	int64_t quiet;	      /* as in struct dispatch */
	const char *author;
	GPtrArray *attached;  /* struct attachment, borrowed; or NULL */
};

/* What a letter to or about this case needs; false on trouble. */
bool post_facts(struct case_work *work, const struct postbox *postbox,
	const struct casefile *file, struct letter_facts *facts,
	GError **error);

/*
 * Seals and queues; without a key that may read content only fixed words go,
 * unless the reporter asked for clear text.  *how: the phrase "sent-..."
 * that tells what became of it.
 */
bool post_to_reporter(struct case_work *work, const struct letter_facts *facts,
	const struct to_reporter *mail, const char **how, GError **error);

/* Whether content may go to the reporter at all: "sent-...". */
const char *post_way(const struct letter_facts *facts);

/*
 * Seals a letter to these staff members (struct staff, borrowed) and queues
 * it.  Whose key cannot be used gets the keyless letter, content-free and in
 * clear, or none where there is none (NULL); false on trouble.
 */
bool post_to_staff(struct case_work *work, const struct postbox *postbox,
	int64_t case_id, struct letter *letter, struct letter *keyless,
	const GPtrArray *staff, GError **error);

/* The same, content-free, signed and in clear. */
bool post_in_clear(struct case_work *work, const struct postbox *postbox,
	int64_t case_id, struct letter *letter, const GPtrArray *staff,
	GError **error);

#endif

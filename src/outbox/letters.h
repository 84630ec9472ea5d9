/* Letters out of templates: what we say, to whom, in which language. */
#ifndef OUTBOX_LETTERS_H
#define OUTBOX_LETTERS_H

#include "model/casefile.h"
#include "model/letter.h"
#include "model/report.h"
#include "outbox/postbox.h"

#include <glib.h>

/* What goes into the letters about one message. */
struct letter_facts {
	const struct postbox *postbox;
	const struct casefile *file;
	const struct report *report;
	const char *own_fingerprint;
	const GByteArray *own_key; /* the mailbox's certificate, binary */
	moment now;
	bool header_only; /* the message was over limits.message */
	bool stranger;	  /* it came from another address than the report */
};

/*
 * The acknowledgment: content for nobody, promise for the reporter.  keyed:
 * it goes under seal to the reporter's own key.
 */
struct letter *letter_acknowledgment(const struct letter_facts *facts,
	bool keyed);

/*
 * The notice to handlers of a new report or (follow_up) of more to one,
 * without attachments if they would be too large.
 */
struct letter *letter_notice(const struct letter_facts *facts, bool follow_up,
	bool with_attachments);

/* Fixed words to a handler whose key cannot be used: number and dates. */
struct letter *letter_notice_keyless(const struct letter_facts *facts);

/* One letter to staff about the cases of a flood; list has a line for each. */
struct letter *letter_digest(const struct postbox *postbox, const char *list,
	int count, moment now);

/*
 * A template of a language, the mailbox's own if it has one; caller frees.
 * A name that is not built in is a programming error and aborts.
 */
char *letter_template(const struct mailbox *mailbox, const char *language,
	const char *name);

#endif

/* Letters out of templates: what we say, to whom, in which language. */
#ifndef OUTBOX_LETTERS_H
#define OUTBOX_LETTERS_H

#include "model/casefile.h"
#include "model/letter.h"
#include "model/order.h"
#include "model/report.h"
#include "model/trouble.h"
#include "outbox/postbox.h"

#include <glib.h>

/* What goes into the letters about one message. */
struct letter_facts {
	const struct postbox *postbox;
	const struct casefile *file;
	const struct report *report; /* the message at hand, or NULL */
	const char *own_fingerprint;
	const GByteArray *own_key; /* the mailbox's certificate, binary */
	moment now;
	const char *next; /* the clocks' next step, as text; or NULL */
	GPtrArray *hints; /* struct told, "remark-...", or NULL */
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

/* What fails, in one line: a phrase "alarm-..."; caller frees. */
char *letter_trouble(const struct mailbox *mailbox, const char *language,
	const struct trouble *trouble);

/* To operators, in clear: what has been failing, or works again. */
struct letter *letter_alarm(const struct postbox *postbox,
	const struct trouble *trouble, moment now);

/* A mail to ourselves. */
struct letter *letter_canary(const struct postbox *postbox, moment now);

/* The morning digest: list has a line for each of count things. */
struct letter *letter_morning(const struct postbox *postbox, const char *list,
	int count, moment now);

/* Words of staff for the reporter, under seal (or in clear as they asked). */
struct letter *letter_reply(const struct letter_facts *facts, const char *text,
	bool question, bool with_answer, bool keyed);

/*
 * Fixed words: what happened (a phrase "what-..."), state and dates.  May go
 * in clear; template is "status" or "reporter-help".  verdict: severity and
 * fix date are told, as they are once the case is answered.
 */
struct letter *letter_fixed(const struct letter_facts *facts,
	const char *template, const char *kind, const char *what, bool verdict,
	bool keyed);

/* One of the short texts of phrases.txt; caller frees. */
char *letter_phrase(const struct postbox *postbox, const char *language,
	const char *key);

/* What a staff member gets to read about an order mail. */
struct letter_desk {
	const char *date;     /* of the order mail, as it said */
	const char *in_reply_to;
	const GPtrArray *done; /* struct told, or NULL */
	const struct told *refused; /* or NULL */
	int line;	      /* of the refused order, 0: none */
	bool unproven;	      /* the mail may be of anybody */
	const char *sent;     /* a phrase "sent-...", and its value */
	const char *sent_value;
	const char *owed;     /* a phrase "owed-...", and its value */
	const char *owed_value;
	const char *listing;  /* or NULL */
	const char *token;    /* of a draft, or NULL */
	const char *draft;    /* what would be sent, or was; or NULL */
};

struct letter *letter_confirmation(const struct letter_facts *facts,
	const struct letter_desk *desk);
struct letter *letter_refusal(const struct postbox *postbox,
	const struct casefile *file, const struct letter_desk *desk, moment now);
struct letter *letter_preview(const struct letter_facts *facts,
	const struct letter_desk *desk);
struct letter *letter_listing(const struct postbox *postbox,
	const struct letter_desk *desk, moment now);

/* How much an escalation tells. */
enum escalation_form {
	ESCALATION_STAFF,
	ESCALATION_MANAGEMENT, /* no title, no reporter */
	ESCALATION_KEYLESS,    /* number and dates: goes in clear */
};

/* What is owed in a case (phrases "due-..."); next: the next step, as text. */
struct letter *letter_escalation(const struct letter_facts *facts,
	const GPtrArray *owed, const char *next, enum escalation_form form);

/*
 * A template of a language, the mailbox's own if it has a good one; caller
 * frees.  A name that is not built in is a programming error and aborts.
 */
char *letter_template(const struct mailbox *mailbox, const char *language,
	const char *name);

/*
 * Reads the mailboxes' own templates: before, letter_template() knows the
 * built-in ones only.  Which cannot be used, and why, as strings.
 */
GPtrArray *letter_templates_load(const struct conf *conf);

#endif

/* Between the files of letters: what every letter of ours has. */
#ifndef OUTBOX_LETTERS_PRIVATE_H
#define OUTBOX_LETTERS_PRIVATE_H

#include "outbox/letters.h"

/* A new letter; label is what its subject names in clear. */
struct letter *letters_new(const struct postbox *postbox, const char *kind,
	const char *label, moment now);

/* The same in a case, with its reply address. */
struct letter *letters_new_case(const struct letter_facts *facts,
	const char *kind);

/*
 * The languages for a reporter: theirs if we speak it, else all of ours.  A
 * mail in clear must not tell what a sealed report is written in.
 */
char **letters_languages(const struct letter_facts *facts, bool keyed);

/* A filled template is subject, empty line, text: adds both. */
void letters_take_subject(GString *subjects, GString *texts,
	const char *filled);

/* A template without its last line end; caller frees. */
char *letters_chomped(const struct letter_facts *facts, const char *language,
	const char *name);

/* A fingerprint in groups of four; caller frees. */
char *letters_grouped(const char *fingerprint);

/* As a Message-ID that may stand in our header, or NULL; caller frees. */
char *letters_safe_id(const char *id);

/* Our public key, armored as a part of its own. */
void letters_enclose_own_key(struct letter *letter,
	const struct letter_facts *facts);

/*
 * One of the short texts in phrases.txt, with value and more put in; line is
 * the line of an order, 0 for none.  Caller frees.
 */
char *letters_phrase(const struct mailbox *mailbox, const char *language,
	const char *key, const char *value, const char *more, int line);

/*
 * State and dates of a case, one a line, and the verdict: severity and fix
 * date, which a reporter hears first from the answer.  Caller frees.
 */
char *letters_facts_block(const struct letter_facts *facts,
	const char *language, bool with_state, bool with_verdict);

#endif

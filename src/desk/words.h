/*
 * A reporter's word at the top of an answer (DESIGN section 9): pure.  The
 * words never cause report text to be sent anywhere.
 */
#ifndef DESK_WORDS_H
#define DESK_WORDS_H

#include <glib.h>
#include <stdbool.h>

enum word {
	WORD_NONE,
	WORD_STATUS,
	WORD_HELP,
	WORD_LANGUAGE, /* value: nl or en */
	WORD_CREDIT,   /* value: a name, or "" for nobody */
	WORD_PLAIN,
	WORD_KEY,
	WORD_WITHDRAW,
};

struct words {
	enum word word;
	char *value; /* owned, or NULL */
	bool more;   /* there is more to read than the word */
};

void words_parse(const char *text, struct words *words);

/* True if only a signature by the pinned key gives the right to it. */
bool words_need_signature(enum word word);

#endif

/*
 * A mail that we are about to send: what the templates filled, before it is
 * composed and sealed.
 */
#ifndef MODEL_LETTER_H
#define MODEL_LETTER_H

#include "base/bytes.h"
#include "base/clock.h"

#include <glib.h>
#include <stdbool.h>

struct enclosure {
	char *name;
	char *type;
	struct bytes *bytes; /* owned */
	bool is_key;	     /* application/pgp-keys, as text */
};

struct letter {
	char *kind; /* acknowledgment, notice, ... as in table letters */
	char *from_name;
	char *from_address;
	GPtrArray *to; /* char *, bare addresses */
	char *subject;		 /* inside the seal, or in clear */
	char *outer_subject;	 /* outside the seal; NULL: same as subject */
	char *message_id;	 /* without angle brackets */
	char *in_reply_to;	 /* or NULL */
	GPtrArray *references;	 /* char * */
	char *reply_to;		 /* or NULL */
	char *autocrypt_keydata; /* base64, or NULL */
	moment date;
	bool automatic;	  /* Auto-Submitted (RFC 3834, 5) */
	bool to_reporter; /* X-Auto-Response-Suppress */
	char *text;
	GPtrArray *enclosures; /* struct enclosure */
};

struct letter *letter_new(const char *kind);
void letter_free(struct letter *letter);
typedef struct letter letter_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(letter_auto, letter_free)

/* The same words to somebody else: no recipients, another Message-ID. */
void letter_renew(struct letter *letter, unsigned int n);

/* Takes bytes over. */
void letter_enclose(struct letter *letter, const char *name, const char *type,
	struct bytes *bytes, bool is_key);

#endif

/*
 * A message, unwrapped: what staff read, how it was protected, and what the
 * envelope around it said.
 */
#ifndef MODEL_REPORT_H
#define MODEL_REPORT_H

#include "base/bytes.h"
#include "model/reading.h"

/* About the text that staff read, and about nothing else in the message. */
enum protection {
	PROTECTION_CLEAR,
	PROTECTION_SIGNED,
	PROTECTION_ENCRYPTED,
	PROTECTION_ENCRYPTED_SIGNED,
	PROTECTION_UNDECRYPTABLE,
};

enum signature {
	SIGNATURE_NONE,
	SIGNATURE_GOOD,
	SIGNATURE_BAD,
	SIGNATURE_UNKNOWN_KEY,
	SIGNATURE_EXPIRED,
};

/* A part that is not the text, ready to be stored. */
struct attachment {
	char *name; /* cleaned: one line, no path, never empty */
	char *type;
	uint64_t size;
	uint8_t sha256[32];
	struct bytes *source; /* owned by the report */
	struct extent bytes;  /* in source */
	bool protected;	      /* from inside the seal or the signature */
	bool sealed;	      /* an OpenPGP message that has not been opened */
};

/* A key that came with the message. */
struct candidate {
	struct bytes *source; /* owned by the report */
	struct extent bytes;
	int seal; /* how many decryptions it came out of; 0: none */
	char *signer; /* whose good signature it stood under, or NULL */
};

struct report {
	struct reading *outer; /* the message's own header */
	struct reading *inner; /* innermost layer; may be outer */
	GPtrArray *layers;     /* all readings, owned */
	GPtrArray *sources;    /* all struct bytes, owned */

	enum protection protection;
	enum signature signature;
	int seals;	    /* how many decryptions the text came out of */
	int signature_seal; /* the same, of what was signed */
	char *fingerprint; /* primary, of a good signature; else NULL */
	moment signed_at;
	char *failure;		  /* fixed words: why undecryptable or refused */

	int unopened;	     /* sealed attachments that cannot be opened */
	bool foreign_seal; /* one was sealed apart, not signed by the signer */

	const char *title;	 /* of inner if its header is protected */
	const char *description; /* of inner */
	GPtrArray *attachments;	 /* struct attachment */
	GPtrArray *candidates;	 /* struct candidate, best first */
};

struct report *report_new(void);
void report_free(struct report *report);
typedef struct report report_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(report_auto, report_free)

bool report_is_sealed(const struct report *report);

/*
 * The subject that stands under the protection that the text has: over a
 * signed text only the header that was signed with it (RFC 9788, 2.2), and
 * nothing of what lies deeper than the text.
 */
const char *report_title(const struct report *report, bool signed_text);

/* The words of DESIGN section 11, as the database has them. */
const char *protection_word(enum protection protection);
const char *signature_word(enum signature signature);

#endif

/*
 * What a reader answers about one layer of a message.
 *
 * The reader is untrusted: it parsed bytes of strangers.  Its answer crosses
 * the process boundary as a normal-form GVariant; reading_decode() checks
 * every value, and every extent against the memfd that it points into.
 */
#ifndef MODEL_READING_H
#define MODEL_READING_H

#include "base/clock.h"

#include <glib.h>
#include <stdbool.h>

/* Why a layer may not be parsed; people read these words. */
#define REFUSAL_EMPTY "it is empty"
#define REFUSAL_NO_MESSAGE "it is no mail message"
#define REFUSAL_TOO_MUCH "its parts unpack to more than is accepted"
#define REFUSAL_TWO_TYPES "two Content-Type fields in one header"
#define REFUSAL_BOUNDARY "an illegal MIME boundary"
#define REFUSAL_GROUPS "too many groups in an address field"
#define REFUSAL_DEPTH "MIME parts nested too deep"
#define REFUSAL_MESSAGES "too many messages in the message"
#define REFUSAL_HEADER "a header section is too large"
#define REFUSAL_FIELDS "too many header fields"
#define REFUSAL_FIELD "a header field is too long"
#define REFUSAL_PARTS "too many MIME parts"

/* How the bytes given to the reader are to be understood. */
enum layer {
	LAYER_MESSAGE, /* an RFC 5322 message as the mail server has it */
	LAYER_HEADER,  /* the same, but only its header may be looked at */
	LAYER_INSIDE,  /* what a decryption gave */
	LAYER_SIGNED,  /* what a verification gave, and no decryption before */
	LAYER_TEXT,    /* text as it stands: nothing is looked for in it */
};

enum shape {
	SHAPE_CLEAR,	   /* nothing cryptographic: text and pieces count */
	SHAPE_SEALED,	   /* `sealed` is to be decrypted */
	SHAPE_SIGNED,	   /* `sealed` was signed by the detached `signature` */
	SHAPE_CLEARSIGNED, /* `sealed` is a cleartext-signed text (RFC 4880, 7) */
	SHAPE_REFUSED,	   /* a limit was passed: see refusal */
};

/* Signs that no human asked for an answer (RFC 3834, RFC 3464). */
enum guard {
	GUARD_NULL_SENDER = 1 << 0, /* Return-Path: <> or a daemon's From */
	GUARD_AUTO_SUBMITTED = 1 << 1,
	GUARD_DELIVERY_REPORT = 1 << 2, /* multipart/report */
	GUARD_LIST = 1 << 3,
	GUARD_BULK = 1 << 4, /* Precedence bulk, junk, list */
	GUARD_AUTO_REPLY = 1 << 5,
	GUARD_LOOP = 1 << 6, /* our own X-Loop, or absurdly many Received */
	GUARD_NO_SENDER = 1 << 7, /* no single address to answer to */
	GUARD_FAILED = 1 << 8,	  /* a delivery report of a failure for good */
};

/* What the packets at the start of a sealed part are (RFC 9580, 4). */
enum packet_kind {
	PACKET_NONE,	    /* not OpenPGP, or truncated before it could tell */
	PACKET_PUBLIC_KEY,  /* encrypted to keys, readable by GnuPG 2.2 */
	PACKET_PASSPHRASE,  /* encrypted to a passphrase only */
	PACKET_TOO_NEW,	    /* SEIPDv2, or key packets of version 6 */
	PACKET_UNPROTECTED, /* packet 9: no integrity protection */
	PACKET_SIGNED,	    /* signed, not encrypted */
	PACKET_KEY,	    /* a key block */
};

struct extent {
	uint64_t offset;
	uint64_t length;
};

enum piece_kind {
	PIECE_PLAIN,
	PIECE_KEY,     /* an OpenPGP public key block */
	PIECE_SEALED,  /* an OpenPGP message, armored or not */
	PIECE_MAIN,    /* the same, which is also `sealed` of the reading */
	PIECE_OUTSIDE, /* clear text beside what is sealed */
};

/* A part that is not the text: an attachment. */
struct piece {
	char *name;
	char *type;
	struct extent bytes; /* decoded, in the reader's output */
	enum piece_kind kind;
};

#define ASSET_MAX 2000 /* bytes of a value; a longer URL is cut */

struct asset {
	char *kind; /* ip, network, host, url */
	char *value;
};

struct reading {
	enum shape shape;
	char *refusal; /* one of REFUSAL_* */

	/* header of this layer; the strings are one line each */
	char *from_name;
	char *from_address;
	char *subject;
	char *message_id;  /* without angle brackets */
	char **references; /* In-Reply-To first, then References, newest first */
	char **recipients; /* To, Cc, Delivered-To and the like */
	char **reported;   /* ids of letters that a delivery report is about */
	char **failed;	   /* addresses that it says delivery failed for */
	moment date;
	moment received; /* topmost Received, 0 if unknown */
	unsigned int guard;
	bool protected_header; /* this layer's root claims the header for itself */

	char *text;
	char *language; /* nl, en or empty */
	char *cvss;
	GPtrArray *pieces; /* struct piece */
	GPtrArray *assets; /* struct asset */

	struct extent sealed;
	struct extent signature; /* clearsigned: the same text, unstuffed, or none */
	enum packet_kind packets;
	bool inline_armor; /* sealed stood in a text part */
	bool beside; /* `text` may itself be the report, sealed a part of it */
	bool stands_alone; /* and be one though sealed cannot be opened */
	struct extent autocrypt; /* keydata of the Autocrypt header, decoded */
};

struct reading *reading_new(void);
void reading_free(struct reading *reading);
typedef struct reading reading_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(reading_auto, reading_free)

void piece_free(struct piece *piece);
struct piece *piece_new(const char *name, const char *type,
	struct extent bytes, enum piece_kind kind);
struct asset *asset_new(const char *kind, const char *value);

/* Takes nothing over; the caller unrefs. */
GVariant *reading_encode(const struct reading *reading);

/*
 * NULL if the answer is not in normal form, has a value of the wrong type
 * or an extent outside of size bytes.
 */
struct reading *reading_decode(GVariant *answer, uint64_t size);

#endif

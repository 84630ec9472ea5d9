/*
 * Text from strangers made harmless, and the few encodings that we write.
 * All results are valid UTF-8 and belong to the caller.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One line for a person, a terminal or a header: controls, line ends, bidi
 * and other invisible format characters become spaces, runs of spaces one;
 * at most max bytes, cut between characters.  NULL gives "".
 */
char *text_line(const char *raw, size_t max);

/*
 * A block of text: line ends become \n, other controls but tab and all bidi
 * controls become U+FFFD.  length may hold NULs; at most max bytes.
 */
char *text_block(const char *raw, size_t length, size_t max);

/* RFC 4648 base32, lower case, no padding. */
char *text_base32(const uint8_t *bytes, size_t length);

/* A string of RFC 8259, in its quotes. */
char *text_json(const char *raw);

/* Lower-case hexadecimal. */
char *text_hex(const uint8_t *bytes, size_t length);

/* Each line behind prefix; a line that starts an armor is dash-escaped. */
char *text_indent(const char *block, const char *prefix);

/* The first bytes of HMAC-SHA256(key, data) in base32 (16 characters). */
char *text_mac(const uint8_t *key, size_t key_length, const char *data);

/*
 * Puts values into ${name} in a single pass; what a value holds is never
 * looked at again.  An unknown name is a programming error and aborts.
 * pairs: name, value, ..., NULL.  A line that a ${name} with an empty
 * value leaves blank disappears.
 */
char *text_fill(const char *pattern, const char *const *pairs);

/* addr-spec of RFC 5321 without quoting, comments, controls or non-ASCII. */
bool text_is_address(const char *text);

/* Forty or sixty-four hexadecimal digits. */
bool text_is_fingerprint(const char *text);

/*
 * A stranger's file name as one that no program trips over, without folders;
 * attachment-N if nothing is left.  Caller frees.
 */
char *text_file_name(const char *raw, guint n);

#endif

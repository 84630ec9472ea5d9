/*
 * The exact bytes that a multipart/signed message protects (RFC 1847, 2.1):
 * between the first two delimiters, without the line end before the second.
 */
#ifndef INTAKE_SIGNED_PART_H
#define INTAKE_SIGNED_PART_H

#include <stdbool.h>
#include <stddef.h>

/* Finds them in the body of a whole entity; false if there are none. */
bool signed_part_find(const char *data, size_t length, const char *boundary,
	const char **start, size_t *size);

/* A copy with every lone LF made CRLF, as it was when it was signed. */
char *signed_part_canonical(const char *data, size_t length, size_t *size);

#endif

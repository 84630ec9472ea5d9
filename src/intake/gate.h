/*
 * Limits that are checked in one linear pass before a parser sees the bytes:
 * header size and fields, nesting, parts, boundaries, address groups.
 */
#ifndef INTAKE_GATE_H
#define INTAKE_GATE_H

#include <stddef.h>

/* NULL if the bytes may be parsed, else fixed words: which limit is passed. */
const char *gate_check(const char *data, size_t length);

/* Where the body begins: behind the first empty line, or length. */
size_t gate_header_end(const char *data, size_t length);

#endif

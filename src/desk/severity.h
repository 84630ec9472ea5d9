/*
 * Severity as a word or as a CVSS vector (CVSS v3.1 and v4.0 specification
 * documents of FIRST): pure functions.
 */
#ifndef DESK_SEVERITY_H
#define DESK_SEVERITY_H

#include <glib.h>
#include <stdbool.h>

/*
 * none, low, medium, high, critical (also in Dutch), or a valid vector as it
 * is written in the specification; NULL if it is neither.  Caller frees.
 */
char *severity_read(const char *value);

/* True if this is a vector, not a word. */
bool severity_is_vector(const char *value);

/*
 * The qualitative rating of a valid v3 vector's base score; NULL for v4.0,
 * whose rating a person has to state.
 */
const char *severity_of_vector(const char *vector);

#endif

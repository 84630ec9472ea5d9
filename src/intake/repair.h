/* Headers that their writers got wrong in known ways. */
#ifndef INTAKE_REPAIR_H
#define INTAKE_REPAIR_H

#include <stddef.h>

/*
 * A message or entity of this multipart type whose boundary parameter cannot
 * be read (no ";" in front of it, none at all, another than in the body): a
 * copy with the boundary that its body has, or NULL.  Caller frees.
 */
char *repair_boundary(const char *data, size_t length, const char *type,
	size_t *size);

#endif

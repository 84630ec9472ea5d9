/*
 * Who must not be answered automatically (RFC 3834, 2; RFC 3464), as a set
 * of enum guard bits.
 */
#ifndef INTAKE_GUARD_H
#define INTAKE_GUARD_H

#include "edge/mime.h"

#include <glib.h>
#include <stdbool.h>

/* The signs in the header of a message. */
unsigned int guard_signs(const struct mime *message);

#endif

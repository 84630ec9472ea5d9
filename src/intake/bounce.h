/*
 * Delivery reports (RFC 3464), read receipts (RFC 8098) and the untidy
 * bounces of older or large systems: which letters of ours they are about,
 * and for whom delivery failed.
 */
#ifndef INTAKE_BOUNCE_H
#define INTAKE_BOUNCE_H

#include "edge/mime.h"
#include "model/reading.h"

/*
 * Sets reported and failed of a reading whose guard, subject and references
 * are known, and adds GUARD_DELIVERY_REPORT and GUARD_FAILED to its guard.
 */
void bounce_read(const struct mime *root, struct reading *reading);

#endif

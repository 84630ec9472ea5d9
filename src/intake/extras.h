/* Encrypted attachments beside the text: opened, each by itself. */
#ifndef INTAKE_EXTRAS_H
#define INTAKE_EXTRAS_H

#include "edge/pgp.h"
#include "model/report.h"

/*
 * Puts what sealed attachments hold in their place, and notes which could not
 * be opened, and whether one came in a seal that does not name the signer of
 * the text: anyone may have copied that.  False: it should be tried again.
 */
bool extras_open(struct report *report, struct pgp *pgp, GError **error);

#endif

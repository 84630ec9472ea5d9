/*
 * Which case a message belongs to, and whether it may be answered by
 * itself: pure decisions over what was found.
 */
#ifndef INTAKE_ROUTE_H
#define INTAKE_ROUTE_H

#include "edge/conf.h"
#include "model/facts.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum destination {
	ROUTE_OPEN,	       /* a new case */
	ROUTE_FOLLOW,	       /* more to a case */
	ROUTE_NOTE,	       /* of staff or a machine, filed in a case */
	ROUTE_DELIVERY_REPORT, /* about a letter of ours */
	ROUTE_AGAIN,	       /* the same message as before */
};


struct route {
	enum destination destination;
	int64_t case_id;
	bool may_answer; /* an automatic answer is allowed (RFC 3834) */
};

/*
 * from_staff: From is a staff member or a mailbox of ours; staff_signed: and
 * that member's own key has signed it.
 */
struct route route_decide(unsigned int guard, bool from_staff,
	bool staff_signed, const struct facts *facts);

/* True if the address is one of our mailboxes, with or without detail. */
bool route_is_ours(const struct conf *conf, const char *address);

#endif

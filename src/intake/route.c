#include "intake/route.h"

#include "model/reading.h"

#include <string.h>

/* Signs that a machine answered, not a person. */
#define MACHINE \
	(GUARD_NULL_SENDER | GUARD_AUTO_SUBMITTED | GUARD_DELIVERY_REPORT | \
		GUARD_AUTO_REPLY | GUARD_LOOP)

struct route
route_decide(unsigned int guard, bool from_staff, bool staff_signed,
	const struct facts *facts)
{
	struct route route = {.may_answer = guard == 0 && !from_staff};

	if (facts->same_message != 0) {
		route.destination = ROUTE_AGAIN;
		route.case_id = facts->same_case;
		route.may_answer = false;
	} else if (facts->reported_letter != 0) {
		route.destination = ROUTE_DELIVERY_REPORT;
		route.case_id = facts->reported_case;
		route.may_answer = false;
	} else if (facts->thread_case != 0) {
		/* a colleague is who has signed: a From alone may be forged;
		 * what a list or a remailer hands on, a person wrote */
		route.destination = (guard & MACHINE) || staff_signed
			? ROUTE_NOTE
			: ROUTE_FOLLOW;
		route.case_id = facts->thread_case;
		route.may_answer = false;
	} else
		route.destination = ROUTE_OPEN;
	return route;
}

bool
route_is_ours(const struct conf *conf, const char *address)
{
	const char *at = address ? strrchr(address, '@') : NULL;

	if (at == NULL)
		return false;
	for (guint i = 0; i < conf->mailboxes->len; i++) {
		const struct mailbox *box = conf->mailboxes->pdata[i];
		size_t local = strrchr(box->address, '@') - box->address;

		if (g_ascii_strcasecmp(at, box->address + local) == 0 &&
			(size_t)(at - address) >= local &&
			g_ascii_strncasecmp(address, box->address, local) ==
				0 &&
			(address[local] == '@' || address[local] == '+'))
			return true;
	}
	return false;
}

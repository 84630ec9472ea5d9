/* Whether a staff mail has authority, and over which case. */
#include "meldpuntd/order_private.h"

#include "desk/open.h"
#include "desk/replay.h"

#include <string.h>

#define MAX_AGE (7 * CLOCK_DAY)
#define MAX_AHEAD (5 * CLOCK_MINUTE)

void
order_refuse(struct order_job *o, const char *phrase, const char *value,
	const char *more)
{
	if (o->refused != NULL)
		return;
	o->refused = g_new0(struct told, 1);
	o->refused->phrase = phrase;
	o->refused->value = g_strdup(value ? value : "");
	o->refused->more = g_strdup(more ? more : "");
}

/* Why the signature gives no authority, or NULL if it does. */
const char *
order_lacks_authority(const struct report *report, const struct staff *staff)
{
	if (report->failure != NULL)
		return "fault-unreadable";
	switch (report->signature) {
	case SIGNATURE_NONE:
		return "fault-unsigned";
	case SIGNATURE_BAD:
		return "fault-bad-signature";
	case SIGNATURE_EXPIRED:
		return "fault-expired-key";
	case SIGNATURE_UNKNOWN_KEY:
		return "fault-other-key";
	case SIGNATURE_GOOD:
		break;
	}
	return report->fingerprint != NULL &&
			g_ascii_strcasecmp(staff->key, report->fingerprint) == 0
		? NULL
		: "fault-other-key";
}

void
order_check_time(struct order_job *o)
{
	moment arrived = o->job->in->arrived_at;
	moment signed_at = o->job->report->signed_at;

	if (signed_at < arrived - MAX_AGE)
		order_refuse(o, "fault-old", "", "");
	else if (signed_at > arrived + MAX_AHEAD)
		order_refuse(o, "fault-future", "", "");
}

/* Another name for the case: the same is fine, a second one is not. */
static void
name_case(struct order_job *o, const char *number)
{
	if (number == NULL)
		return;
	if (o->number == NULL)
		o->number = g_strdup(number);
	else if (strcmp(o->number, number) != 0)
		order_refuse(o, "fault-two-cases", o->number, number);
}

/* "meldpunt-case: NUMBER MAC" in a quotation, with our own MAC. */
static void
find_notice_lines(struct order_job *o, const char *text)
{
	g_autoptr(GRegex) form = g_regex_new(
		"meldpunt-case:\\s+([A-Z0-9]+-[0-9]{4}-[0-9]+)[\\s>]+([a-z2-7]{16})",
		0, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;

	for (g_regex_match(form, text, 0, &match);
		g_match_info_matches(match);
		g_match_info_next(match, NULL)) {
		g_autofree char *number = g_match_info_fetch(match, 1);
		g_autofree char *mac = g_match_info_fetch(match, 2);

		if (postbox_is_case_mac(&o->job->postbox, number, mac))
			name_case(o, number);
	}
}

/* [NUMBER] in the protected subject, and our letter in protected threads. */
static bool
find_in_header(struct order_job *o, GError **error)
{
	const struct reading *inner = o->job->report->inner;
	g_autofree char *form = g_strdup_printf("\\[(%s-[0-9]{4}-[0-9]+)\\]",
		o->job->postbox.mailbox->prefix);
	g_autoptr(GRegex) regex = NULL;
	g_autoptr(GMatchInfo) match = NULL;

	if (inner == o->job->report->outer || !inner->protected_header)
		return true;
	regex = g_regex_new(form, 0, 0, NULL);
	if (inner->subject != NULL &&
		g_regex_match(regex, inner->subject, 0, &match)) {
		g_autofree char *number = g_match_info_fetch(match, 1);

		name_case(o, number);
	}
	if (inner->references != NULL) {
		g_autofree char *number = replay_case_of(o->job->work->db,
			o->job->in->mailbox_id, inner->references, error);

		if (*error != NULL)
			return false;
		name_case(o, number);
	}
	return true;
}

bool
order_bind_case(struct order_job *o, GError **error)
{
	const struct order *named = order_find(o->mail, ORDER_CASE);

	if (named != NULL)
		name_case(o, named->value);
	if (!find_in_header(o, error))
		return false;
	find_notice_lines(o, o->job->report->description);
	return true;
}

bool
order_load_case(struct order_job *o, GError **error)
{
	int64_t id;

	if (o->number == NULL)
		return true;
	if (!replay_find_case(o->job->work->db, o->job->in->mailbox_id,
		    o->number, &id, error))
		return false;
	if (id == 0) {
		order_refuse(o, "fault-no-such-case", o->number, "");
		return true;
	}
	o->job->file = open_load(o->job->work->db, id, error);
	return o->job->file != NULL;
}

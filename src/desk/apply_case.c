/* Orders about the end of a case, about lists, and about who reports. */
#include "desk/apply_private.h"

#include "base/text.h"
#include "desk/deadlines.h"
#include "desk/events.h"
#include "desk/orders.h"

#include <string.h>

static const char sql_find[] =
	"SELECT id FROM cases WHERE number = $1 AND mailbox = $2";

static const char sql_duplicate[] =
	"UPDATE cases SET duplicate_of = $2 WHERE id = $1";

static bool
link_duplicate(struct applied *a, const char *number, GError **error)
{
	g_autoptr(rows) found = db_query(a->db, error, sql_find,
		PARAM_TEXT(number), PARAM_INT8(a->file->mailbox_id));

	if (found == NULL)
		return false;
	if (rows_count(found) == 0 || strcmp(number, a->file->number) == 0)
		return apply_refuse(a, "fault-no-such-case", number);
	return db_run(a->db, error, sql_duplicate, PARAM_INT8(a->file->id),
		PARAM_INT8(rows_int8(found, 0, "id")));
}

/* Whether what is known suffices to close like this; else refuses. */
static bool
may_close(struct applied *a, const char *resolution)
{
	const struct casefile *f = a->file;

	if (strcmp(resolution, "wont-fix") == 0 && f->assessment == NULL)
		apply_refuse(a, "fault-close-reason", resolution);
	if (strcmp(resolution, "fixed") == 0 && f->answered_at == 0 &&
		!case_can_be_answered(f))
		apply_refuse(a, "fault-close-fixed", resolution);
	return a->refused == NULL;
}

static const char sql_spam[] =
	"WITH closed AS (UPDATE cases SET state = 'closed',"
	"  resolution = 'spam', closed_at = now(), acted_at = now(),"
	"  answered_at = coalesce(answered_at, now())"
	"  WHERE mailbox = (SELECT id FROM mailboxes WHERE name = $3)"
	"  AND state <> 'closed' AND CASE WHEN $2 = '' THEN number = $1"
	/* by number: ids follow the moment of storing */
	"   WHEN starts_with(number, $6) THEN"
	"   substr(number, length($6) + 1)::bigint BETWEEN"
	"   substr($1, length($6) + 1)::bigint AND"
	"   substr($2, length($6) + 1)::bigint ELSE false END"
	"  RETURNING id),"
	" stopped AS (UPDATE deadlines SET cancelled_at = now()"
	"  WHERE case_id IN (SELECT id FROM closed) AND fired_at IS NULL"
	"  AND cancelled_at IS NULL),"
	" told AS (INSERT INTO events (case_id, inbound, actor, what, detail)"
	"  SELECT id, nullif($5::bigint, 0), $4, 'closed', 'spam' FROM closed)"
	" SELECT count(*) AS n, (SELECT count(*) = 2 FROM cases"
	"  WHERE number IN ($1, $2)) AS both FROM closed";

static bool
is_digits(const char *text)
{
	size_t n = strspn(text, "0123456789");

	return n > 0 && n < 10 && text[n] == '\0';
}

/* N1, or N1..N9 which counts within the prefix and year of N1. */
static bool
close_spam(struct applied *a, const char *word, int64_t *closed,
	GError **error)
{
	g_auto(GStrv) ends = g_strsplit(word, "..", 2);
	const char *dash = strrchr(ends[0], '-');
	g_autofree char *stem = g_strndup(ends[0], dash - ends[0] + 1);
	g_autofree char *last = NULL;
	g_autoptr(rows) found = NULL;

	if (ends[1] != NULL && strchr(ends[1], '-') == NULL)
		last = g_strconcat(stem, ends[1], NULL);
	else
		last = g_strdup(ends[1] ? ends[1] : "");
	if (*last != '\0' &&
		(!g_str_has_prefix(last, stem) ||
			!is_digits(dash + 1) || !is_digits(last + strlen(stem))))
		return apply_refuse(a, "fault-no-such-case", word);
	found = db_query(a->db, error, sql_spam, PARAM_TEXT(ends[0]),
		PARAM_TEXT(last), PARAM_TEXT(a->mailbox),
		PARAM_TEXT(a->staff->address), PARAM_INT8(a->inbound),
		PARAM_TEXT(stem));
	if (found == NULL)
		return false;
	/* of a range both ends have to be cases: a slip closes the wrong ones */
	if (rows_int8(found, 0, "n") == 0 ||
		(*last != '\0' && !rows_bool(found, 0, "both")))
		return apply_refuse(a, "fault-no-such-case", word);
	*closed += rows_int8(found, 0, "n");
	return true;
}

static const char sql_is_spam[] =
	"SELECT state = 'closed' AND resolution = 'spam' AS spam FROM cases"
	" WHERE id = $1";

/* The case at hand may be among them: what is held of it is stale then. */
static bool
look_at_own(struct applied *a, GError **error)
{
	struct casefile *f = a->file;
	g_autoptr(rows) found = NULL;

	if (f == NULL)
		return true;
	found = db_query(a->db, error, sql_is_spam, PARAM_INT8(f->id));
	if (found == NULL)
		return false;
	if (!rows_bool(found, 0, "spam"))
		return true;
	g_free(f->state);
	f->state = g_strdup("closed");
	g_free(f->resolution);
	f->resolution = g_strdup("spam");
	f->answered_at = a->now;
	a->closed = true;
	return true;
}

static bool
close_many(struct applied *a, char *const *numbers, GError **error)
{
	int64_t closed = 0;
	g_autofree char *count = NULL;

	for (; *numbers != NULL && a->refused == NULL; numbers++)
		if (!close_spam(a, *numbers, &closed, error))
			return false;
	if (!look_at_own(a, error))
		return false;
	count = g_strdup_printf("%" PRId64, closed);
	told_add(a->done, "done-spam", count, "");
	return true;
}

bool
apply_close(struct applied *a, const struct order *order, GError **error)
{
	struct casefile *f = a->file;
	const char *resolution = order->value;
	bool spam = strcmp(resolution, "spam") == 0;

	if (spam && *order->numbers != NULL)
		return close_many(a, order->numbers, error);
	if (!may_close(a, resolution))
		return true;
	if (strcmp(resolution, "duplicate") == 0 &&
		(!link_duplicate(a, order->numbers[0], error) || a->refused))
		return a->refused != NULL;
	g_free(f->state);
	f->state = g_strdup("closed");
	g_free(f->resolution);
	f->resolution = g_strdup(resolution);
	a->closed = true;
	if (!spam && a->mail == MAIL_NONE)
		a->mail = MAIL_STATUS;
	told_add(a->done, "done-closed", resolution, "");
	/* the answer clock stops once the letter is accepted, not before */
	return deadline_cancel(a->db, f->id, spam ? "" : "progress", error) &&
		deadline_cancel(a->db, f->id, "fix-date", error) &&
		event_add_by(a->db, f->id, a->inbound, a->staff->address,
			"closed", resolution, error);
}

static const char sql_list[] =
	"SELECT c.number, to_char(c.answer_due_at AT TIME ZONE $4,"
	" 'YYYY-MM-DD HH24:MI') AS due, c.state, c.answered_at IS NOT NULL"
	" AS answered, coalesce(c.severity, '-') AS severity,"
	" coalesce(c.owner, '-') AS owner, c.title"
	" FROM cases c JOIN mailboxes b ON b.id = c.mailbox"
	" WHERE b.name = $1 AND c.state <> 'closed' AND CASE $2"
	" WHEN 'mine' THEN lower(c.owner) = lower($3)"
	" WHEN 'overdue' THEN c.answered_at IS NULL AND c.answer_due_at < now()"
	" WHEN 'late' THEN c.fix_date < current_date"
	" ELSE true END ORDER BY c.id DESC LIMIT 200";

bool
apply_list(struct applied *a, const struct order *order, GError **error)
{
	g_autoptr(rows) found = db_query(a->db, error, sql_list,
		PARAM_TEXT(a->mailbox), PARAM_TEXT(order->value),
		PARAM_TEXT(a->staff->address), PARAM_TEXT(a->conf->time_zone));

	if (found == NULL)
		return false;
	for (int i = 0; i < rows_count(found); i++) {
		g_autofree char *title =
			text_line(rows_text(found, i, "title"), 60);

		g_string_append_printf(a->listing,
			"  %s  %s %s  %s  %s  %s  %s\n",
			rows_text(found, i, "number"),
			rows_text(found, i, "due"),
			rows_bool(found, i, "answered") ? "*" : " ",
			rows_text(found, i, "state"),
			rows_text(found, i, "severity"),
			rows_text(found, i, "owner"), title);
	}
	if (rows_count(found) == 0)
		g_string_append(a->listing, "  -\n");
	return true;
}

static const char sql_show[] =
	"SELECT c.number, c.title, c.state, coalesce(c.resolution, '') AS"
	" resolution, coalesce(c.severity, '-') AS severity,"
	" coalesce(c.owner, '-') AS owner, coalesce(c.fix_date::text, '-') AS"
	" fix_date, coalesce(c.assessment, '-') AS assessment,"
	" to_char(c.answer_due_at AT TIME ZONE $3, 'YYYY-MM-DD HH24:MI') AS due,"
	" (SELECT string_agg(format('%s %s %s', m.id, m.direction,"
	"  to_char(m.at AT TIME ZONE $3, 'YYYY-MM-DD HH24:MI')), E'\\n  '"
	"  ORDER BY m.id) FROM messages m WHERE m.case_id = c.id) AS messages,"
	" c.description FROM cases c JOIN mailboxes b ON b.id = c.mailbox"
	" WHERE c.number = $1 AND b.name = $2";

bool
apply_show(struct applied *a, const struct order *order, GError **error)
{
	const char *number = order->value ? order->value : a->file->number;
	g_autoptr(rows) found = db_query(a->db, error, sql_show,
		PARAM_TEXT(number), PARAM_TEXT(a->mailbox),
		PARAM_TEXT(a->conf->time_zone));
	static const char *const fields[] = {"number", "title", "state",
		"resolution", "severity", "owner", "due", "fix_date",
		"assessment", "messages"};
	g_autofree char *text = NULL;

	if (found == NULL)
		return false;
	if (rows_count(found) == 0)
		return apply_refuse(a, "fault-no-such-case", number);
	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
		g_string_append_printf(a->listing, "  %-11s: %s\n", fields[i],
			rows_text(found, 0, fields[i]));
	text = text_indent(rows_text(found, 0, "description"), "  | ");
	g_string_append_printf(a->listing, "\n%s\n", text);
	return true;
}

static const char sql_message[] =
	"SELECT m.id, m.sender, m.key IS NOT NULL AS has_key, c.proposed_by,"
	" c.confirmed_by FROM messages m LEFT JOIN reporter_changes c"
	" ON c.message = m.id WHERE m.id = $1 AND m.case_id = $2"
	" AND m.direction = 'in'";

static const char sql_propose[] =
	"INSERT INTO reporter_changes"
	" (case_id, message, proposed_by, confirmed_by, effective_at)"
	" VALUES ($1, $2, $3, CASE WHEN $4 THEN $3 END,"
	" CASE WHEN $4 THEN now() + interval '48 hours' END)"
	" ON CONFLICT (case_id, message) DO UPDATE"
	" SET confirmed_by = coalesce(reporter_changes.confirmed_by,"
	" excluded.confirmed_by), effective_at ="
	" coalesce(reporter_changes.effective_at, excluded.effective_at)";

/* A handler proposes; a lead confirms; 48 hours later it takes effect. */
bool
apply_reporter(struct applied *a, const struct order *order, GError **error)
{
	int64_t id = g_ascii_strtoll(order->value, NULL, 10);
	bool lead = conf_staff_has(a->staff, a->file->mailbox, "lead");
	g_autofree char *step = g_strdup_printf("message-%" PRId64, id);
	const struct deadline effect = {
		"reporter", step, a->now + 48 * CLOCK_HOUR};
	g_autoptr(rows) found = db_query(a->db, error, sql_message,
		PARAM_INT8(id), PARAM_INT8(a->file->id));

	if (found == NULL)
		return false;
	if (rows_count(found) == 0)
		return apply_refuse(a, "fault-no-message", order->value);
	if (!db_run(a->db, error, sql_propose, PARAM_INT8(a->file->id),
		    PARAM_INT8(id), PARAM_TEXT(a->staff->address),
		    PARAM_BOOL(lead)))
		return false;
	a->objection = lead;
	told_add(a->done, lead ? "done-reporter" : "done-reporter-proposed",
		order->value, "");
	return (!lead || deadline_set(a->db, a->file->id, &effect, error)) &&
		event_add_by(a->db, a->file->id, a->inbound, a->staff->address,
			lead ? "reporter-confirmed" : "reporter-proposed",
			order->value, error);
}

#include "meldpuntd/morning.h"

#include "base/log.h"
#include "desk/calendar.h"
#include "meldpuntd/post.h"

static const char sql_due[] =
	"SELECT id, name, morning_at IS NULL AS first,"
	" (extract(epoch FROM now()) * 1000000)::bigint AS now"
	" FROM mailboxes WHERE coalesce(morning_at, '-infinity') <= now()"
	" LIMIT 1 FOR UPDATE SKIP LOCKED";

static const char sql_next[] =
	"UPDATE mailboxes SET morning_at = to_timestamp($2::numeric / 1000000)"
	" WHERE id = $1";

static const char sql_list[] =
	"SELECT n, what, line FROM morning_list($1::smallint, $2) ORDER BY n, line";

/* When people next come in: the start of a working day after today. */
static moment
next_morning(const struct conf *conf, moment now)
{
	return calendar_forward(conf, calendar_tomorrow(conf, now), 0);
}

static char *
write_list(const struct postbox *postbox, const struct rows *found)
{
	GString *out = g_string_new(NULL);
	const char *language = postbox->mailbox->languages[0];
	const char *last = "";

	for (int i = 0; i < rows_count(found); i++) {
		const char *what = rows_text(found, i, "what");

		if (g_strcmp0(what, last) != 0) {
			g_autofree char *title =
				letter_phrase(postbox, language, what);

			g_string_append_printf(out, "%s%s\n", i ? "\n" : "",
				title);
			last = what;
		}
		g_string_append_printf(out, "  %s\n",
			rows_text(found, i, "line"));
	}
	return g_string_free(out, FALSE);
}

static bool
tell(struct case_work *work, const struct postbox *postbox,
	const struct rows *found, moment now, GError **error)
{
	g_autoptr(GPtrArray) staff = g_ptr_array_new();
	g_autofree char *list = write_list(postbox, found);
	g_autoptr(letter_auto) letter =
		letter_morning(postbox, list, rows_count(found), now);

	for (guint i = 0; i < work->conf->staff->len; i++) {
		struct staff *member = work->conf->staff->pdata[i];

		if (*member->key != '\0' &&
			(conf_staff_has(member, postbox->mailbox->name,
				 "handler") ||
				conf_staff_has(member, postbox->mailbox->name,
					"lead")))
			g_ptr_array_add(staff, member);
	}
	return post_to_staff(work, postbox, 0, letter, staff, error);
}

static bool
send_for(struct case_work *work, const struct rows *due, GError **error)
{
	moment now = rows_int8(due, 0, "now");
	const char *name = rows_text(due, 0, "name");
	struct postbox postbox = {0};
	g_autoptr(rows) found = NULL;

	if (!db_run(work->db, error, sql_next,
		    PARAM_INT8(rows_int8(due, 0, "id")),
		    PARAM_INT8(next_morning(work->conf, now))))
		return false;
	/* one of an older configuration, or one that has just been entered */
	if (conf_mailbox(work->conf, name) == NULL ||
		rows_bool(due, 0, "first"))
		return db_commit(work->db, error);
	found = db_query(work->db, error, sql_list,
		PARAM_INT8(rows_int8(due, 0, "id")),
		PARAM_TEXT(work->conf->time_zone));
	if (found == NULL ||
		!postbox_load(&postbox, work->db, work->conf, name, error) ||
		(rows_count(found) > 0 &&
			!tell(work, &postbox, found, now, error)) ||
		!db_commit(work->db, error))
		return false;
	if (rows_count(found) > 0)
		log_info("morning digest of %s: %d lines", name,
			rows_count(found));
	return true;
}

bool
morning_send(struct case_work *work, bool *any, GError **error)
{
	g_autoptr(rows) due = NULL;

	if (!case_work_claim(work, sql_due, &due, any, error))
		return false;
	if (due == NULL)
		return true;
	return send_for(work, due, error);
}

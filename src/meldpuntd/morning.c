#include "meldpuntd/morning.h"

#include "base/log.h"
#include "desk/calendar.h"
#include "meldpuntd/chore.h"
#include "meldpuntd/post.h"

#include <string.h>

#define KEY_SOON (30 * CLOCK_DAY)

static const char sql_due[] =
	"SELECT id AS item, name, morning_at IS NULL AS first,"
	" (extract(epoch FROM now()) * 1000000)::bigint AS now"
	" FROM mailboxes WHERE coalesce(morning_at, '-infinity') <= now()"
	" AND id <> ALL ($1::bigint[]) AND $2::text[] IS NOT NULL"
	" LIMIT 1 FOR UPDATE SKIP LOCKED";

static const char sql_next[] =
	"UPDATE mailboxes SET morning_at = to_timestamp($2::numeric / 1000000),"
	" morning_last = now() WHERE id = $1";

static const char sql_list[] =
	"SELECT n, what, line FROM morning_list($1::smallint, $2)"
	" UNION ALL SELECT 8, 'morning-spam', number FROM spam_list($1::smallint)"
	" ORDER BY n, line";

static const char sql_calendar[] =
	"SELECT calendar_text($1::smallint, $2) AS text";

/* When people next come in: the start of a working day after today. */
static moment
next_morning(const struct conf *conf, moment now)
{
	return calendar_forward(conf, calendar_tomorrow(conf, now), 0);
}

/* What is looked at, and by whom. */
struct morning {
	struct case_work *work;
	struct postbox postbox;
	moment now; /* the database's */
	GPtrArray *staff;
	GString *list;
	int lines;
	const char *last; /* title under which the last line stands */
};

static void
add_line(struct morning *m, const char *what, const char *line)
{
	if (g_strcmp0(what, m->last) != 0) {
		g_autofree char *title = letter_phrase(&m->postbox,
			m->postbox.mailbox->languages[0], what);

		g_string_append_printf(m->list, "%s%s\n",
			m->lines ? "\n" : "", title);
		m->last = what;
	}
	g_string_append_printf(m->list, "  %s\n", line);
	m->lines++;
}

static void
add_key(struct morning *m, const char *whose, const char *key)
{
	g_autofree char *date = NULL, *line = NULL;
	moment end = 0;

	if (*key == '\0' || !pgp_expires(m->work->pgp, key, &end, NULL) ||
		end == 0 || end > m->now + KEY_SOON)
		return;
	date = clock_text(end, m->work->conf->zone,
		m->postbox.mailbox->languages[0]);
	line = g_strdup_printf("%s  %s  %s", date, whose, key);
	add_line(m, "morning-keys", line);
}

static void
find_staff(struct morning *m)
{
	const struct conf *conf = m->work->conf;
	const char *mailbox = m->postbox.mailbox->name;

	for (guint i = 0; i < conf->staff->len; i++) {
		struct staff *member = conf->staff->pdata[i];

		if (*member->key != '\0' &&
			(conf_staff_has(member, mailbox, "handler") ||
				conf_staff_has(member, mailbox, "lead")))
			g_ptr_array_add(m->staff, member);
	}
}

static void
collect(struct morning *m, const struct rows *found)
{
	const struct mailbox *box = m->postbox.mailbox;

	for (int i = 0; i < rows_count(found); i++)
		add_line(m, rows_text(found, i, "what"),
			rows_text(found, i, "line"));
	add_key(m, box->address, box->key);
	for (guint i = 0; i < m->staff->len; i++) {
		const struct staff *member = m->staff->pdata[i];

		add_key(m, member->address, member->key);
	}
}

static bool
add_calendar(struct morning *m, struct letter *letter, GError **error)
{
	const char *domain = strrchr(m->postbox.mailbox->address, '@') + 1;
	g_autoptr(rows) found = NULL;
	struct bytes *bytes;
	const char *text;

	if (!m->work->conf->calendar)
		return true;
	found = db_query(m->work->db, error, sql_calendar,
		PARAM_INT8(m->postbox.id), PARAM_TEXT(domain));
	if (found == NULL)
		return false;
	text = rows_text(found, 0, "text");
	bytes = bytes_new();
	bytes_append(bytes, text, strlen(text));
	letter_enclose(letter, "meldpunt.ics", "text/calendar", bytes, false);
	return true;
}

static bool
tell(struct morning *m, GError **error)
{
	g_autoptr(letter_auto) letter = letter_morning(&m->postbox,
		m->list->str, m->lines, m->now);

	return add_calendar(m, letter, error) &&
		post_to_staff(m->work, &m->postbox, 0, letter, NULL, m->staff,
			error);
}

/* Nothing is sent when there is nothing to say. */
static bool
look(struct morning *m, GError **error)
{
	g_autoptr(rows) found = db_query(m->work->db, error, sql_list,
		PARAM_INT8(m->postbox.id), PARAM_TEXT(m->work->conf->time_zone));

	if (found == NULL)
		return false;
	find_staff(m);
	collect(m, found);
	return m->lines == 0 || m->staff->len == 0 || tell(m, error);
}

static bool
send_for(struct morning *m, const char *name, bool first, int64_t id,
	GError **error)
{
	bool known = conf_mailbox(m->work->conf, name) != NULL;

	/* one of an older configuration, or one that has just been entered */
	if (known && !first &&
		(!postbox_load(&m->postbox, m->work->db, m->work->conf, name,
			 error) ||
			!look(m, error)))
		return false;
	if (!db_run(m->work->db, error, sql_next, PARAM_INT8(id),
		    PARAM_INT8(next_morning(m->work->conf, m->now))) ||
		!db_commit(m->work->db, error))
		return false;
	if (m->lines > 0)
		log_info("morning digest of %s: %d lines", name, m->lines);
	return true;
}

bool
morning_send(struct case_work *work, bool *any, GError **error)
{
	struct morning m = {.work = work};
	g_autoptr(rows) due = NULL;
	bool good;

	if (!chore_claim(work, "a morning digest", sql_due, &due, any, error))
		return false;
	if (due == NULL)
		return true;
	m.now = rows_int8(due, 0, "now");
	m.staff = g_ptr_array_new();
	m.list = g_string_new(NULL);
	good = send_for(&m, rows_text(due, 0, "name"),
		rows_bool(due, 0, "first"), rows_int8(due, 0, "item"), error);
	g_ptr_array_unref(m.staff);
	g_string_free(m.list, TRUE);
	explicit_bzero(&m.postbox, sizeof(m.postbox));
	return good;
}

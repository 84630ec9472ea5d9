#include "meldpuntd/chore.h"

#include "base/fault.h"
#include "base/log.h"

#define FIRST_REST (5 * CLOCK_SECOND)
#define LAST_REST (5 * CLOCK_MINUTE)

struct rest {
	int64_t until; /* ticks */
	int64_t length;
};

/* The items of this kind that rest, as an array in SQL. */
static char *
resting(struct case_work *work, const char *what)
{
	GString *list = g_string_new("{");
	GHashTableIter all;
	const char *key;
	const struct rest *rest;

	g_hash_table_iter_init(&all, work->resting);
	while (g_hash_table_iter_next(&all, (gpointer *)&key, (gpointer *)&rest))
		if (g_str_has_prefix(key, what) && clock_ticks() < rest->until)
			g_string_append_printf(list, "%s%s",
				list->len > 1 ? "," : "", strrchr(key, ' ') + 1);
	g_string_append_c(list, '}');
	return g_string_free(list, FALSE);
}

/* The mailboxes' names, as an array in SQL; they are a-z, 0-9 and - only. */
static char *
configured(const struct conf *conf)
{
	GString *list = g_string_new("{");

	for (guint i = 0; i < conf->mailboxes->len; i++) {
		const struct mailbox *box = conf->mailboxes->pdata[i];

		g_string_append_printf(list, "%s\"%s\"", i ? "," : "", box->name);
	}
	g_string_append_c(list, '}');
	return g_string_free(list, FALSE);
}

bool
chore_claim(struct case_work *work, const char *what, const char *sql,
	struct rows **due, bool *any, GError **error)
{
	g_autofree char *not_these = NULL;
	g_autofree char *mailboxes = configured(work->conf);

	if (work->resting == NULL)
		work->resting = g_hash_table_new_full(g_str_hash, g_str_equal,
			g_free, g_free);
	not_these = resting(work, what);
	g_clear_pointer(&work->chore, g_free);
	if (!db_begin(work->db, error))
		return false;
	*due = db_query(work->db, error, sql, PARAM_TEXT(not_these),
		PARAM_TEXT(mailboxes));
	if (*due == NULL)
		return false;
	if (rows_count(*due) > 0) {
		work->chore = g_strdup_printf("%s %" PRId64, what,
			rows_int8(*due, 0, "item"));
		*any = true;
		return true;
	}
	g_clear_pointer(due, rows_free);
	return db_commit(work->db, error);
}

static const char sql_left[] =
	"SELECT b.name, count(*) AS n FROM mailboxes b"
	" JOIN cases c ON c.mailbox = b.id AND c.state <> 'closed'"
	" WHERE b.name <> ALL ($1::text[]) GROUP BY b.name";

bool
chore_warn(struct case_work *work, GError **error)
{
	g_autofree char *mailboxes = configured(work->conf);
	g_autoptr(rows) left =
		db_query(work->db, error, sql_left, PARAM_TEXT(mailboxes));

	if (left == NULL)
		return false;
	for (int i = 0; i < rows_count(left); i++)
		log_warning("mailbox %s is not configured: %s open cases of it "
			"stand still", rows_text(left, i, "name"),
			rows_text(left, i, "n"));
	return true;
}

void
chore_done(struct case_work *work)
{
	if (work->chore != NULL)
		g_hash_table_remove(work->resting, work->chore);
}

bool
chore_postpone(struct case_work *work, GError **error)
{
	struct rest *rest;

	db_rollback(work->db);
	/* without a claim it is the database that fails */
	if (work->chore == NULL || fault_is(*error, FAULT_UNSURE) ||
		pgp_timed_out(work->pgp))
		return false;
	log_warning("%s is tried again later: %s", work->chore,
		(*error)->message);
	g_clear_error(error);
	rest = g_hash_table_lookup(work->resting, work->chore);
	if (rest == NULL) {
		rest = g_new0(struct rest, 1);
		rest->length = FIRST_REST;
		g_hash_table_insert(work->resting, g_strdup(work->chore), rest);
	} else
		rest->length = MIN(2 * rest->length, LAST_REST);
	rest->until = clock_ticks() + rest->length;
	return true;
}

#include "desk/marks.h"

#include <string.h>

#define LEAST 40 /* bytes of a part that is nobody else's by chance */

static void
add_mark(GPtrArray *marks, const uint8_t *key, const void *data, size_t size)
{
	g_autoptr(GHmac) hmac =
		g_hmac_new(G_CHECKSUM_SHA256, key, MARK_KEY_SIZE);
	uint8_t *mark = g_malloc(32);
	gsize length = 32;

	g_hmac_update(hmac, data, size);
	g_hmac_get_digest(hmac, mark, &length);
	g_ptr_array_add(marks, mark);
}

/* Of the text and of what was under the seal with it; keys are anybody's. */
static GPtrArray *
marks_of(const uint8_t *key, const struct report *report)
{
	GPtrArray *marks = g_ptr_array_new_with_free_func(g_free);
	const char *text = report->description ? report->description : "";

	if (!report_is_sealed(report) || report->failure != NULL)
		return marks;
	if (strlen(text) >= LEAST)
		add_mark(marks, key, text, strlen(text));
	for (guint i = 0; i < report->attachments->len && i < 50; i++) {
		const struct attachment *a = report->attachments->pdata[i];

		if (a->protected && a->size >= LEAST &&
			strcmp(a->type, "application/pgp-keys") != 0)
			add_mark(marks, key, a->sha256, sizeof(a->sha256));
	}
	return marks;
}

/* Whose it is says the first case that had it. */
static const char sql_look[] =
	"SELECT id FROM (SELECT c.id, r.address, r.fingerprint"
	" FROM content_marks m JOIN cases c ON c.id = m.case_id"
	" JOIN meldpunt_private.reporters r ON r.id = c.reporter"
	" WHERE m.mark = $1 ORDER BY c.id LIMIT 1) AS first"
	" WHERE lower(address) IS DISTINCT FROM lower($2)"
	" OR fingerprint <> $3";

bool
marks_look(struct db *db, const uint8_t *key, const struct report *report,
	struct casefile *file, GError **error)
{
	g_autoptr(GPtrArray) marks = marks_of(key, report);
	bool copied = false;

	/* a seal that names nobody of this report may be another's */
	file->held |= report->foreign_seal;
	for (guint i = 0; i < marks->len && !copied; i++) {
		g_autoptr(rows) found = db_query(db, error, sql_look,
			PARAM_BYTEA(marks->pdata[i], 32),
			PARAM_TEXT(file->address),
			PARAM_TEXT(file->fingerprint));

		if (found == NULL)
			return false;
		if (rows_count(found) == 0)
			continue;
		file->held = copied = true;
		file->claims = rows_int8(found, 0, "id");
	}
	return true;
}

static const char sql_keep[] =
	"INSERT INTO content_marks (mark, case_id) VALUES ($1, $2)"
	" ON CONFLICT DO NOTHING";

static const char sql_hold[] = "UPDATE cases SET held = true WHERE id = $1";

bool
marks_keep(struct db *db, const uint8_t *key, const struct report *report,
	const struct casefile *file, GError **error)
{
	g_autoptr(GPtrArray) marks = marks_of(key, report);

	for (guint i = 0; i < marks->len; i++)
		if (!db_run(db, error, sql_keep,
			    PARAM_BYTEA(marks->pdata[i], 32),
			    PARAM_INT8(file->id)))
			return false;
	return !file->held ||
		db_run(db, error, sql_hold, PARAM_INT8(file->id));
}

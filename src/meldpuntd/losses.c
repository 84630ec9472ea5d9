#include "meldpuntd/losses.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "edge/imap.h"

static char *
name_of(const char *folder, uint32_t uidvalidity, uint32_t uid)
{
	return g_strdup_printf("%u %u %s", uidvalidity, uid, folder);
}

static const char sql_load[] =
	"SELECT folder, uidvalidity, uid, CASE WHEN lost = 1 THEN 0 ELSE"
	" (extract(epoch FROM next_try_at) * 1000000)::bigint END AS next_try"
	" FROM fetch_losses WHERE mailbox = $1 AND next_try_at >"
	" now() - interval '30 days'";

GHashTable *
losses_load(struct db *db, int64_t mailbox, GError **error)
{
	g_autoptr(rows) found =
		db_query(db, error, sql_load, PARAM_INT8(mailbox));
	GHashTable *losses;

	if (found == NULL)
		return NULL;
	losses = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	for (int i = 0; i < rows_count(found); i++) {
		moment *next = g_new(moment, 1);

		*next = rows_int8(found, i, "next_try");
		g_hash_table_insert(losses,
			name_of(rows_text(found, i, "folder"),
				rows_int8(found, i, "uidvalidity"),
				rows_int8(found, i, "uid")),
			next);
	}
	return losses;
}

enum loss
losses_of(GHashTable *losses, const char *folder, uint32_t uidvalidity,
	uint32_t uid)
{
	g_autofree char *name = name_of(folder, uidvalidity, uid);
	const moment *next = g_hash_table_lookup(losses, name);

	if (next == NULL)
		return LOSS_NONE;
	return *next <= clock_now() ? LOSS_ALONE : LOSS_WAIT;
}

static const char sql_note[] =
	"INSERT INTO fetch_losses AS l (mailbox, folder, uidvalidity, uid)"
	" VALUES ($1, $2, $3, $4)"
	" ON CONFLICT (mailbox, folder, uidvalidity, uid) DO UPDATE"
	" SET lost = l.lost + 1, next_try_at = now()"
	" + least(interval '1 minute' * 2 ^ least(l.lost, 10),"
	"  interval '6 hours') RETURNING lost";

void
losses_note(struct db *db, int64_t mailbox, const char *folder,
	uint32_t uidvalidity, const GPtrArray *messages, guint from,
	guint count)
{
	for (guint i = from; i < from + count && !stop_wanted(); i++) {
		const struct imap_message *m = messages->pdata[i];
		g_autoptr(GError) error = NULL;
		g_autoptr(rows) noted = db_query(db, &error, sql_note,
			PARAM_INT8(mailbox), PARAM_TEXT(folder),
			PARAM_INT8(uidvalidity), PARAM_INT8(m->uid));

		if (noted == NULL) {
			log_warning("%s", error->message);
			return;
		}
		if (rows_int8(noted, 0, "lost") > 1)
			log_warning("the connection is lost whenever message "
				"UID %u is fetched: it stays in the folder and "
				"is tried again later", m->uid);
	}
}

static const char sql_forget[] =
	"DELETE FROM fetch_losses WHERE mailbox = $1 AND folder = $2"
	" AND uidvalidity = $3 AND uid = $4";

bool
losses_forget(struct db *db, int64_t mailbox, const char *folder,
	uint32_t uidvalidity, uint32_t uid, GError **error)
{
	return db_run(db, error, sql_forget, PARAM_INT8(mailbox),
		PARAM_TEXT(folder), PARAM_INT8(uidvalidity), PARAM_INT8(uid));
}

#include "meldpuntd/losses.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"

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

bool
losses_open(struct losses *losses, struct db *db, int64_t mailbox,
	GError **error)
{
	g_autoptr(rows) found =
		db_query(db, error, sql_load, PARAM_INT8(mailbox));

	*losses = (struct losses){db, mailbox,
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free)};
	if (found == NULL)
		return false;
	for (int i = 0; i < rows_count(found); i++) {
		moment *next = g_new(moment, 1);

		*next = rows_int8(found, i, "next_try");
		g_hash_table_insert(losses->next_try,
			name_of(rows_text(found, i, "folder"),
				rows_int8(found, i, "uidvalidity"),
				rows_int8(found, i, "uid")),
			next);
	}
	return true;
}

void
losses_close(struct losses *losses)
{
	g_clear_pointer(&losses->next_try, g_hash_table_unref);
}

enum loss
losses_of(const struct losses *losses, const char *folder,
	uint32_t uidvalidity, uint32_t uid)
{
	g_autofree char *name = name_of(folder, uidvalidity, uid);
	const moment *next = g_hash_table_lookup(losses->next_try, name);

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
losses_note(const struct losses *losses, const char *folder,
	uint32_t uidvalidity, const GPtrArray *messages, guint from,
	guint count)
{
	for (guint i = from; i < from + count && !stop_wanted(); i++) {
		const struct imap_message *m = messages->pdata[i];
		g_autoptr(GError) error = NULL;
		g_autoptr(rows) noted = db_query(losses->db, &error,
			sql_note, PARAM_INT8(losses->mailbox), PARAM_TEXT(folder),
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
losses_forget(const struct losses *losses, const char *folder,
	uint32_t uidvalidity, uint32_t uid, GError **error)
{
	return db_run(losses->db, error, sql_forget, PARAM_INT8(losses->mailbox),
		PARAM_TEXT(folder), PARAM_INT8(uidvalidity), PARAM_INT8(uid));
}

/* Past those that the server cannot even tell the size of. */
static GPtrArray *
list_singly(const struct losses *losses, struct imap *imap, const char *folder,
	uint32_t uidvalidity, uint32_t first, guint max, GError **error)
{
	g_autoptr(GPtrArray) slice = imap_list_uids(imap, first, max, error);

	for (guint i = 0; slice != NULL && i < slice->len; i++) {
		struct imap_message *m = slice->pdata[i];

		if (losses_of(losses, folder, uidvalidity, m->uid) ==
				LOSS_WAIT ||
			imap_look(imap, m, error))
			continue;
		/* one that is only refused is asked for once more, alone */
		if (imap_was_refused(imap)) {
			g_clear_error(error);
			m->alone = true;
			continue;
		}
		/* it was alone: once is as good as twice */
		for (int k = 0; k < 2; k++)
			losses_note(losses, folder, uidvalidity, slice, i, 1);
		return NULL;
	}
	return g_steal_pointer(&slice);
}

GPtrArray *
losses_list(const struct losses *losses, struct imap *imap, const char *folder,
	uint32_t uidvalidity, uint32_t first, guint max, GError **error)
{
	g_autoptr(GPtrArray) whole = g_ptr_array_new();
	struct imap_message unknown = {0}; /* stands for all of the folder */
	GPtrArray *slice;

	if (losses_of(losses, folder, uidvalidity, unknown.uid) != LOSS_NONE)
		return list_singly(losses, imap, folder, uidvalidity, first,
			max, error);
	slice = imap_list(imap, first, max, error);
	if (slice != NULL || imap_was_refused(imap))
		return slice;
	g_ptr_array_add(whole, &unknown);
	losses_note(losses, folder, uidvalidity, whole, 0, 1);
	return NULL;
}

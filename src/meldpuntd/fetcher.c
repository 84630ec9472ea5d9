/*
 * The fetcher of one mailbox: from IMAP into the table inbound.  It knows
 * the IMAP secret and nothing else; keys and cases are out of its reach.
 *
 * Order: exact bytes committed, then the message moves.  Dying between the
 * two costs nothing: the row is found again by UIDVALIDITY and UID.
 */
#include "meldpuntd/losses.h"
#include "meldpuntd/roles.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/stop.h"
#include "edge/imap.h"
#include "edge/jail.h"
#include "meldpuntd/health.h"
#include "meldpuntd/passed.h"

#include <malloc.h>
#include <string.h>
#include <sysexits.h>

#define SLICE 100		/* messages listed at a time */
#define BATCH_BYTES (1 << 20)	/* small messages fetched in one command */
#define HEADER_MAX (256 << 10)	/* kept of a message that is too large */
#define IDLE_MAX (25 * CLOCK_MINUTE) /* RFC 2177: below 29 minutes */

struct fetcher {
	const struct launch *launch;
	const struct mailbox *mailbox;
	struct db *db;
	struct imap *imap;
	int64_t mailbox_id;
	moment since;	    /* older messages are left alone */
	struct passed *passed; /* of each of mailbox->folders */
	struct losses losses;
	GError *refused;    /* what the server refuses, while all else goes on */
};

static const char sql_enter[] = "SELECT mailbox_enter($1, $2, $3) AS id";

static bool
enter_mailbox(struct fetcher *f, GError **error)
{
	g_autoptr(rows) entered = db_query(f->db, error, sql_enter,
		PARAM_TEXT(f->mailbox->name), PARAM_TEXT(f->mailbox->prefix),
		PARAM_TEXT(f->mailbox->address));

	if (entered == NULL)
		return false;
	f->mailbox_id = rows_int8(entered, 0, "id");
	return launch_count(f->launch, f->db, error);
}

static const char sql_lock[] =
	"SELECT pg_try_advisory_lock(1835363430, $1::integer) AS mine";

/*
 * One fetcher a mailbox, on whatever host: the others stand by.  The lock
 * goes with the connection, so it is asked for again every second.
 */
static bool
become_active(struct fetcher *f, GError **error)
{
	for (bool told = false;; told = true) {
		g_autoptr(rows) lock = db_query(f->db, error, sql_lock,
			PARAM_INT8(f->mailbox_id));

		if (lock == NULL)
			return false;
		if (rows_bool(lock, 0, "mine"))
			return true;
		if (f->launch->once)
			return fault_set(error, FAULT_LATER,
				"another daemon is reading this mailbox");
		health_tell("imap", f->mailbox->name, true);
		if (!told)
			log_info("standing by: another daemon reads this "
				 "mailbox");
		stop_wait(-1, 1000);
		if (stop_wanted())
			return fault_set(error, FAULT_LATER, "stopped");
	}
}

static const char sql_known[] =
	"SELECT uid, moved_at IS NOT NULL AS moved,"
	" (extract(epoch FROM arrived_at) * 1000000)::bigint AS arrived"
	" FROM inbound WHERE mailbox = $1 AND folder = $2"
	" AND uidvalidity = $3 AND uid BETWEEN $4 AND $5";

/*
 * A server that was set back to an older state gives a UID out twice: only
 * with the same INTERNALDATE (which we cut at the present) is it the same.
 */
static bool
is_same(const GPtrArray *slice, uint32_t uid, moment arrived)
{
	for (guint i = 0; i < slice->len; i++) {
		const struct imap_message *m = slice->pdata[i];

		if (m->uid == uid)
			return m->arrived == arrived || m->arrived > clock_now();
	}
	return false;
}

/* UIDs of this slice that are committed already; value: moved before. */
static GHashTable *
known_uids(struct fetcher *f, const char *folder, uint32_t uidvalidity,
	const GPtrArray *slice, GError **error)
{
	const struct imap_message *first = slice->pdata[0];
	const struct imap_message *last = slice->pdata[slice->len - 1];
	g_autoptr(rows) found = db_query(f->db, error, sql_known,
		PARAM_INT8(f->mailbox_id), PARAM_TEXT(folder),
		PARAM_INT8(uidvalidity), PARAM_INT8(first->uid),
		PARAM_INT8(last->uid));
	GHashTable *known;

	if (found == NULL)
		return NULL;
	known = g_hash_table_new(NULL, NULL);
	for (int i = 0; i < rows_count(found); i++) {
		uint32_t uid = rows_int8(found, i, "uid");

		if (is_same(slice, uid, rows_int8(found, i, "arrived")))
			g_hash_table_insert(known, GUINT_TO_POINTER(uid),
				GINT_TO_POINTER(
					1 + rows_bool(found, i, "moved")));
	}
	return known;
}

static const char sql_insert[] =
	"INSERT INTO inbound (mailbox, folder, uidvalidity, uid, arrived_at,"
	" size, sha256, blob, header_only) VALUES ($1, $2, $3, $4,"
	" least(to_timestamp($5::numeric / 1000000), now()),"
	" $6, $7, $8, $9)"
	" ON CONFLICT (mailbox, folder, uidvalidity, uid, sha256) DO NOTHING";

static bool
insert_message(struct fetcher *f, const char *folder, uint32_t uidvalidity,
	const struct imap_message *m, bool header_only, GError **error)
{
	uint8_t digest[32];
	int64_t blob;
	moment arrived = m->arrived ? m->arrived : clock_now();

	bytes_sha256(m->bytes, 0, m->bytes->size, digest);
	return blob_store(f->db, m->bytes, 0, m->bytes->size, &blob, error) &&
		db_run(f->db, error, sql_insert, PARAM_INT8(f->mailbox_id),
			PARAM_TEXT(folder), PARAM_INT8(uidvalidity),
			PARAM_INT8(m->uid), PARAM_INT8(arrived),
			PARAM_INT8(header_only ? m->size : m->bytes->size),
			PARAM_BYTEA(digest, sizeof(digest)), PARAM_INT8(blob),
			PARAM_BOOL(header_only));
}

/* What is to be moved once it is committed. */
struct moves {
	GArray *done;	/* uint32_t, to done_folder */
	GArray *failed; /* uint32_t, to failed_folder */
};

static bool
is_too_large(const struct fetcher *f, const struct imap_message *m)
{
	return m->size > f->launch->conf->message;
}

/* A message of its own: a large one, or the header of one too large. */
static bool
fetch_alone(struct fetcher *f, struct imap_message *m, GError **error)
{
	if (is_too_large(f, m))
		return imap_fetch_header(f->imap, m, HEADER_MAX, error);
	return imap_fetch_large(f->imap, m, error);
}

/* One that a batch did not bring: gone, or the server cannot read it. */
static bool
fetch_missing(struct fetcher *f, struct imap_message *m, GError **error)
{
	if (m->bytes != NULL || fetch_alone(f, m, error))
		return true;
	if (!fault_is(*error, FAULT_MAIL))
		return false;
	log_warning("the server does not give out message UID %u: it stays in "
		"the folder and is tried again", m->uid);
	g_clear_error(error);
	return true;
}

/* How many messages from here fit into one command; 0: this one does not. */
static guint
batch_length(const struct fetcher *f, const GPtrArray *wanted, guint from)
{
	uint64_t bytes = 0;
	guint n = 0;

	while (from + n < wanted->len) {
		const struct imap_message *m = wanted->pdata[from + n];

		bytes += m->size;
		if (bytes > BATCH_BYTES || is_too_large(f, m) || m->alone)
			break;
		n++;
	}
	return n;
}

/* Fetches and commits one batch; what it committed may be moved. */
static bool
take_batch(struct fetcher *f, const char *folder, uint32_t uidvalidity,
	GPtrArray *wanted, guint from, guint count, struct moves *moves,
	GError **error)
{
	bool alone = count == 0;
	bool good;

	if (!alone && !imap_fetch(f->imap, wanted, from, count, error)) {
		losses_note(&f->losses, folder, uidvalidity, wanted, from,
			count);
		return false;
	}
	for (guint i = from; i < from + MAX(count, 1); i++)
		if (!fetch_missing(f, wanted->pdata[i], error)) {
			losses_note(&f->losses, folder, uidvalidity, wanted,
				i, 1);
			return false;
		}
	good = db_begin(f->db, error);
	if (!good)
		return false;
	for (guint i = from; good && i < from + MAX(count, 1); i++) {
		struct imap_message *m = wanted->pdata[i];

		/* gone meanwhile: somebody else took it out of the folder */
		if (m->bytes == NULL)
			continue;
		good = insert_message(f, folder, uidvalidity, m,
			       is_too_large(f, m), error) &&
			(!m->alone ||
				losses_forget(&f->losses, folder, uidvalidity,
					m->uid, error));
		g_array_append_val(is_too_large(f, m) ? moves->failed
						      : moves->done, m->uid);
		g_clear_pointer(&m->bytes, bytes_free);
	}
	return good && db_commit(f->db, error);
}

static const char sql_moved[] =
	"UPDATE inbound SET moved_at = now() WHERE mailbox = $1 AND folder = $2"
	" AND uidvalidity = $3 AND uid = $4";

static bool
move(struct fetcher *f, const char *folder, uint32_t uidvalidity,
	const GArray *uids, const char *target, GError **error)
{
	if (uids->len == 0)
		return true;
	if (!imap_move(f->imap, (const uint32_t *)uids->data, uids->len,
		    target, error))
		return false;
	/* where moved messages stay behind, they are passed over from now on */
	for (guint i = 0; i < uids->len && !imap_has_uidplus(f->imap); i++)
		if (!db_run(f->db, error, sql_moved,
			    PARAM_INT8(f->mailbox_id), PARAM_TEXT(folder),
			    PARAM_INT8(uidvalidity),
			    PARAM_INT8(g_array_index(uids, uint32_t, i))))
			return false;
	return true;
}

/* A refusal is told once the rest has been looked at; false: it is worse. */
static bool
set_aside(struct fetcher *f, GError **error)
{
	if (!imap_was_refused(f->imap))
		return false;
	if (f->refused == NULL)
		f->refused = g_steal_pointer(error);
	g_clear_error(error);
	return true;
}

/* Commits what is new of a slice and moves what is committed. */
static bool
take_slice(struct fetcher *f, const char *folder, uint32_t uidvalidity,
	GPtrArray *slice, guint *moved, GError **error)
{
	g_autoptr(GHashTable) known =
		known_uids(f, folder, uidvalidity, slice, error);
	g_autoptr(GPtrArray) wanted = g_ptr_array_new();
	g_autoptr(GArray) done = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	g_autoptr(GArray) failed = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	struct moves moves = {done, failed};

	if (known == NULL)
		return false;
	for (guint i = 0; i < slice->len; i++) {
		struct imap_message *m = slice->pdata[i];
		int state = GPOINTER_TO_INT(g_hash_table_lookup(known,
			GUINT_TO_POINTER(m->uid)));

		if (state == 0) {
			enum loss loss = losses_of(&f->losses, folder,
				uidvalidity, m->uid);

			m->alone |= loss != LOSS_NONE;
			if (loss != LOSS_WAIT)
				g_ptr_array_add(wanted, m);
		}
		else if (state == 1)
			g_array_append_val(is_too_large(f, m) ? failed : done,
				m->uid);
	}
	for (guint i = 0; i < wanted->len;) {
		guint n = batch_length(f, wanted, i);

		if (!take_batch(f, folder, uidvalidity, wanted, i, n, &moves,
			    error))
			return false;
		i += MAX(n, 1);
	}
	*moved = done->len + failed->len;
	if (move(f, folder, uidvalidity, done, f->mailbox->done_folder,
		    error) &&
		move(f, folder, uidvalidity, failed,
			f->mailbox->failed_folder, error))
		return true;
	/* what is committed can wait there; what comes behind it cannot */
	*moved = 0;
	return set_aside(f, error);
}

static bool
take_folder(struct fetcher *f, const char *folder, struct passed *passed,
	GError **error)
{
	struct imap_folder state;
	uint32_t first;
	bool anew = false;

	if (!imap_select(f->imap, folder, &state, error) ||
		!passed_first(passed, f->imap, &state, &first, error))
		return false;
	while (first <= state.exists && !stop_wanted()) {
		g_autoptr(GPtrArray) slice = losses_list(&f->losses, f->imap,
			folder, state.uidvalidity, first, SLICE, error);
		guint moved = 0, listed;

		if (slice == NULL)
			return false;
		listed = slice->len;
		if (listed == 0)
			break;
		/* once selected anew, numbers may have shifted */
		passed_over(anew ? NULL : passed, f->since, &state, first,
			slice);
		if (slice->len > 0 &&
			!take_slice(f, folder, state.uidvalidity, slice, &moved,
				error))
			return false;
		/* what stays in the folder is passed over */
		first += imap_has_uidplus(f->imap) ? listed - moved : listed;
		if (slice->len == 0)
			continue;
		anew = true;
		log_info("%u messages taken in", moved);
		if (!imap_select(f->imap, folder, &state, error))
			return false;
	}
	return true;
}

static bool
take_all(struct fetcher *f, GError **error)
{
	char **folders = f->mailbox->folders;
	struct imap_folder state;
	guint count = g_strv_length(folders);

	/* the first folder last: it is the one that IDLE then watches */
	for (guint i = count; i > 0; i--)
		if (!take_folder(f, folders[i - 1], &f->passed[i - 1], error) &&
			!set_aside(f, error))
			return false;
	if (f->refused != NULL) {
		g_propagate_error(error, g_steal_pointer(&f->refused));
		return false;
	}
	return count == 1 || imap_select(f->imap, folders[0], &state, error);
}

static const char sql_fetched[] = "SELECT mailbox_fetched($1::smallint)";

/* The database is asked before we wait long on IMAP: it must be alive. */
static bool
watch(struct fetcher *f, GError **error)
{
	int64_t wait = MIN(f->mailbox->poll, IDLE_MAX);

	while (!stop_wanted()) {
		if (!take_all(f, error))
			return false;
		malloc_trim(0);
		health_tell("imap", f->mailbox->name, true);
		if (!db_run(f->db, error, sql_fetched,
			    PARAM_INT8(f->mailbox_id)))
			return false;
		if (f->launch->once || stop_wanted())
			break;
		if (imap_has_idle(f->imap)) {
			if (!imap_idle(f->imap, wait, error))
				return false;
		} else {
			stop_wait(-1, wait / 1000);
			if (!stop_wanted() && !imap_noop(f->imap, error))
				return false;
		}
	}
	return true;
}

/* Sockets first, then the filter, then the peer's first byte. */
static bool
connect_all(struct fetcher *f, GError **error)
{
	const struct server *server = &f->mailbox->imap;
	g_autoptr(secret_auto) secret = NULL;
	g_autofree char *lacks = NULL;

	f->db = launch_database(f->launch, error);
	if (f->db == NULL || !enter_mailbox(f, error) ||
		!become_active(f, error))
		return false;
	if (!losses_open(&f->losses, f->db, f->mailbox_id, error))
		return false;
	secret = launch_secret(f->launch, server, error);
	if (secret == NULL)
		return false;
	f->imap = imap_dial(server, f->launch->conf->network_time, error);
	if (f->imap == NULL || !jail_talker(server->ca_file, error))
		return false;
	if (!imap_login(f->imap, server, secret, *server->token_command != '\0',
		    error))
		return false;
	lacks = imap_lacks(f->imap);
	if (*lacks)
		log_info("the IMAP server lacks %s", g_strchomp(lacks));
	return imap_ensure_folder(f->imap, f->mailbox->done_folder, error) &&
		imap_ensure_folder(f->imap, f->mailbox->failed_folder, error);
}

int
fetcher_run(const struct launch *launch)
{
	struct fetcher f = {.launch = launch};
	g_autoptr(GError) error = NULL;
	int status;

	f.mailbox = conf_mailbox(launch->conf, launch->mailbox);
	f.since = conf_since(f.mailbox);
	f.passed = g_new0(struct passed, g_strv_length(f.mailbox->folders));
	log_mailbox(launch->mailbox);
	if ((connect_all(&f, &error) && watch(&f, &error)) || stop_wanted())
		status = EX_OK;
	else
		status = role_failed(error);
	if (status != EX_OK && f.db != NULL && db_alive(f.db))
		health_tell("imap", launch->mailbox, false);
	/* what a mail server does is no reason to end the daemon */
	if (status == EX_CONFIG && f.imap != NULL)
		status = EX_NOPERM;
	imap_close(f.imap);
	db_close(f.db);
	g_free(f.passed);
	losses_close(&f.losses);
	g_clear_error(&f.refused);
	return status;
}

/*
 * The worker: from the table inbound to cases and sealed letters.  It alone
 * reaches gpg-agent; of the network it has its database connection only.
 */
#include "meldpuntd/roles.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/stop.h"
#include "desk/claim.h"
#include "edge/jail.h"
#include "edge/schema.h"
#include "meldpuntd/canary_work.h"
#include "meldpuntd/case_work.h"
#include "meldpuntd/chore.h"
#include "meldpuntd/deadline_work.h"
#include "meldpuntd/digest.h"
#include "meldpuntd/health.h"
#include "meldpuntd/morning.h"
#include "meldpuntd/operator_work.h"
#include "meldpuntd/reader_port.h"
#include "outbox/letters.h"

#include <malloc.h>
#include <stdio.h>
#include <sysexits.h>

#define DIGEST_EVERY 50  /* messages between looks for a digest */
#define LOOK_EVERY 10000 /* milliseconds, NOTIFY or not */
#define OTHER_EVERY (CLOCK_SECOND / 2)

struct worker {
	const struct launch *launch;
	struct case_work work;
	int schema;
	unsigned int done;
	int64_t looked_at;  /* ticks: for other work than messages */
};

/* Settles what went wrong with one message; false ends the process. */
static bool
recover(struct worker *w, const struct inbound *in, GError **error)
{
	g_autoptr(GError) cause = g_steal_pointer(error);
	struct db *db = w->work.db;

	db_rollback(db);
	if (fault_is(cause, FAULT_MAIL)) {
		log_warning("message %" PRId64 ": %s", in->id, cause->message);
		return claim_reader_died(db, in, error);
	}
	if (fault_is(cause, FAULT_REFUSED)) {
		log_warning("message %" PRId64 ": %s", in->id, cause->message);
		return claim_failed(db, in, error);
	}
	log_warning("message %" PRId64 " is tried again later: %s", in->id,
		cause->message);
	if (fault_is(cause, FAULT_UNSURE) || !claim_postpone(db, in, error)) {
		if (*error == NULL)
			g_propagate_error(error, g_steal_pointer(&cause));
		return false;
	}
	/* a hanging agent is for the supervisor to end */
	if (pgp_timed_out(w->work.pgp))
		g_propagate_error(error, g_steal_pointer(&cause));
	return *error == NULL;
}

/* One message, if there is one; *any tells whether there was. */
static bool
work_on_one(struct worker *w, bool *any, GError **error)
{
	g_autoptr(inbound_auto) in = NULL;
	bool mine;

	if (!claim_next(w->work.db, w->schema, &in, error))
		return false;
	*any = in != NULL;
	if (in == NULL)
		return true;
	if (!claim_hold(w->work.db, in, &mine, error))
		return false;
	if (!mine) {
		db_rollback(w->work.db);
		return true;
	}
	return case_work_do(&w->work, in, error) || recover(w, in, error);
}

/* *did: it was done; false only if the process should end. */
static bool
do_chore(struct worker *w,
	bool (*chore)(struct case_work *, bool *, GError **), bool *did,
	GError **error)
{
	*did = false;
	if (chore(&w->work, did, error)) {
		if (*did)
			chore_done(&w->work);
		return true;
	}
	*did = false;
	return chore_postpone(&w->work, error);
}

static bool
tell_of_flood(struct worker *w, bool *any, GError **error)
{
	bool sent;

	if (!do_chore(w, digest_send, &sent, error))
		return false;
	*any |= sent;
	return true;
}

/* One thing that is no message: a deadline, an order, a canary, a digest. */
static bool
do_other_work(struct worker *w, bool *any, GError **error)
{
	bool (*const kinds[])(struct case_work *, bool *, GError **) = {
		deadline_work_do, operator_work_do, canary_work_do,
		morning_send};
	bool did = false, due;

	/* one question between messages, and not after each of a backlog */
	if (*any && clock_ticks() - w->looked_at < OTHER_EVERY)
		return true;
	w->looked_at = clock_ticks();
	if (!claim_other_work(w->work.db, &due, error))
		return false;
	for (size_t i = 0; due && i < G_N_ELEMENTS(kinds) && !did; i++)
		if (!do_chore(w, kinds[i], &did, error))
			return false;
	*any |= did;
	return true;
}

static bool
serve(struct worker *w, GError **error)
{
	while (!stop_wanted()) {
		bool any;
		int wait;

		log_mailbox(NULL);
		if (!w->launch->once && pgp_is_stale(w->work.pgp)) {
			/* out of reach from here */
			log_info("the public keys have changed: a new worker "
				"reads them");
			break;
		}
		if (!work_on_one(w, &any, error) ||
			!do_other_work(w, &any, error))
			return false;
		/* a flood is no reason not to tell of it */
		if ((!any || ++w->done % DIGEST_EVERY == 0) &&
			!tell_of_flood(w, &any, error))
			return false;
		if (any)
			continue;
		if (w->launch->once)
			break;
		if (!claim_wait(w->work.db, &wait, error))
			return false;
		if (wait < 0 || wait > LOOK_EVERY)
			wait = LOOK_EVERY;
		malloc_trim(0);
		/* one that came with an answer makes no socket readable */
		if (!db_notified(w->work.db))
			stop_wait(db_socket(w->work.db), wait);
		db_notified(w->work.db);
	}
	return true;
}

/* Of a decryption it is the key of the mailbox at hand (NULL). */
static void
tell_of_key(void *data, const char *fingerprint, bool good)
{
	const struct case_work *work = data;
	const char *key = fingerprint ? fingerprint : work->key;

	if (key != NULL)
		health_tell("key", key, good);
}

static const char sql_expires[] =
	"SELECT mailbox_key_expires($1, to_timestamp(nullif($2::numeric, 0)"
	" / 1000000))";

/* For monitoring; a key that is not there is told when it is needed. */
static bool
note_keys(struct worker *w, GError **error)
{
	const GPtrArray *boxes = w->launch->conf->mailboxes;

	for (guint i = 0; i < boxes->len; i++) {
		const struct mailbox *box = boxes->pdata[i];
		moment when = 0;

		if (pgp_expires(w->work.pgp, box->key, &when, NULL) &&
			!db_run(w->work.db, error, sql_expires,
			    PARAM_TEXT(box->name), PARAM_INT8(when)))
			return false;
	}
	return true;
}

/* What is out of reach from jail. */
static void
load_templates(const struct conf *conf)
{
	g_autoptr(GPtrArray) faults = letter_templates_load(conf);

	for (guint i = 0; i < faults->len; i++)
		log_warning("%s", (const char *)faults->pdata[i]);
}

/* Before the first byte of a message. */
static bool
go_to_jail(struct worker *w, GError **error)
{
	const char *home, *engine;

	load_templates(w->launch->conf);
	pgp_places(w->work.pgp, &home, &engine);
	return jail_worker(home, engine, error);
}

static bool
start(struct worker *w, GError **error)
{
	const struct launch *launch = w->launch;
	g_autofree char *name =
		g_strdup_printf("worker-%" PRId64, launch->index);

	w->schema = schema_wanted();
	w->work.conf = launch->conf;
	w->work.once = launch->once;
	w->work.db = launch_database(launch, error);
	if (w->work.db == NULL)
		return false;
	w->work.pgp = pgp_open(launch->conf, launch->runtime_dir, name, error);
	if (w->work.pgp == NULL || !go_to_jail(w, error))
		return false;
	w->work.readers = readers_new(launch->conf);
	pgp_watch(w->work.pgp, tell_of_key, &w->work);
	return launch_count(launch, w->work.db, error) && note_keys(w, error) &&
		(launch->index > 1 || chore_warn(&w->work, error)) &&
		db_run(w->work.db, error, "LISTEN meldpunt_inbound") &&
		db_run(w->work.db, error, "LISTEN meldpunt_deadlines") &&
		db_run(w->work.db, error, "LISTEN meldpunt_operator_orders") &&
		db_run(w->work.db, error, "LISTEN meldpunt_canaries");
}

int
worker_run(const struct launch *launch)
{
	struct worker w = {.launch = launch};
	g_autoptr(GError) error = NULL;
	int status = EX_OK;

	if (!start(&w, &error) || !serve(&w, &error))
		status = stop_wanted() && error == NULL ? EX_OK
							: role_failed(error);
	if (w.work.pgp != NULL && pgp_timed_out(w.work.pgp))
		status = EX_UNAVAILABLE;
	case_work_clear(&w.work);
	return status;
}

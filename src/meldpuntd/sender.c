/*
 * The sender of one mailbox: from the table outbound to SMTP.  It knows the
 * SMTP secret and the bytes of letters; keys and cases are out of its reach.
 *
 * `sending` is committed before the first byte, and the row locked again
 * while it is sent: a row that says `sending` and that nobody holds belongs
 * to a sender that died, and nobody knows whether the letter went.
 */
#include "meldpuntd/roles.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/stop.h"
#include "edge/jail.h"
#include "edge/smtp.h"
#include "meldpuntd/health.h"

#include <malloc.h>
#include <string.h>
#include <sysexits.h>

#define IDLE_MAX (4 * CLOCK_MINUTE) /* servers close after five */
#define LOOK_EVERY 5000		    /* milliseconds, NOTIFY or not */

struct sender {
	const struct launch *launch;
	const struct mailbox *mailbox;
	struct db *db;
	struct smtp *smtp;
	int64_t mailbox_id;
	int64_t last_used; /* ticks */
	bool over;	   /* the process has to end (a new one connects) */
};

/* A claimed letter with its recipients, which are rows of outbound. */
struct errand {
	int64_t letter;
	int64_t size;
	char *kind;
	char *message_id;
	char *from;
	char *number;
	GArray *stops; /* struct stop */
};

struct stop {
	int64_t id;
	int64_t attempts;
	char *to;
};

static void
stop_clear(void *data)
{
	g_free(((struct stop *)data)->to);
}

static void
errand_free(struct errand *errand)
{
	if (errand == NULL)
		return;
	g_free(errand->kind);
	g_free(errand->message_id);
	g_free(errand->from);
	g_free(errand->number);
	g_array_unref(errand->stops);
	g_free(errand);
}
typedef struct errand errand_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(errand_auto, errand_free)

static const char sql_claim[] = "SELECT * FROM outbound_claim($1::smallint)";

/* *errand is NULL if there is nothing to send now. */
static bool
claim(struct sender *s, struct errand **errand, GError **error)
{
	g_autoptr(rows) found = db_query(s->db, error, sql_claim,
		PARAM_INT8(s->mailbox_id));
	struct errand *e;

	*errand = NULL;
	if (found == NULL)
		return false;
	if (rows_count(found) == 0)
		return true;
	*errand = e = g_new0(struct errand, 1);
	e->letter = rows_int8(found, 0, "letter");
	e->size = rows_int8(found, 0, "size");
	e->kind = g_strdup(rows_text(found, 0, "kind"));
	e->message_id = g_strdup(rows_text(found, 0, "message_id"));
	e->from = g_strdup(rows_text(found, 0, "envelope_from"));
	e->number = g_strdup(rows_text(found, 0, "number"));
	e->stops = g_array_new(FALSE, FALSE, sizeof(struct stop));
	g_array_set_clear_func(e->stops, stop_clear);
	for (int i = 0; i < rows_count(found); i++) {
		const struct stop stop = {.id = rows_int8(found, i, "id"),
			.attempts = rows_int8(found, i, "attempts"),
			.to = g_strdup(rows_text(found, i, "recipient"))};

		g_array_append_val(e->stops, stop);
	}
	return true;
}

static const char sql_hold[] =
	"SELECT outbound_hold($1, $2::integer) AS mine";

/* Locks the rows again; those that are no longer ours are left out. */
static bool
hold(struct sender *s, struct errand *e, GError **error)
{
	for (guint i = e->stops->len; i > 0; i--) {
		const struct stop *stop =
			&g_array_index(e->stops, struct stop, i - 1);
		g_autoptr(rows) held = db_query(s->db, error, sql_hold,
			PARAM_INT8(stop->id), PARAM_INT8(stop->attempts));

		if (held == NULL)
			return false;
		if (!rows_bool(held, 0, "mine"))
			g_array_remove_index(e->stops, i - 1);
	}
	return true;
}

static const char *
outcome_of(const struct smtp_recipient *r)
{
	if (r->accepted)
		return "sent";
	if (r->code >= 500)
		return "failed";
	if (r->code == 0 && r->offered)
		return "unsure";
	return "retry";
}

static const char sql_settle[] =
	"SELECT outbound_settle($1, $2::integer, $3, $4::integer, $5) AS state";

static bool
settle(struct sender *s, const struct errand *e, const struct stop *stop,
	const struct smtp_recipient *r, GError **error)
{
	g_autoptr(rows) settled = db_query(s->db, error, sql_settle,
		PARAM_INT8(stop->id), PARAM_INT8(stop->attempts),
		PARAM_TEXT(outcome_of(r)), PARAM_INT8(r->code),
		PARAM_TEXT(r->text ? r->text : ""));
	const char *state;

	if (settled == NULL)
		return false;
	state = rows_text(settled, 0, "state");
	if (strcmp(state, "sent") == 0)
		log_case("letter-sent", e->number, "%s accepted", e->kind);
	else
		log_case("letter-not-sent", e->number,
			"%s: reply code %d, now %s", e->kind, r->code, state);
	return true;
}

/* A letter that the server has said it will not take is not offered. */
static void
offer(struct sender *s, const struct errand *e, struct smtp_recipient *all,
	const struct bytes *bytes)
{
	const struct envelope envelope = {.from = e->from,
		.envid = e->message_id,
		.recipients = all,
		.count = e->stops->len};
	uint64_t limit = smtp_size_limit(s->smtp);

	if (limit == 0 || (uint64_t)e->size <= limit) {
		smtp_send(s->smtp, &envelope, bytes);
		return;
	}
	for (guint i = 0; i < e->stops->len; i++) {
		all[i].code = 552;
		all[i].text = g_strdup("larger than the server's SIZE");
	}
}

static bool
deliver(struct sender *s, struct errand *e, GError **error)
{
	g_autofree struct smtp_recipient *all = NULL;
	g_autoptr(bytes_auto) bytes = NULL;
	bool good = true;

	if (!db_begin(s->db, error) || !hold(s, e, error))
		return false;
	if (e->stops->len == 0)
		return db_commit(s->db, error);
	bytes = blob_load_letter(s->db, e->letter, error);
	if (bytes == NULL)
		return false;
	all = g_new0(struct smtp_recipient, e->stops->len);
	for (guint i = 0; i < e->stops->len; i++)
		all[i].address = g_array_index(e->stops, struct stop, i).to;
	offer(s, e, all, bytes);
	s->last_used = clock_ticks();
	s->over |= !smtp_alive(s->smtp);
	for (guint i = 0; i < e->stops->len; i++) {
		good = good && settle(s, e,
				       &g_array_index(e->stops, struct stop, i),
				       &all[i], error);
		g_free(all[i].text);
	}
	return good && db_commit(s->db, error);
}

static const char sql_size[] =
	"SELECT mailbox_smtp_size($1::smallint, $2::bigint)";

/* Sockets first, then the filter, then the peer's first byte. */
static bool
connect_server(struct sender *s, GError **error)
{
	const struct server *server = &s->mailbox->smtp;
	g_autoptr(secret_auto) secret =
		launch_secret(s->launch, server, error);
	const char *domain = strrchr(s->mailbox->address, '@') + 1;

	if (secret == NULL)
		return false;
	s->smtp = smtp_dial(server, s->launch->conf->network_time, error);
	if (s->smtp == NULL || !jail_talker(server->ca_file, error))
		return false;
	s->last_used = clock_ticks();
	return smtp_login(s->smtp, server, domain, secret,
		       *server->token_command != '\0', error) &&
		db_run(s->db, error, sql_size, PARAM_INT8(s->mailbox_id),
			PARAM_INT8(smtp_size_limit(s->smtp)));
}

static const char sql_next[] =
	"SELECT outbound_next($1::smallint) AS seconds";
static const char sql_recover[] =
	"SELECT outbound_recover($1::smallint) AS found";

/* Whether something is due; else *wait says in how many milliseconds. */
static bool
look(struct sender *s, bool *due, int *wait, GError **error)
{
	g_autoptr(rows) recovered = db_query(s->db, error, sql_recover,
		PARAM_INT8(s->mailbox_id));
	g_autoptr(rows) next = NULL;
	const char *seconds;

	if (recovered == NULL)
		return false;
	if (rows_int8(recovered, 0, "found") > 0)
		log_info("letters of a sender that died are tried once more");
	next = db_query(s->db, error, sql_next, PARAM_INT8(s->mailbox_id));
	if (next == NULL)
		return false;
	seconds = rows_text(next, 0, "seconds");
	*due = seconds != NULL && g_ascii_strtod(seconds, NULL) <= 0;
	*wait = LOOK_EVERY;
	if (seconds != NULL)
		*wait = CLAMP(g_ascii_strtod(seconds, NULL) * 1000 + 1, 1,
			LOOK_EVERY);
	return true;
}

/* Sends all that is due over the connection. */
static bool
send_all(struct sender *s, GError **error)
{
	while (!stop_wanted() && !s->over) {
		g_autoptr(errand_auto) errand = NULL;

		if (!smtp_alive(s->smtp)) {
			s->over = true;
			break;
		}
		if (!claim(s, &errand, error))
			return false;
		if (errand == NULL)
			break;
		if (!deliver(s, errand, error))
			return false;
	}
	return true;
}

static bool
serve(struct sender *s, GError **error)
{
	while (!stop_wanted() && !s->over) {
		bool due;
		int wait;

		if (!look(s, &due, &wait, error))
			return false;
		if (due) {
			if (s->smtp == NULL && !connect_server(s, error)) {
				if (db_alive(s->db))
					health_tell("smtp", s->mailbox->name,
						false);
				return false;
			}
			health_tell("smtp", s->mailbox->name, true);
			if (!send_all(s, error))
				return false;
			continue;
		}
		if (s->launch->once)
			break;
		malloc_trim(0);
		/* one that came with an answer makes no socket readable */
		if (!db_notified(s->db))
			stop_wait(db_socket(s->db), wait);
		db_notified(s->db);
		/* the filter allows no second connection: a new process */
		if (s->smtp != NULL &&
			clock_ticks() - s->last_used > IDLE_MAX)
			s->over = true;
	}
	return true;
}

static const char sql_enter[] = "SELECT mailbox_enter($1, $2, $3) AS id";

static bool
start(struct sender *s, GError **error)
{
	g_autoptr(rows) entered = NULL;

	s->db = launch_database(s->launch, error);
	if (s->db == NULL)
		return false;
	entered = db_query(s->db, error, sql_enter,
		PARAM_TEXT(s->mailbox->name), PARAM_TEXT(s->mailbox->prefix),
		PARAM_TEXT(s->mailbox->address));
	if (entered == NULL)
		return false;
	s->mailbox_id = rows_int8(entered, 0, "id");
	return launch_count(s->launch, s->db, error) &&
		db_run(s->db, error, "LISTEN meldpunt_outbound");
}

int
sender_run(const struct launch *launch)
{
	struct sender s = {.launch = launch};
	g_autoptr(GError) error = NULL;
	int status;

	s.mailbox = conf_mailbox(launch->conf, launch->mailbox);
	log_mailbox(launch->mailbox);
	if (start(&s, &error) && serve(&s, &error))
		status = s.over ? EX_TEMPFAIL : EX_OK;
	else if (stop_wanted() && error == NULL)
		status = EX_OK;
	else
		status = role_failed(error);
	/* what a mail server does is no reason to end the daemon */
	if (status == EX_CONFIG && s.smtp != NULL)
		status = EX_NOPERM;
	smtp_close(s.smtp);
	db_close(s.db);
	return status;
}

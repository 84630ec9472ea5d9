/* meldpunt doctor: tries everything that has to work, and says what to do. */
#include "meldpunt/doctor.h"
#include "meldpunt/command.h"

#include "base/secret.h"
#include "base/stop.h"
#include "base/text.h"
#include "edge/pgp.h"
#include "edge/pgp_agent.h"
#include "edge/privileges.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sysexits.h>

#define CANARY_PATIENCE (60 * CLOCK_SECOND)
#define DISK_LEAST (INT64_C(1) << 30)

void
doctor_say(struct doctor *doctor, enum verdict verdict, const char *check,
	const char *format, ...)
{
	static const char *const words[] = {"ok", "warn", "fail"};
	va_list arguments;
	g_autofree char *raw = NULL, *text = NULL;

	va_start(arguments, format);
	raw = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	text = text_line(raw, 1000);
	if (doctor->json) {
		g_autofree char *escaped = text_json(text);

		printf("%s{\"check\": \"%s\", \"verdict\": \"%s\", \"text\": "
		       "%s}", doctor->any ? ",\n" : "[", check,
			words[verdict], escaped);
	} else
		printf("%-4s  %s: %s\n", words[verdict], check, text);
	fflush(stdout);
	doctor->any = true;
	doctor->worst = MAX(doctor->worst, verdict);
}

bool
doctor_blame(struct doctor *doctor, const char *check, GError **error)
{
	if (*error == NULL)
		return false;
	doctor_say(doctor, VERDICT_FAIL, check, "%s", (*error)->message);
	g_clear_error(error);
	return true;
}

/* NULL after saying why; "" where no secret is configured. */
static char *
read_secret(struct doctor *doctor, const struct server *server,
	const char *check)
{
	g_autoptr(GError) error = NULL;
	char *secret = NULL;

	if (*server->token_command != '\0')
		secret = secret_read_command(server->token_command, &error);
	else if (*server->password_file != '\0')
		secret = secret_read_file(server->password_file, &error);
	else
		secret = g_strdup("");
	doctor_blame(doctor, check, &error);
	return secret;
}

static void
check_expiry(struct doctor *doctor, struct pgp *pgp, const char *key,
	const char *check)
{
	g_autoptr(GError) error = NULL;
	moment end;
	int64_t days;

	if (!pgp_expires(pgp, key, &end, &error)) {
		doctor_blame(doctor, check, &error);
		return;
	}
	days = (end - clock_now()) / CLOCK_DAY;
	if (end != 0 && end < clock_now())
		doctor_say(doctor, VERDICT_FAIL, check,
			"the key %s has expired: renew it and import it again",
			key);
	else if (end != 0 && days < 90)
		doctor_say(doctor, days < 7 ? VERDICT_FAIL : VERDICT_WARN,
			check, "the key %s expires in %" PRId64 " days: renew "
			"it and import it again", key, days);
}

/* Signs, encrypts to the key and, for our own, decrypts again. */
static void
try_key(struct doctor *doctor, struct pgp *pgp, const char *signer,
	const char *key, const char *check)
{
	static const char text[] = "A trial of meldpunt doctor.\n";
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) keys = g_ptr_array_new();
	g_autoptr(bytes_auto) plain = bytes_new();
	g_autoptr(bytes_auto) sealed = NULL;
	struct opened opened = {0};
	bool own = strcmp(signer, key) == 0;

	g_ptr_array_add(keys, (void *)key);
	bytes_append(plain, text, strlen(text));
	sealed = pgp_seal(pgp, signer, keys, NULL, plain, &error);
	if (sealed == NULL ||
		(own && !pgp_decrypt(pgp, sealed, NULL, &opened, &error)))
		doctor_blame(doctor, check, &error);
	else if (own && (opened.plain == NULL ||
				opened.signature != SIGNATURE_GOOD))
		doctor_say(doctor, VERDICT_FAIL, check,
			"what was encrypted to key %s cannot be read again: "
			"%s", key, opened.failure ? opened.failure
						  : "bad signature");
	else
		doctor_say(doctor, VERDICT_OK, check, own
				? "key %s signs, encrypts and decrypts"
				: "key %s can be encrypted to", key);
	opened_clear(&opened);
}

#define HASHES_MANY 1000000 /* S2K: some milliseconds */

static void
check_hashing(struct doctor *doctor)
{
	g_autofree char *home =
		g_build_filename(doctor->conf->state_dir, "gnupg", NULL);
	unsigned int count = pgp_agent_hash_count(home);

	if (count > HASHES_MANY)
		doctor_say(doctor, VERDICT_WARN, "passphrase",
			"a key's is hashed %u times in every operation, which "
			"takes up to half a second: while the daemon runs, set "
			"it anew: gpg --homedir %s --change-passphrase KEY",
			count, home);
}

static void
check_keys(struct doctor *doctor)
{
	const struct conf *conf = doctor->conf;
	g_autoptr(GError) error = NULL;
	g_autofree char *runtime = privileges_runtime_dir(conf, &error);
	g_autoptr(pgp_auto) pgp =
		runtime ? pgp_open(conf, runtime, "doctor", &error) : NULL;
	const struct mailbox *first = conf->mailboxes->pdata[0];
	g_autofree char *home = g_build_filename(conf->state_dir, "gnupg", NULL);
	bool agent = pgp_agent_runs(home);

	if (doctor_blame(doctor, "keys", &error))
		return;
	if (!agent)
		doctor_say(doctor, VERDICT_WARN, "agent", "no gpg-agent runs: "
			"start the daemon, whose it is, to try the keys");
	check_hashing(doctor);
	for (guint i = 0; i < conf->mailboxes->len; i++) {
		const struct mailbox *box = conf->mailboxes->pdata[i];
		g_autofree char *check = g_strdup_printf("key %s", box->name);

		if (agent)
			try_key(doctor, pgp, box->key, box->key, check);
		check_expiry(doctor, pgp, box->key, check);
	}
	for (guint i = 0; i < conf->staff->len; i++) {
		const struct staff *staff = conf->staff->pdata[i];
		g_autofree char *check =
			g_strdup_printf("key %s", staff->address);

		if (*staff->key == '\0')
			continue;
		if (agent)
			try_key(doctor, pgp, first->key, staff->key, check);
		check_expiry(doctor, pgp, staff->key, check);
	}
}

static const char sql_state[] =
	"SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now,"
	" (SELECT count(*) FROM inbound WHERE state = 'quarantined')"
	" AS quarantined, (SELECT count(*) FROM outbound WHERE state = 'queued'"
	" AND due_at < now() - interval '1 hour') AS stuck,"
	" (SELECT count(*) FROM inbound WHERE state = 'new'"
	" AND fetched_at < now() - interval '1 hour') AS waiting";

static bool
check_database(struct doctor *doctor, struct session *session)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(rows) state = db_query(session->db, &error, sql_state);
	int64_t drift;

	if (state == NULL)
		return !doctor_blame(doctor, "database", &error);
	doctor_say(doctor, VERDICT_OK, "database", "schema is up to date");
	drift = ABS(rows_int8(state, 0, "now") - clock_now());
	doctor_say(doctor, drift > 5 * CLOCK_SECOND ? VERDICT_WARN : VERDICT_OK,
		"clock", "%.1f s from the database's%s",
		(double)drift / CLOCK_SECOND,
		drift > 5 * CLOCK_SECOND ? ": synchronise both with NTP" : "");
	if (rows_int8(state, 0, "quarantined") > 0)
		doctor_say(doctor, VERDICT_WARN, "quarantine",
			"%" PRId64 " messages: meldpunt quarantine list",
			rows_int8(state, 0, "quarantined"));
	if (rows_int8(state, 0, "stuck") > 0)
		doctor_say(doctor, VERDICT_WARN, "queue",
			"%" PRId64 " letters wait for over an hour: meldpunt "
			"queue", rows_int8(state, 0, "stuck"));
	if (rows_int8(state, 0, "waiting") > 0)
		doctor_say(doctor, VERDICT_FAIL, "inbound",
			"%" PRId64 " messages wait for over an hour: is the "
			"daemon running?", rows_int8(state, 0, "waiting"));
	return true;
}

static void
check_disk(struct doctor *doctor)
{
	struct statvfs disk;
	int64_t free_bytes;

	if (statvfs(doctor->conf->state_dir, &disk) != 0)
		return;
	free_bytes = (int64_t)disk.f_bavail * disk.f_frsize;
	doctor_say(doctor, free_bytes < DISK_LEAST ? VERDICT_WARN : VERDICT_OK,
		"disk", "%" PRId64 " MiB free in state_dir%s",
		free_bytes >> 20,
		free_bytes < DISK_LEAST ? ": make room" : "");
}

static const char sql_ask[] =
	"INSERT INTO canaries (mailbox, subaddress)"
	" SELECT id, $2 FROM mailboxes WHERE name = $1 RETURNING id";
static const char sql_look[] =
	"SELECT letter IS NOT NULL AS sent, seen_at IS NOT NULL AS seen,"
	" coalesce(good, false) AS good FROM canaries WHERE id = $1";

/* What became of a canary by the end of our patience; NULL on trouble. */
static struct rows *
await_canary(struct session *session, int64_t id, GError **error)
{
	int64_t end = clock_ticks() + CANARY_PATIENCE;

	for (;;) {
		struct rows *found =
			db_query(session->db, error, sql_look, PARAM_INT8(id));

		if (found == NULL || rows_bool(found, 0, "seen") ||
			clock_ticks() > end)
			return found;
		rows_free(found);
		if (!db_notified(session->db))
			stop_wait(db_socket(session->db), 1000);
	}
}

static void
send_canary(struct doctor *doctor, struct session *session,
	const struct mailbox *box, bool subaddress)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *check = g_strdup_printf("%s %s",
		subaddress ? "reply-address" : "canary", box->name);
	g_autoptr(rows) asked = db_query(session->db, &error, sql_ask,
		PARAM_TEXT(box->name), PARAM_BOOL(subaddress));
	g_autoptr(rows) found = NULL;

	if (asked != NULL && rows_count(asked) == 0) {
		doctor_say(doctor, VERDICT_FAIL, check,
			"the daemon has not run yet: start it");
		return;
	}
	if (asked != NULL)
		found = await_canary(session, rows_int8(asked, 0, "id"),
			&error);
	if (found == NULL)
		doctor_blame(doctor, check, &error);
	else if (rows_bool(found, 0, "good"))
		doctor_say(doctor, VERDICT_OK, check,
			"went out, came back, was decrypted and recognised%s",
			subaddress ? "; reply addresses are in use" : "");
	else if (rows_bool(found, 0, "seen"))
		doctor_say(doctor, VERDICT_FAIL, check,
			"came back, but not as it was sent");
	else if (!rows_bool(found, 0, "sent"))
		doctor_say(doctor, VERDICT_FAIL, check,
			"no worker has sent it: is the daemon running?");
	else
		doctor_say(doctor, subaddress ? VERDICT_WARN : VERDICT_FAIL,
			check, subaddress
				? "did not come back: the mail server does not "
				  "deliver address+detail, so answers are "
				  "recognised by their thread only"
				: "did not come back: look at meldpunt queue "
				  "and at the mail server's log");
}

/* Secrets are root's: read them all before root is left. */
static void
check_servers(struct doctor *doctor)
{
	const struct conf *conf = doctor->conf;
	g_autoptr(GError) error = NULL;
	guint n = conf->mailboxes->len;
	g_autofree char **secrets = g_new0(char *, 2 * n);

	for (guint i = 0; i < n; i++) {
		const struct mailbox *box = conf->mailboxes->pdata[i];

		secrets[2 * i] = read_secret(doctor, &box->imap, box->name);
		secrets[2 * i + 1] = read_secret(doctor, &box->smtp, box->name);
	}
	if (!privileges_drop(conf, &error))
		doctor_blame(doctor, "user", &error);
	for (guint i = 0; i < n; i++) {
		const struct mailbox *box = conf->mailboxes->pdata[i];

		if (secrets[2 * i] != NULL)
			doctor_imap(doctor, box, secrets[2 * i]);
		if (secrets[2 * i + 1] != NULL)
			doctor_smtp(doctor, box, secrets[2 * i + 1]);
		secret_free(secrets[2 * i]);
		secret_free(secrets[2 * i + 1]);
	}
}

static void
check_by_database(struct doctor *doctor, const struct command_line *line,
	bool canaries)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(session_auto) session = session_open(line, &error);

	if (session == NULL || !db_run(session->db, &error,
				       "LISTEN meldpunt_canaries")) {
		doctor_blame(doctor, "database", &error);
		return;
	}
	if (!check_database(doctor, session))
		return;
	for (guint i = 0; canaries && i < doctor->conf->mailboxes->len; i++) {
		send_canary(doctor, session, doctor->conf->mailboxes->pdata[i],
			false);
		send_canary(doctor, session, doctor->conf->mailboxes->pdata[i],
			true);
	}
}

int
command_doctor(struct command_line *line)
{
	gboolean no_canary = FALSE;
	const GOptionEntry entries[] = {
		{"no-canary", 0, 0, G_OPTION_ARG_NONE, &no_canary,
			"Send no mail", NULL},
		{0}};
	g_autoptr(conf_auto) conf = NULL;
	g_autoptr(GError) error = NULL;
	struct doctor doctor = {0};

	if (!command_parse(line, entries, 0, 0))
		return EX_USAGE;
	doctor.json = line->json;
	conf = conf_load(line->conf_path, &error);
	if (conf == NULL) {
		doctor_blame(&doctor, "configuration", &error);
		if (line->json)
			puts("]");
		return VERDICT_FAIL;
	}
	doctor.conf = conf;
	doctor_say(&doctor, VERDICT_OK, "configuration", "%s",
		line->conf_path);
	check_servers(&doctor);
	check_disk(&doctor);
	check_keys(&doctor);
	check_by_database(&doctor, line, !no_canary);
	if (line->json)
		puts("]");
	return doctor.worst;
}

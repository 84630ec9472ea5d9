/* meldpunt backup and restore: database, keys and configuration. */
#include "meldpunt/command.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/secret.h"
#include "edge/imap.h"
#include "edge/privileges.h"
#include "edge/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define NUMBERS_SKIPPED 100 /* what was given out after the backup */
#define MOVED_AT_ONCE 500

/* The first line of a complaint, without the words of a server in it: they may
 * quote a report. */
static char *
harmless(char *words)
{
	char *server = strstr(words, "ERROR:");

	if (server != NULL)
		*server = '\0';
	words[strcspn(words, "\n")] = '\0';
	return g_strchomp(words);
}

/* Runs a program; password is the database's, or NULL. */
static bool
run(const char *const *argv, const char *password, GError **error)
{
	g_auto(GStrv) environment = g_get_environ();
	g_autofree char *words = NULL;
	g_autoptr(GError) why = NULL;
	int status = 0;

	if (password != NULL)
		environment = g_environ_setenv(environment, "PGPASSWORD",
			password, TRUE);
	if (!g_spawn_sync(NULL, (char **)argv, environment,
		    G_SPAWN_SEARCH_PATH | G_SPAWN_CHILD_INHERITS_STDIN, NULL,
		    NULL, NULL, &words, &status, &why))
		return fault_set(error, FAULT_SETUP, "%s", why->message);
	if (status == 0)
		return true;
	return fault_set(error, FAULT_SETUP, "%s: %s", argv[0],
		harmless(words));
}

/* libpq's words for the embedded cluster, as its owner. */
static char *
owner_conninfo(const struct conf *conf)
{
	g_autofree char *conninfo = cluster_conninfo(conf);

	return g_strdup_printf("%s user=meldpunt_admin", conninfo);
}

/* A backup's files, opened while we may still do what root may. */
struct backup {
	int keys;
	int database; /* -1: there is none */
	int configuration;
};

/* Runs a program that reads from or writes to this file. */
static bool
run_with(int file, int stream, const char *const *argv, const char *password,
	GError **error)
{
	int before = fcntl(stream, F_DUPFD_CLOEXEC, 3);
	bool good;

	fflush(stdout);
	dup2(file, stream);
	good = run(argv, password, error);
	if (before >= 0) {
		dup2(before, stream);
		close(before);
	}
	return good;
}

static bool
create(const char *directory, const char *name, int *fd, GError **error)
{
	g_autofree char *path = g_build_filename(directory, name, NULL);

	*fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return *fd >= 0 || fault_set(error, FAULT_SETUP, "%s: %s", path,
		g_strerror(errno));
}

static bool
create_backup(struct backup *backup, const char *directory, bool embedded,
	GError **error)
{
	if (mkdir(directory, 0700) != 0)
		return fault_set(error, FAULT_SETUP, "%s: %s", directory,
			errno == EEXIST ? "it is there already: name a new "
				"directory" : g_strerror(errno));
	return create(directory, "meldpunt.conf", &backup->configuration,
		       error) &&
		create(directory, "gnupg.tar", &backup->keys, error) &&
		(!embedded ||
			create(directory, "database.dump", &backup->database,
				error));
}

static bool
dump_database(const struct conf *conf, const struct backup *backup,
	GError **error)
{
	g_autofree char *database = owner_conninfo(conf);
	g_autoptr(secret_auto) password =
		cluster_password(conf, "admin", error);
	const char *const argv[] = {"pg_dump", "--format=custom",
		"--schema=meldpunt", "--schema=meldpunt_private", database,
		NULL};

	return password != NULL &&
		run_with(backup->database, STDOUT_FILENO, argv, password,
			error);
}

static bool
save_keys(const struct conf *conf, const struct backup *backup, GError **error)
{
	/* sockets and locks belong to processes of this host */
	const char *const argv[] = {"tar", "-C", conf->state_dir,
		"--exclude=S.*", "--exclude=*.lock", "--exclude=.#*", "-cf",
		"-", "gnupg", NULL};

	return run_with(backup->keys, STDOUT_FILENO, argv, NULL, error);
}

static bool
save_configuration(const struct conf *conf, const struct backup *backup,
	GError **error)
{
	size_t length = strlen(conf->text);

	if (write(backup->configuration, conf->text, length) == (ssize_t)length)
		return true;
	return fault_set(error, FAULT_SETUP, "the configuration cannot be "
		"written: %s", g_strerror(errno));
}

/* All of it is on the disk before anybody is told that there is a backup. */
static bool
sync_backup(const struct backup *backup, GError **error)
{
	if (fsync(backup->configuration) == 0 && fsync(backup->keys) == 0 &&
		(backup->database < 0 || fsync(backup->database) == 0))
		return true;
	return fault_set(error, FAULT_SETUP, "the backup cannot be written: %s",
		g_strerror(errno));
}

static bool
save_all(const struct command_line *line, const char *directory,
	bool *embedded, GError **error)
{
	g_autoptr(session_auto) session = NULL;
	g_autoptr(conf_auto) conf = conf_load(line->conf_path, error);
	struct backup backup = {-1, -1, -1};

	if (conf == NULL)
		return false;
	*embedded = conf_is_embedded(conf);
	if (!create_backup(&backup, directory, *embedded, error))
		return false;
	session = session_open(line, error);
	/* keys last: one that a dumped message needs is then there */
	return session != NULL &&
		(!*embedded || dump_database(conf, &backup, error)) &&
		save_configuration(conf, &backup, error) &&
		save_keys(conf, &backup, error) && sync_backup(&backup, error);
}

int
command_backup(struct command_line *line)
{
	const GOptionEntry entries[] = {{0}};
	g_autoptr(GError) error = NULL;
	bool embedded = false;

	if (!command_parse(line, entries, 1, 1))
		return EX_USAGE;
	if (!save_all(line, line->argv[1], &embedded, &error))
		return command_failed(error);
	printf("%s: configuration, keys%s\n", line->argv[1],
		embedded
			? " and database"
			: "; the database is dumped where it runs (pg_dump)");
	puts("Not in it: files with passwords.  It holds reports and secret "
	     "keys: encrypt it.");
	return EX_OK;
}

static bool
open_backup(struct backup *backup, const char *directory, GError **error)
{
	g_autofree char *keys = g_build_filename(directory, "gnupg.tar", NULL);
	g_autofree char *database =
		g_build_filename(directory, "database.dump", NULL);

	backup->keys = open(keys, O_RDONLY | O_CLOEXEC);
	if (backup->keys < 0)
		return fault_set(error, FAULT_SETUP, "%s: %s", keys,
			g_strerror(errno));
	backup->database = open(database, O_RDONLY | O_CLOEXEC);
	return true;
}

/* The IMAP secrets of all mailboxes, also those that only root may read. */
static GPtrArray *
read_secrets(const char *path, GError **error)
{
	g_autoptr(conf_auto) conf = conf_load(path, error);
	g_autoptr(GPtrArray) secrets =
		g_ptr_array_new_with_free_func((GDestroyNotify)secret_free);

	for (guint i = 0; conf != NULL && i < conf->mailboxes->len; i++) {
		const struct mailbox *box = conf->mailboxes->pdata[i];
		const struct server *server = &box->imap;
		char *secret = *server->token_command
			? g_strdup("") /* asked for by the daemon's user */
			: secret_read_file(server->password_file, error);

		if (secret == NULL)
			return NULL;
		g_ptr_array_add(secrets, secret);
	}
	return conf ? g_steal_pointer(&secrets) : NULL;
}

/* A backup is put where nothing is that it could spoil. */
static bool
is_empty(const struct session *session, GError **error)
{
	g_autofree char *home =
		g_build_filename(session->conf->state_dir, "gnupg", NULL);
	int version = schema_version(session->db, error);

	if (version < 0)
		return false;
	if (version > 0)
		return fault_set(error, FAULT_SETUP, "the database has tables "
			"already: a backup is restored to an empty one only");
	if (access(home, F_OK) == 0)
		return fault_set(error, FAULT_SETUP, "%s is there already: a "
			"backup is restored to an empty machine only", home);
	return true;
}

static bool
load_keys(const struct conf *conf, const struct backup *backup, GError **error)
{
	const char *const argv[] = {"tar", "-C", conf->state_dir,
		"--no-same-owner", "-xpf", "-", NULL};

	return run_with(backup->keys, STDIN_FILENO, argv, NULL, error);
}

/* Into an empty cluster; then migrated, with this machine's passwords. */
static bool
load_database(const struct session *session, const struct backup *backup,
	GError **error)
{
	const struct conf *conf = session->conf;
	g_autofree char *database = owner_conninfo(conf);
	g_autofree char *into = g_strdup_printf("--dbname=%s", database);
	g_autoptr(secret_auto) password =
		cluster_password(conf, "admin", error);
	const char *const argv[] = {"pg_restore", "--exit-on-error",
		"--single-transaction", "--no-owner", "--no-privileges", into,
		NULL};

	if (password == NULL)
		return false;
	if (backup->database < 0)
		return fault_set(error, FAULT_SETUP,
			"the backup has no database.dump");
	return run_with(backup->database, STDIN_FILENO, argv, password,
		       error) &&
		schema_migrate(session->db, conf, true, false, NULL,
			error);
}

/* Numbers that were told after the backup must not be given to others. */
static const char sql_skip[] = "SELECT case_numbers_skip($1::integer)";

/* A message may have been fetched long after it arrived, out of a junk folder. */
static const char sql_since[] =
	"SELECT (extract(epoch FROM max(i.fetched_at) - interval '30 days')"
	" * 1000000)::bigint AS since"
	" FROM inbound i, mailboxes b WHERE b.id = i.mailbox AND b.name = $1";

static bool
move_back(struct imap *imap, const char *folder, const char *target,
	moment since, guint *count, GError **error)
{
	g_autoptr(GArray) uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	struct imap_folder state;

	if (!imap_select(imap, folder, &state, error))
		return false;
	for (uint32_t first = 1; first <= state.exists; first += 500) {
		g_autoptr(GPtrArray) slice = imap_list(imap, first, 500, error);

		if (slice == NULL)
			return false;
		for (guint i = 0; i < slice->len; i++) {
			const struct imap_message *m = slice->pdata[i];

			if (m->arrived >= since)
				g_array_append_val(uids, m->uid);
		}
	}
	*count += uids->len;
	/* a command has a length that servers accept */
	for (guint i = 0; i < uids->len; i += MOVED_AT_ONCE)
		if (!imap_move(imap, (const uint32_t *)uids->data + i,
			    MIN(uids->len - i, MOVED_AT_ONCE), target, error))
			return false;
	return true;
}

/* What was fetched after the backup goes back to where it is fetched from. */
static bool
refetch(const struct session *session, const struct mailbox *box,
	const char *password, GError **error)
{
	const struct server *server = &box->imap;
	g_autoptr(secret_auto) secret = *server->token_command
		? secret_read_command(server->token_command, error)
		: g_strdup(password);
	g_autoptr(rows) found =
		db_query(session->db, error, sql_since, PARAM_TEXT(box->name));
	g_autoptr(imap_auto) imap = NULL;
	guint count = 0;

	if (found == NULL || secret == NULL)
		return false;
	imap = imap_dial(server, session->conf->network_time, error);
	/* more than may be needed: what is known is recognised by its bytes */
	if (imap == NULL ||
		!imap_login(imap, server, secret, *server->token_command,
			error) ||
		!move_back(imap, box->done_folder, box->folders[0],
			rows_int8(found, 0, "since"), &count, error) ||
		!move_back(imap, box->failed_folder, box->folders[0],
			rows_int8(found, 0, "since"), &count, error))
		return false;
	printf("mailbox %s: %u messages back in %s\n", box->name, count,
		box->folders[0]);
	return true;
}

static bool
load_all(const struct session *session, const struct backup *backup,
	GError **error)
{
	if (!is_empty(session, error) ||
		!load_keys(session->conf, backup, error))
		return false;
	if (!conf_is_embedded(session->conf)) {
		puts("keys: restored.  Now restore the database where it runs "
		     "(pg_restore), run meldpunt\nmigrate, and this command "
		     "again with --mail-only.");
		return true;
	}
	if (!load_database(session, backup, error))
		return false;
	printf("database and keys: restored, schema version %d\n",
		schema_wanted());
	return true;
}

/* The mail of all mailboxes; numbers first, since that may be done again. */
static bool
load_mail(const struct session *session, const GPtrArray *secrets,
	GError **error)
{
	if (!db_run(session->db, error, sql_skip, PARAM_INT8(NUMBERS_SKIPPED)))
		return false;
	for (guint i = 0; i < secrets->len; i++)
		if (!refetch(session, session->conf->mailboxes->pdata[i],
			    secrets->pdata[i], error)) {
			g_prefix_error(error, "what was fetched since is not "
				"all back yet, run restore --mail-only again: ");
			return false;
		}
	return true;
}

static bool
restore_all(const struct command_line *line, bool no_mail, bool mail_only,
	GError **error)
{
	g_autoptr(session_auto) session = NULL;
	g_autoptr(GPtrArray) secrets =
		no_mail ? g_ptr_array_new() : read_secrets(line->conf_path, error);
	struct backup backup = {-1, -1, -1};

	if (secrets == NULL ||
		(!mail_only && !open_backup(&backup, line->argv[1], error)))
		return false;
	session = session_start(line, error);
	if (session == NULL ||
		(!mail_only && !load_all(session, &backup, error)))
		return false;
	if (!mail_only && !conf_is_embedded(session->conf))
		return true;
	return load_mail(session, secrets, error);
}

int
command_restore(struct command_line *line)
{
	gboolean no_mail = FALSE, mail_only = FALSE;
	const GOptionEntry entries[] = {
		{"no-mail", 0, 0, G_OPTION_ARG_NONE, &no_mail,
			"Leave the messages fetched since in done_folder",
			NULL},
		{"mail-only", 0, 0, G_OPTION_ARG_NONE, &mail_only,
			"Only move the messages fetched since back", NULL},
		{0}};
	g_autoptr(GError) error = NULL;

	if (!command_parse(line, entries, 1, 1))
		return EX_USAGE;
	if (!restore_all(line, no_mail, mail_only, &error))
		return command_failed(error);
	puts("Start the daemon, then run meldpunt doctor.");
	return EX_OK;
}

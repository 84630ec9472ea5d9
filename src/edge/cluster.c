#include "edge/cluster.h"

#include "base/fault.h"
#include "base/secret.h"
#include "edge/postmaster.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_SECONDS 60
#define USERS_SECONDS 10 /* that a stop waits for commands */

static const char *const roles[] = {"fetcher", "worker", "sender", "admin",
	NULL};

static char *
in_state(const struct conf *conf, const char *name)
{
	return g_build_filename(conf->state_dir, name, NULL);
}

char *
cluster_conninfo(const struct conf *conf)
{
	if (!conf_is_embedded(conf))
		return g_strdup(conf->database);
	return g_strdup_printf("host=%s/socket dbname=postgres",
		conf->state_dir);
}

char *
cluster_login(const char *role)
{
	return g_strdup_printf("meldpunt_%s", role);
}

/* One "role password" line each; written once, 0600, then renamed. */
static bool
make_passwords(const char *path, GError **error)
{
	g_autofree char *temporary = g_strdup_printf("%s.new", path);
	g_autoptr(GString) lines = g_string_new(NULL);
	bool good;
	int fd;

	for (int i = 0; roles[i] != NULL; i++) {
		g_autoptr(secret_auto) password = secret_token();

		g_string_append_printf(lines, "%s %s\n", roles[i], password);
	}
	unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	good = fd >= 0 &&
		write(fd, lines->str, lines->len) == (ssize_t)lines->len &&
		fsync(fd) == 0 && rename(temporary, path) == 0;
	if (!good)
		fault_set(error, FAULT_SETUP, "writing %s: %s", path,
			g_strerror(errno));
	if (fd >= 0)
		close(fd);
	explicit_bzero(lines->str, lines->len);
	return good;
}

char *
cluster_password(const struct conf *conf, const char *role, GError **error)
{
	g_autofree char *path = in_state(conf, "database.passwords");
	g_autofree char *text = NULL;
	g_autoptr(GError) why = NULL;
	char *password = NULL;
	char *save, *line;

	if (access(path, F_OK) != 0 && errno == ENOENT &&
		!make_passwords(path, error))
		return NULL;
	if (!g_file_get_contents(path, &text, NULL, &why)) {
		fault_set(error, FAULT_SETUP, "database passwords: %s",
			why->message);
		return NULL;
	}
	for (line = strtok_r(text, "\n", &save); line != NULL;
		line = strtok_r(NULL, "\n", &save)) {
		size_t length = strlen(role);

		if (strncmp(line, role, length) == 0 && line[length] == ' ')
			password = g_strdup(line + length + 1);
	}
	if (password == NULL)
		fault_set(error, FAULT_SETUP, "%s has no password for %s", path,
			role);
	return password;
}

/* The newest of Debian's /usr/lib/postgresql/N/bin; NULL if none. */
static char *
server_directory(int *version)
{
	g_autoptr(GDir) dir = g_dir_open("/usr/lib/postgresql", 0, NULL);
	const char *name;

	*version = 0;
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *program = g_strdup_printf(
			"/usr/lib/postgresql/%s/bin/postgres", name);
		int number = atoi(name);

		if (number > *version && access(program, X_OK) == 0)
			*version = number;
	}
	if (*version == 0)
		return NULL;
	return g_strdup_printf("/usr/lib/postgresql/%d/bin", *version);
}

/* Runs a program to its end in a directory, output discarded. */
static bool
run_in(const char *directory, const char *const *argv, GError **error)
{
	int status = 0;
	g_autofree char *complaint = NULL;

	if (g_spawn_sync(directory, (char **)argv, NULL,
		    G_SPAWN_STDOUT_TO_DEV_NULL,
		    NULL, NULL, NULL, &complaint, &status, error) &&
		status == 0)
		return true;
	if (complaint != NULL)
		fault_set(error, FAULT_SETUP, "%s failed: %s", argv[0],
			g_strdelimit(g_strchomp(complaint), "\n", ' '));
	return false;
}

static bool
run(const char *const *argv, GError **error)
{
	return run_in("/", argv, error);
}

static bool
make_cluster(const struct conf *conf, const char *programs, const char *data,
	GError **error)
{
	g_autofree char *initdb = g_build_filename(programs, "initdb", NULL);
	g_autofree char *unfinished = in_state(conf, "database.new");
	g_autofree char *file = in_state(conf, "database.initial");
	g_autofree char *pwfile = g_strdup_printf("--pwfile=%s", file);
	g_autoptr(secret_auto) password =
		cluster_password(conf, "admin", error);
	const char *const argv[] = {initdb, "-D", unfinished, "-U",
		"meldpunt_admin", "-A", "scram-sha-256", pwfile, "-E", "UTF8",
		"--locale=C.UTF-8", "--data-checksums", NULL};
	const char *const clear[] = {"/bin/rm", "-rf", "--", unfinished, NULL};
	bool good;

	if (password == NULL)
		return false;
	/* a killed initdb leaves half a cluster: only a rename makes it ours */
	good = run(clear, error) &&
		g_file_set_contents_full(file, password, -1,
			G_FILE_SET_CONTENTS_CONSISTENT, 0600, error) &&
		run(argv, error) && rename(unfinished, data) == 0;
	unlink(file);
	if (!good && error != NULL && *error == NULL)
		fault_set(error, FAULT_SETUP, "making %s: %s", data,
			g_strerror(errno));
	if (!good)
		g_prefix_error(error, "embedded database: ");
	return good;
}

/* The major version that made the data; 0 on failure. */
static int
data_version(const char *data, GError **error)
{
	g_autofree char *path = g_build_filename(data, "PG_VERSION", NULL);
	g_autofree char *text = NULL;

	if (g_file_get_contents(path, &text, NULL, NULL))
		return atoi(text);
	fault_set(error, FAULT_SETUP, "embedded database: %s cannot be read",
		path);
	return 0;
}

static bool
check_version(const char *data, int version, GError **error)
{
	int found = data_version(data, error);

	if (found == version)
		return true;
	if (found != 0)
		fault_set(error, FAULT_SETUP,
			"embedded database: its data is of PostgreSQL %d, the "
			"server here is %d: run \"meldpunt upgrade-database\"",
			found, version);
	return false;
}

static bool
run_cluster(struct cluster *cluster, const struct conf *conf, GError **error)
{
	g_autofree char *data = in_state(conf, "database");
	g_autofree char *socket = in_state(conf, "socket");
	g_autofree char *programs = NULL;
	g_autofree char *postgres = NULL;
	int version;

	programs = server_directory(&version);
	if (programs == NULL)
		return fault_set(error, FAULT_SETUP,
			"embedded database: no PostgreSQL server is installed "
			"(Debian package postgresql)");
	postgres = g_build_filename(programs, "postgres", NULL);
	if (access(data, F_OK) != 0 &&
		!make_cluster(conf, programs, data, error))
		return false;
	if (!check_version(data, version, error))
		return false;
	if (g_mkdir_with_parents(socket, 0700) != 0)
		return fault_set(error, FAULT_SETUP, "making %s: %s", socket,
			g_strerror(errno));
	cluster->postmaster = postmaster_start(postgres, data, socket);
	if (postmaster_wait(data, cluster->postmaster))
		return true;
	return fault_set(error, FAULT_LATER,
		"embedded database: the server did not start");
}

static int
open_lock(const struct conf *conf, const char *name)
{
	g_autofree char *path = in_state(conf, name);

	return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

/*
 * Runs the cluster if nobody does, joins who does, or waits while it is being
 * started or stopped.  Who waits holds nothing, so that nobody waits for it.
 */
static bool
run_or_join(struct cluster *cluster, const struct conf *conf,
	bool wait_for_lock, GError **error)
{
	int64_t until = clock_ticks() + 2 * START_SECONDS * CLOCK_SECOND;
	g_autofree char *data = in_state(conf, "database");

	while (clock_ticks() < until) {
		if (flock(cluster->lock_fd, LOCK_EX | LOCK_NB) == 0)
			return run_cluster(cluster, conf, error);
		if (!wait_for_lock &&
			flock(cluster->users_fd, LOCK_SH | LOCK_NB) == 0) {
			if (postmaster_is_ready(data, 0))
				return true;
			flock(cluster->users_fd, LOCK_UN);
		}
		g_usleep(20000);
	}
	return fault_set(error, FAULT_LATER, "embedded database: somebody else "
		"keeps it from being started (%s/database.lock)",
		conf->state_dir);
}

struct cluster *
cluster_start(const struct conf *conf, bool wait_for_lock, GError **error)
{
	g_autoptr(cluster_auto) cluster = g_new0(struct cluster, 1);

	cluster->users_fd = open_lock(conf, "database.users");
	cluster->lock_fd = open_lock(conf, "database.lock");
	if (cluster->lock_fd < 0 || cluster->users_fd < 0) {
		fault_set(error, FAULT_SETUP, "embedded database: %s: %s",
			conf->state_dir, g_strerror(errno));
		return NULL;
	}
	if (!run_or_join(cluster, conf, wait_for_lock, error))
		return NULL;
	return g_steal_pointer(&cluster);
}

/* Commands that joined finish first, but not for ever. */
static void
wait_for_users(const struct cluster *cluster)
{
	int64_t until = clock_ticks() + USERS_SECONDS * CLOCK_SECOND;

	while (flock(cluster->users_fd, LOCK_EX | LOCK_NB) != 0 &&
		clock_ticks() < until)
		g_usleep(20000);
}

void
cluster_stop(struct cluster *cluster)
{
	if (cluster == NULL)
		return;
	if (cluster->postmaster > 0) {
		wait_for_users(cluster);
		postmaster_stop(cluster->postmaster);
	}
	if (cluster->lock_fd >= 0)
		close(cluster->lock_fd);
	if (cluster->users_fd >= 0)
		close(cluster->users_fd);
	g_free(cluster);
}

/* The new cluster beside the old one, filled by pg_upgrade. */
static bool
run_upgrade(const struct conf *conf, const char *data, const char *fresh,
	int from, const char *programs, GError **error)
{
	g_autofree char *old_programs =
		g_strdup_printf("/usr/lib/postgresql/%d/bin", from);
	g_autofree char *old_server =
		g_build_filename(old_programs, "postgres", NULL);
	g_autofree char *program =
		g_build_filename(programs, "pg_upgrade", NULL);
	g_autofree char *socket = in_state(conf, "socket");
	const char *const argv[] = {program, "-b", old_programs, "-B", programs,
		"-d", data, "-D", fresh, "-U", "meldpunt_admin", "-s", socket,
		NULL};
	g_autoptr(secret_auto) password =
		cluster_password(conf, "admin", error);
	bool good;

	if (password == NULL)
		return false;
	if (access(old_server, X_OK) != 0)
		return fault_set(error, FAULT_SETUP, "the server of PostgreSQL "
			"%d is needed once more (Debian package "
			"postgresql-%d)", from, from);
	if (!make_cluster(conf, programs, fresh, error))
		return false;
	/* libpq's own way: no argument list shows it */
	g_setenv("PGPASSWORD", password, TRUE);
	good = run_in(conf->state_dir, argv, error);
	g_unsetenv("PGPASSWORD");
	return good;
}

/* Under the lock: upgrade, then two renames; the old data stays. */
static bool
upgrade(const struct conf *conf, bool force, int *from, int *to, GError **error)
{
	g_autofree char *data = in_state(conf, "database");
	g_autofree char *fresh = in_state(conf, "database.upgraded");
	g_autofree char *old = NULL;
	g_autofree char *programs = server_directory(to);
	const char *const clear[] = {"/bin/rm", "-rf", "--", fresh, NULL};

	*from = data_version(data, error);
	if (*from == 0)
		return false;
	if (programs == NULL)
		return fault_set(error, FAULT_SETUP,
			"no PostgreSQL server is installed (Debian package "
			"postgresql)");
	if (*from == *to && !force)
		return true;
	old = g_strdup_printf("%s.%d.%" PRId64, data, *from,
		clock_now() / CLOCK_SECOND);
	if (!run(clear, error) ||
		!run_upgrade(conf, data, fresh, *from, programs, error))
		return false;
	if (rename(data, old) == 0 && rename(fresh, data) == 0)
		return true;
	return fault_set(error, FAULT_SETUP, "renaming %s: %s", fresh,
		g_strerror(errno));
}

bool
cluster_upgrade(const struct conf *conf, bool force, int *from, int *to,
	GError **error)
{
	int lock = open_lock(conf, "database.lock");
	bool good;

	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0)
		good = fault_set(error, FAULT_LATER,
			"the database is in use: stop meldpuntd first");
	else
		good = upgrade(conf, force, from, to, error);
	if (lock >= 0)
		close(lock);
	return good;
}

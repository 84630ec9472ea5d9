#include "edge/schema.h"

#include "base/fault.h"
#include "base/secret.h"
#include "edge/cluster.h"

#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>

#define DIRECTORY "/meldpunt/sql/"

static const char sql_history[] =
	"CREATE SCHEMA IF NOT EXISTS meldpunt;"
	"CREATE TABLE IF NOT EXISTS meldpunt.migrations ("
	" version integer PRIMARY KEY, name text NOT NULL,"
	" applied_at timestamptz NOT NULL DEFAULT now())";

static gint
by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the migrations, sorted: their numbers are their order. */
static char **
list_files(void)
{
	char **names = g_resources_enumerate_children(DIRECTORY,
		G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
	GPtrArray *sorted = g_ptr_array_new();

	for (char **p = names; p && *p; p++)
		if (g_ascii_isdigit(**p))
			g_ptr_array_add(sorted, g_strdup(*p));
	g_strfreev(names);
	g_ptr_array_sort(sorted, by_name);
	g_ptr_array_add(sorted, NULL);
	return (char **)g_ptr_array_free(sorted, FALSE);
}

static GBytes *
load_file(const char *name)
{
	g_autofree char *path = g_strconcat(DIRECTORY, name, NULL);
	GBytes *bytes = g_resources_lookup_data(path,
		G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);

	if (bytes == NULL)
		g_error("%s is not built in", path);
	return bytes;
}

int
schema_wanted(void)
{
	g_auto(GStrv) files = list_files();

	return atoi(files[g_strv_length(files) - 1]);
}

int
schema_version(struct db *db, GError **error)
{
	g_autoptr(rows) table = db_query(db, error,
		"SELECT to_regclass('meldpunt.migrations') IS NOT NULL AS there");
	g_autoptr(rows) version = NULL;

	if (table == NULL)
		return -1;
	if (!rows_bool(table, 0, "there"))
		return 0;
	version = db_query(db, error,
		"SELECT coalesce(max(version), 0) AS version "
		"FROM meldpunt.migrations");
	return version ? (int)rows_int8(version, 0, "version") : -1;
}

bool
schema_check(struct db *db, GError **error)
{
	int wanted = schema_wanted(), found = schema_version(db, error);

	if (found < 0)
		return false;
	if (found < wanted)
		return fault_set(error, FAULT_SETUP, "the database has schema "
			"version %d, this program needs %d: run \"meldpunt "
			"migrate\"", found, wanted);
	if (found > wanted)
		return fault_set(error, FAULT_SETUP, "the database has schema "
			"version %d, this program knows only %d: a newer "
			"meldpunt has been here", found, wanted);
	return true;
}

static const char sql_record[] =
	"INSERT INTO meldpunt.migrations (version, name) VALUES ($1, $2)";

static bool
apply(struct db *db, const char *name, GError **error)
{
	g_autoptr(GBytes) file = load_file(name);
	bool good;

	good = db_begin(db, error) &&
		db_script(db, g_bytes_get_data(file, NULL), error) &&
		db_run(db, error, sql_record, PARAM_INT8(atoi(name)),
			PARAM_TEXT(name)) &&
		db_commit(db, error);
	if (!good) {
		db_rollback(db);
		g_prefix_error(error, "migration %s: ", name);
	}
	return good;
}

/* A login with a SCRAM verifier: the password itself is not sent. */
static bool
make_login(struct db *db, const struct conf *conf, const char *role,
	GError **error)
{
	g_autofree char *login = cluster_login(role);
	g_autoptr(secret_auto) password = cluster_password(conf, role, error);
	g_autofree char *verifier = NULL;
	g_autofree char *literal = NULL;
	g_autofree char *sql = NULL;

	if (password == NULL)
		return false;
	verifier = db_scram(db, login, password);
	literal = db_literal(db, verifier);
	/* another host's login keeps the password that it has */
	sql = g_strdup_printf("DO $do$ BEGIN IF NOT EXISTS (SELECT FROM "
			      "pg_roles WHERE rolname = '%s') THEN CREATE ROLE "
			      "%s LOGIN PASSWORD %s; END IF; END $do$", login,
		login, literal);
	return db_script(db, sql, error);
}

static bool
separate_roles(struct db *db, const struct conf *conf, GError **error)
{
	static const char *const roles[] = {"fetcher", "worker", "sender",
		"admin", NULL};
	g_autoptr(GBytes) grants = load_file("grants.sql");

	for (int i = 0; roles[i] != NULL; i++) {
		if (conf_is_embedded(conf) && strcmp(roles[i], "admin") == 0)
			continue; /* there it is the owner */
		if (!make_login(db, conf, roles[i], error))
			return false;
	}
	return db_begin(db, error) &&
		db_script(db, g_bytes_get_data(grants, NULL), error) &&
		db_commit(db, error);
}

static bool
apply_missing(struct db *db, const struct conf *conf, bool separate,
	bool dry_run, GPtrArray *names, GError **error)
{
	g_auto(GStrv) files = list_files();
	int version = schema_version(db, error);

	if (version < 0)
		return false;
	for (char **p = files; *p != NULL; p++) {
		if (atoi(*p) <= version)
			continue;
		if (!dry_run && !apply(db, *p, error))
			return false;
		if (names != NULL)
			g_ptr_array_add(names, g_strdup(*p));
	}
	if (dry_run || !separate)
		return true;
	return separate_roles(db, conf, error);
}

bool
schema_migrate(struct db *db, const struct conf *conf, bool separate,
	bool dry_run, GPtrArray *names, GError **error)
{
	bool good;

	if (!db_script(db, "SELECT pg_advisory_lock(1835363428)", error))
		return false;
	good = (dry_run || db_script(db, sql_history, error)) &&
		apply_missing(db, conf, separate, dry_run, names, error);
	if (good)
		return db_script(db, "SELECT pg_advisory_unlock(1835363428)",
			error);
	db_rollback(db);
	return false;
}

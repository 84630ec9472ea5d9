/* meldpunt migrate: the schema, and the roles' logins and rights. */
#include "meldpunt/command.h"

#include "base/fault.h"
#include "edge/privileges.h"
#include "edge/schema.h"

#include <stdio.h>
#include <sysexits.h>

/*
 * With a database of others somebody with more rights than our own logins
 * has to come in once: --as, or libpq's own defaults (PGUSER).
 */
static struct db *
connect_as_owner(const struct conf *conf, const char *as, GError **error)
{
	g_autofree char *conninfo = cluster_conninfo(conf);
	g_autofree char *password = NULL;
	struct db *db;

	if (as != NULL)
		return db_open(conninfo, as, g_getenv("PGPASSWORD"), error);
	if (!conf_is_embedded(conf))
		return db_open(conninfo, NULL, NULL, error);
	password = cluster_password(conf, "admin", error);
	if (password == NULL)
		return NULL;
	db = db_open(conninfo, "meldpunt_admin", password, error);
	return db;
}

static bool
migrate(const struct conf *conf, const char *as, bool dry_run,
	GPtrArray *names, GError **error)
{
	g_autofree char *conninfo = cluster_conninfo(conf);
	g_autoptr(cluster_auto) cluster = NULL;
	g_autoptr(db_auto) db = NULL;

	if (conf_is_embedded(conf)) {
		cluster = cluster_start(conf, false, error);
		if (cluster == NULL)
			return false;
	}
	db = connect_as_owner(conf, as, error);
	return db != NULL && schema_migrate(db, conf, !db_names_user(conninfo),
				     dry_run, names, error);
}

/* Names of migrations hold nothing to escape. */
static void
print_json(const GPtrArray *names, bool dry_run)
{
	printf("{\"schema_version\": %d, \"%s\": [", schema_wanted(),
		dry_run ? "missing" : "applied");
	for (guint i = 0; i < names->len; i++)
		printf("%s\"%s\"", i > 0 ? ", " : "",
			(const char *)names->pdata[i]);
	puts("]}");
}

int
command_migrate(struct command_line *line)
{
	gboolean dry_run = FALSE;
	g_autofree char *as = NULL;
	const GOptionEntry entries[] = {
		{"dry-run", 'n', 0, G_OPTION_ARG_NONE, &dry_run,
			"Only say what would be done", NULL},
		{"as", 0, 0, G_OPTION_ARG_STRING, &as,
			"Login that may make schemas and roles", "LOGIN"},
		{0}};
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(conf_auto) conf = NULL;
	g_autoptr(GError) error = NULL;

	if (!command_parse(line, entries, 0, 0))
		return EX_USAGE;
	conf = conf_load(line->conf_path, &error);
	if (conf == NULL || !privileges_drop(conf, &error) ||
		!migrate(conf, as, dry_run, names, &error))
		return command_failed(error);
	if (line->json)
		print_json(names, dry_run);
	else if (dry_run)
		for (guint i = 0; i < names->len; i++)
			printf("would apply %s\n", (char *)names->pdata[i]);
	else
		printf("schema version %d\n", schema_wanted());
	return EX_OK;
}

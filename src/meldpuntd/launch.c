#include "meldpuntd/launch.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/stop.h"
#include "edge/cluster.h"
#include "edge/schema.h"
#include "meldpuntd/health.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FORMAT "(ssxbssmsssss)"

void
launch_free(struct launch *launch)
{
	if (launch == NULL)
		return;
	g_free(launch->role);
	g_free(launch->mailbox);
	g_free(launch->task);
	g_free(launch->runtime_dir);
	g_free(launch->login);
	secret_free(launch->password);
	secret_free(launch->secret);
	conf_free(launch->conf);
	g_free(launch);
}

int
launch_write(const struct launch *launch)
{
	g_autoptr(GVariant) packet = g_variant_ref_sink(g_variant_new(
		FORMAT, launch->role, launch->mailbox, launch->index,
		(gboolean)launch->once, launch->task,
		launch->runtime_dir, launch->login,
		launch->password, launch->secret, launch->conf->path,
		launch->conf->text));
	g_autoptr(bytes_auto) bytes = bytes_new();

	bytes_append(bytes, g_variant_get_data(packet),
		g_variant_get_size(packet));
	bytes_seal(bytes);
	return fcntl(bytes->fd, F_DUPFD_CLOEXEC, HEALTH_FD + 1);
}

struct launch *
launch_read(GError **error)
{
	g_autoptr(launch_auto) launch = g_new0(struct launch, 1);
	struct bytes *bytes = bytes_adopt(LAUNCH_FD);
	g_autoptr(GVariant) packet = NULL;
	g_autofree char *path = NULL;
	g_autofree char *text = NULL;
	gboolean once;
	char *data;

	if (bytes == NULL) {
		fault_set(error, FAULT_SETUP,
			"a role is started by the supervisor only");
		return NULL;
	}
	data = bytes_copy(bytes, 0, bytes->size);
	packet = g_variant_ref_sink(g_variant_new_from_data(
		G_VARIANT_TYPE(FORMAT), data, bytes->size, FALSE,
		g_free, data));
	bytes_free(bytes);
	g_variant_get(packet, FORMAT, &launch->role, &launch->mailbox,
		&launch->index, &once, &launch->task, &launch->runtime_dir, &launch->login,
		&launch->password, &launch->secret, &path, &text);
	launch->once = once;
	launch->conf = conf_parse(text, path, error);
	return launch->conf ? g_steal_pointer(&launch) : NULL;
}

struct db *
launch_database(const struct launch *launch, GError **error)
{
	g_autofree char *conninfo = cluster_conninfo(launch->conf);
	g_autoptr(db_auto) db = NULL;
	int wait = 100;

	for (;;) {
		g_clear_error(error);
		db = db_open(conninfo, launch->login, launch->password, error);
		health_tell("database", "", db != NULL);
		if (db != NULL || launch->once || !fault_is(*error, FAULT_LATER))
			break;
		if (wait == 100)
			log_info("waiting for the database");
		stop_wait(-1, wait);
		if (stop_wanted())
			return NULL;
		wait = MIN(2 * wait, 5000);
	}
	if (db == NULL || !schema_check(db, error))
		return NULL;
	return g_steal_pointer(&db);
}

static const char sql_started[] = "SELECT process_started($1, $2)";

bool
launch_count(const struct launch *launch, struct db *db, GError **error)
{
	return db_run(db, error, sql_started, PARAM_TEXT(launch->role),
		PARAM_TEXT(launch->mailbox));
}

char *
launch_secret(const struct launch *launch, const struct server *server,
	GError **error)
{
	if (*server->token_command != '\0')
		return secret_read_command(server->token_command, error);
	return g_strdup(launch->secret);
}

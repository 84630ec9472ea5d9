/* meldpunt upgrade-database: the embedded cluster to a newer PostgreSQL. */
#include "meldpunt/command.h"

#include "edge/privileges.h"

#include <stdio.h>
#include <sysexits.h>

int
command_upgrade_database(struct command_line *line)
{
	gboolean force = FALSE;
	const GOptionEntry entries[] = {
		{"force", 0, 0, G_OPTION_ARG_NONE, &force,
			"Make the cluster anew though the version is the same",
			NULL},
		{0}};
	g_autoptr(conf_auto) conf = NULL;
	g_autoptr(GError) error = NULL;
	int from = 0, to = 0;

	if (!command_parse(line, entries, 0, 0))
		return EX_USAGE;
	conf = conf_load(line->conf_path, &error);
	if (conf == NULL || !privileges_drop(conf, &error))
		return command_failed(error);
	if (!conf_is_embedded(conf)) {
		fprintf(stderr, "meldpunt: the database is not embedded: it is "
				"upgraded where it runs\n");
		return EX_USAGE;
	}
	if (!cluster_upgrade(conf, force, &from, &to, &error))
		return command_failed(error);
	if (from == to && !force)
		printf("nothing to do: data and server are of PostgreSQL %d\n",
			to);
	else
		printf("upgraded from PostgreSQL %d to %d; the old data stays "
		       "in state_dir/database.%d.* until you remove it\n",
			from, to, from);
	return EX_OK;
}

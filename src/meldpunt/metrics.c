/* meldpunt metrics: figures for Prometheus (node_exporter's textfiles). */
#include "meldpunt/command.h"

#include <stdio.h>
#include <sysexits.h>

int
command_metrics(struct command_line *line)
{
	char *file = NULL;
	const GOptionEntry entries[] = {
		{"output", 'o', 0, G_OPTION_ARG_FILENAME, &file,
			"Replace this file at once instead of printing",
			"FILE"},
		{0}};
	g_autoptr(session_auto) session = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(rows) found = NULL;
	g_autofree char *text = NULL;
	const char *figures;

	if (!command_parse(line, entries, 0, 0))
		return EX_USAGE;
	session = session_open(line, &error);
	if (session != NULL)
		found = db_query(session->db, &error,
			"SELECT metrics_text() AS text");
	if (found == NULL)
		return command_failed(error);
	figures = rows_text(found, 0, "text");
	text = g_strdup_printf("%s\n", figures ? figures : "");
	if (file == NULL)
		fputs(text, stdout);
	else if (!g_file_set_contents_full(file, text, -1,
			 G_FILE_SET_CONTENTS_CONSISTENT, 0644, &error))
		return command_failed(error);
	return EX_OK;
}

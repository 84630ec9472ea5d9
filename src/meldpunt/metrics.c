/* meldpunt metrics: figures for Prometheus (node_exporter's textfiles). */
#include "meldpunt/command.h"

#include <stdio.h>
#include <sys/wait.h>
#include <sysexits.h>

static int
print_figures(const struct command_line *line)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(session_auto) session = session_open(line, &error);
	g_autoptr(rows) found = NULL;
	const char *figures;

	if (session != NULL)
		found = db_query(session->db, &error,
			"SELECT metrics_text() AS text");
	if (found == NULL)
		return command_failed(error);
	figures = rows_text(found, 0, "text");
	if (figures == NULL || *figures == '\0') {
		fputs("meldpunt: no mailbox was ever looked into: the daemon "
		      "has not run yet\n", stderr);
		return EX_TEMPFAIL;
	}
	puts(figures);
	return EX_OK;
}

/*
 * The directory is the exporter's and may be closed to the daemon's user, which
 * whoever asks the database becomes: another process asks.
 */
static int
replace_file(const struct command_line *line, const char *file)
{
	const char *const argv[] = {"/proc/self/exe", "-c", line->conf_path,
		"metrics", NULL};
	g_autofree char *figures = NULL;
	g_autoptr(GError) error = NULL;
	int status;

	if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL,
		    NULL, &figures, NULL, &status, &error))
		return command_failed(error);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != EX_OK)
		return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
	if (g_file_set_contents_full(file, figures, -1,
		    G_FILE_SET_CONTENTS_CONSISTENT, 0644, &error))
		return EX_OK;
	fprintf(stderr, "meldpunt metrics: %s\n", error->message);
	return EX_CANTCREAT;
}

int
command_metrics(struct command_line *line)
{
	g_autofree char *file = NULL;
	const GOptionEntry entries[] = {
		{"output", 'o', 0, G_OPTION_ARG_FILENAME, &file,
			"Replace this file at once instead of printing",
			"FILE"},
		{0}};

	if (!command_parse(line, entries, 0, 0))
		return EX_USAGE;
	return file ? replace_file(line, file) : print_figures(line);
}

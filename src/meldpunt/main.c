/* meldpunt: the operator's command. */
#include "meldpunt/command.h"

#include "base/log.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

const struct command commands[] = {
	{"init", "", "Set up configuration, keys and database", command_init},
	{"check", "", "Say all faults of the configuration", command_check},
	{"doctor", "", "Try everything that has to work, and say what to do",
		command_doctor},
	{"config", "[get KEY]", "Show the options in force", command_config},
	{"migrate", "", "Bring the database up to date", command_migrate},
	{"cases", "", "List the cases", command_cases},
	{"show", "NUMBER", "Show a case, or save one of its attachments",
		command_show},
	{"order", "NUMBER ORDER...",
		"Give an order of meldpunt-orders(7) as operator",
		command_order},
	{"queue", "", "List the letters that are not sent yet", command_queue},
	{"quarantine", "list | show ID | release ID | discard ID",
		"Look after messages that could not be opened",
		command_quarantine},
	{"report", "", "Was the promise kept? Figures, also as a page",
		command_report},
	{"keys", "[list | export | wkd | security-txt | rotate [MAILBOX]]",
		"List, publish and renew OpenPGP keys", command_keys},
	{"metrics", "", "Figures for monitoring, as Prometheus text",
		command_metrics},
	{"backup", "DIRECTORY", "Save configuration, keys and embedded database",
		command_backup},
	{"restore", "DIRECTORY", "Put a backup on an empty machine",
		command_restore},
	{"upgrade-database", "", "Bring embedded data to a newer PostgreSQL",
		command_upgrade_database},
};
const size_t command_count = G_N_ELEMENTS(commands);

static void
print_help(void)
{
	puts("Usage: meldpunt [-c FILE] COMMAND [--json] [ARGUMENTS]\n\n"
	     "Commands:");
	for (size_t i = 0; i < command_count; i++)
		printf("  %-16s  %s\n", commands[i].name, commands[i].summary);
	puts("\nOptions:\n"
	     "  -c, --config=FILE  Configuration file\n"
	     "  -h, --help         Show this help; after a command, its own\n"
	     "  -V, --version      Print the version\n\n"
	     "See meldpunt(1).");
}

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < command_count; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* -c before the command; where the command's name stands, or argc. */
static int
parse_before(int argc, char **argv, struct command_line *line)
{
	for (int i = 1; i < argc; i++) {
		const char *value = NULL;

		if (strcmp(argv[i], "-c") == 0 ||
			strcmp(argv[i], "--config") == 0)
			value = i + 1 < argc ? argv[++i] : "";
		else if (g_str_has_prefix(argv[i], "--config="))
			value = argv[i] + strlen("--config=");
		else if (strcmp(argv[i], "--json") == 0)
			line->json = TRUE;
		else
			return i;
		if (value != NULL) {
			g_free(line->conf_path);
			line->conf_path = g_strdup(value);
		}
	}
	return argc;
}

static int
run(struct command_line *line, int argc, char **argv)
{
	int at = parse_before(argc, argv, line);

	setlocale(LC_ALL, "");
	log_open("meldpunt");
	if (at == argc) {
		print_help();
		return EX_USAGE;
	}
	if (strcmp(argv[at], "-V") == 0 || strcmp(argv[at], "--version") == 0) {
		puts("meldpunt " PACKAGE_VERSION);
		return EX_OK;
	}
	if (strcmp(argv[at], "-h") == 0 || strcmp(argv[at], "--help") == 0) {
		print_help();
		return EX_OK;
	}
	line->command = find_command(argv[at]);
	if (line->command == NULL) {
		fprintf(stderr, "meldpunt: no command \"%s\" (see meldpunt "
				"--help)\n", argv[at]);
		return EX_USAGE;
	}
	line->argc = argc - at;
	line->argv = argv + at;
	return line->command->run(line);
}

/* What the running service was given is root's to look at, too. */
static void
find_credentials(void)
{
	static const char directory[] = "/run/credentials/meldpunt.service";

	if (access(directory, R_OK | X_OK) == 0)
		g_setenv("CREDENTIALS_DIRECTORY", directory, FALSE);
}

int
main(int argc, char **argv)
{
	struct command_line line = {
		.conf_path = g_strdup(SYSCONFDIR "/meldpunt/meldpunt.conf")};
	int status;

	find_credentials();
	status = run(&line, argc, argv);

	g_free(line.conf_path);
	/* half a file must not look like a whole one */
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fputs("meldpunt: the output cannot be written\n", stderr);
		return status == EX_OK ? EX_IOERR : status;
	}
	return status;
}

/* meldpuntd: option parsing, and which role this process image is. */
#include "meldpuntd/roles.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/stop.h"
#include "edge/jail.h"
#include "meldpuntd/health.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>

int
role_failed(const GError *error)
{
	log_warning("%s", error ? error->message : "ended without a reason");
	return error ? fault_exit_status(error) : EX_SOFTWARE;
}

/* A role's process: everything it needs is in descriptor 3. */
static int
run_role(const char *name)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(launch_auto) launch = NULL;

	log_open(name);
	stop_open();
	health_open();
	jail_common();
	launch = launch_read(&error);
	if (launch == NULL) {
		log_warning("%s", error->message);
		return EX_USAGE;
	}
	if (strcmp(launch->role, "fetcher") == 0)
		return fetcher_run(launch);
	if (strcmp(launch->role, "sender") == 0)
		return sender_run(launch);
	if (strcmp(launch->role, "alarm") == 0)
		return alarm_run(launch);
	return worker_run(launch);
}

static int
check_only(const char *path)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(conf_auto) conf = conf_load(path, &error);

	if (conf != NULL) {
		printf("%s: no faults found\n", path);
		return EX_OK;
	}
	fprintf(stderr, "%s\n", error->message);
	return EX_CONFIG;
}

static bool
known_roles(const char *only)
{
	g_auto(GStrv) names = g_strsplit(only ? only : "worker", ",", -1);
	static const char *const roles[] = {"fetcher", "worker", "sender",
		NULL};

	for (char **p = names; *p != NULL; p++)
		if (!g_strv_contains(roles, *p))
			return false;
	return names[0] != NULL;
}

static int
run_daemon(int argc, char **argv)
{
	g_autofree char *path = NULL;
	g_autofree char *only = NULL;
	gboolean check = FALSE, once = FALSE, version = FALSE;
	const GOptionEntry entries[] = {
		{"config", 'c', 0, G_OPTION_ARG_FILENAME, &path,
			"Configuration file", "FILE"},
		{"check", 0, 0, G_OPTION_ARG_NONE, &check,
			"Look for faults in the configuration and exit", NULL},
		{"once", 0, 0, G_OPTION_ARG_NONE, &once,
			"Handle what is there now and exit", NULL},
		{"only", 0, 0, G_OPTION_ARG_STRING, &only,
			"Run these roles only (fetcher,worker,sender)",
			"ROLES"},
		{"version", 'V', 0, G_OPTION_ARG_NONE, &version,
			"Print the version and exit", NULL},
		{0}};
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;

	g_option_context_set_summary(context,
		"The daemon of a responsible-disclosure mailbox.");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error) ||
		argc > 1 || !known_roles(only)) {
		fprintf(stderr, "meldpuntd: %s (see --help)\n",
			error ? error->message
			      : argc > 1 ? "there are no arguments"
					 : "unknown role in --only");
		return EX_USAGE;
	}
	if (version) {
		puts("meldpuntd " PACKAGE_VERSION);
		return EX_OK;
	}
	if (path == NULL)
		path = g_strdup(SYSCONFDIR "/meldpunt/meldpunt.conf");
	if (check)
		return check_only(path);
	return supervisor_run(&(struct supervision){path, only, once});
}

int
main(int argc, char **argv)
{
	static const char *const roles[] = {"fetcher", "worker", "sender",
		"alarm", NULL};

	/* buffers of large messages go back at once, and stay small otherwise */
	mallopt(M_MMAP_THRESHOLD, 64 << 10);
	mallopt(M_TRIM_THRESHOLD, 64 << 10);
	/* what people see in ps and top, not "exe" */
	prctl(PR_SET_NAME, "meldpuntd");
	/* a peer that hangs up is an error of a write, not the end of us */
	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && strcmp(argv[1], "reader") == 0)
		return reader_run(argc, argv);
	if (argc > 1 && g_strv_contains(roles, argv[1]))
		return run_role(argv[1]);
	return run_daemon(argc, argv);
}

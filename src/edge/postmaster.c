#include "edge/postmaster.h"

#include "base/clock.h"
#include "base/stop.h"

#include <errno.h>
#include <glib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_SECONDS 60
#define SMART_SECONDS 2
#define FAST_SECONDS 30

/* In the child: never returns. */
static void
become_postmaster(const char *program, const char *data, const char *socket,
	pid_t parent)
{
	const char *const argv[] = {program, "-D", data, "-k", socket, "-c",
		"listen_addresses=", "-c", "unix_socket_permissions=0700", "-c",
		"password_encryption=scram-sha-256", "-c",
		"jit=off", "-c", "log_min_messages=fatal", "-c", "log_error_verbosity=terse",
		"-c", "log_min_error_statement=panic", "-c",
		"log_destination=stderr", "-c", "logging_collector=off", "-c",
		"shared_buffers=64MB", "-c", "max_connections=100", "-c",
		"fsync=on", "-c", "synchronous_commit=on", "-c",
		"full_page_writes=on", NULL};

	/* it would tell the service manager that all of us are ready */
	g_unsetenv("NOTIFY_SOCKET");
	stop_unblock();
	setpgid(0, 0);
	if (prctl(PR_SET_PDEATHSIG, SIGINT) == 0 && getppid() == parent)
		execv(program, (char **)argv);
	_exit(127);
}

/* Whether this process is a server at work on this very data. */
static bool
works_on(pid_t pid, const char *data)
{
	g_autofree char *link = g_strdup_printf("/proc/%d/cwd", (int)pid);
	g_autofree char *folder = g_file_read_link(link, NULL);
	g_autofree char *real = realpath(data, NULL);

	return folder != NULL && real != NULL && strcmp(folder, real) == 0;
}

/*
 * A number that another program has by now would keep the server from
 * starting; its parent's number, ours, does not.  What else the file says,
 * for the server to look for orphans, stays.
 */
static void
disown(const char *path, const char *text)
{
	const char *rest = strchr(text, '\n');
	g_autofree char *fresh =
		g_strdup_printf("%d%s", (int)getpid(), rest ? rest : "\n");

	g_file_set_contents_full(path, fresh, -1, G_FILE_SET_CONTENTS_CONSISTENT,
		0600, NULL);
}

/* An old postmaster (of a killed parent) may still be shutting down. */
static void
wait_for_old(const char *data)
{
	g_autofree char *path = g_build_filename(data, "postmaster.pid", NULL);
	int64_t until = clock_ticks() + START_SECONDS * CLOCK_SECOND;

	while (clock_ticks() < until) {
		g_autofree char *text = NULL;
		pid_t pid;

		if (!g_file_get_contents(path, &text, NULL, NULL))
			return;
		pid = atoi(text);
		if (pid <= 1 || (kill(pid, 0) != 0 && errno == ESRCH))
			return;
		if (!works_on(pid, data)) {
			disown(path, text);
			return;
		}
		g_usleep(20000);
	}
}

pid_t
postmaster_start(const char *program, const char *data, const char *socket)
{
	pid_t self = getpid(), pid;

	wait_for_old(data);
	pid = fork();
	if (pid == 0)
		become_postmaster(program, data, socket, self);
	return pid;
}

/*
 * postmaster.pid says in its eighth line how far the server is, as pg_ctl
 * reads it; to try a connection would only fill the log.
 */
bool
postmaster_is_ready(const char *data, pid_t postmaster)
{
	g_autofree char *path = g_build_filename(data, "postmaster.pid", NULL);
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return false;
	lines = g_strsplit(text, "\n", -1);
	return g_strv_length(lines) >= 8 &&
		g_str_has_prefix(lines[7], "ready") &&
		(postmaster == 0 || atoi(lines[0]) == postmaster);
}

bool
postmaster_wait(const char *data, pid_t postmaster)
{
	int64_t until = clock_ticks() + START_SECONDS * CLOCK_SECOND;
	int status;

	while (clock_ticks() < until) {
		if (postmaster > 0 &&
			waitpid(postmaster, &status, WNOHANG) == postmaster)
			return false;
		if (postmaster_is_ready(data, postmaster))
			return true;
		g_usleep(20000);
	}
	return false;
}

static bool
has_ended(pid_t postmaster, int seconds)
{
	for (int i = 0; i < seconds * 100; i++) {
		if (waitpid(postmaster, NULL, WNOHANG) != 0)
			return true;
		g_usleep(10000);
	}
	return false;
}

/*
 * Smart at first: sessions that were just closed end without words in the log.
 * What a full disk keeps from its last checkpoint recovers at its next start.
 */
void
postmaster_stop(pid_t postmaster)
{
	kill(postmaster, SIGTERM);
	if (has_ended(postmaster, SMART_SECONDS))
		return;
	kill(postmaster, SIGINT);
	if (has_ended(postmaster, FAST_SECONDS))
		return;
	kill(postmaster, SIGQUIT);
	if (has_ended(postmaster, SMART_SECONDS))
		return;
	kill(postmaster, SIGKILL);
	waitpid(postmaster, NULL, 0);
}

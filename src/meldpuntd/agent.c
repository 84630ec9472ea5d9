#include "meldpuntd/agent.h"

#include "base/fault.h"
#include "base/stop.h"
#include "edge/pgp_agent.h"
#include "edge/pgp_home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_FD 3 /* sd_listen_fds(3) */

bool
agent_lock(const struct conf *conf, GError **error)
{
	g_autofree char *path =
		g_build_filename(conf->state_dir, "daemon.lock", NULL);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return fault_set(error, FAULT_SETUP, "%s: %s", path,
			g_strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	close(fd);
	return fault_set(error, FAULT_LATER,
		"another meldpuntd is at work on %s", conf->state_dir);
}

/* A daemon that never could work says so at its start. */
static bool
has_keyring(const char *home, GError **error)
{
	g_autofree char *path = g_build_filename(home, "pubring.kbx", NULL);

	return access(path, R_OK) == 0 ||
		fault_set(error, FAULT_SETUP,
			"OpenPGP: %s: %s (import the mailbox's and the staff's "
			"keys there)", path, g_strerror(errno));
}

int
agent_listen(const struct conf *conf, GError **error)
{
	g_autofree char *home =
		g_build_filename(conf->state_dir, "gnupg", NULL);
	g_autofree char *path = pgp_home_agent_socket(home, error);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (path == NULL || !has_keyring(home, error))
		return -1;
	if (strlen(path) >= sizeof(address.sun_path)) {
		fault_set(error, FAULT_SETUP,
			"state_dir is too long for a socket in it: %s", path);
		return -1;
	}
	strcpy(address.sun_path, path);
	/* one that a command started would take our socket with it */
	pgp_agent_end(home);
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 &&
		bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
		listen(fd, 64) == 0)
		return fd;
	fault_set(error, FAULT_SETUP, "gpg-agent's socket %s: %s", path,
		g_strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* In the child: never returns. */
static void
become_agent(const struct conf *conf, int listener, pid_t parent)
{
	g_autofree char *home =
		g_build_filename(conf->state_dir, "gnupg", NULL);
	char pid[24];
	char *const argv[] = {(char *)"gpg-agent", (char *)"--homedir", home,
		(char *)"--supervised", (char *)"--quiet",
		(char *)"--log-file", (char *)"/dev/null",
		/* passphrases are given at the start, and stay */
		(char *)"--allow-preset-passphrase",
		(char *)"--max-cache-ttl", (char *)"2000000000",
		/* a secret from a credential needs no slow hashing */
		(char *)"--s2k-count", (char *)"65536", NULL};

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_FDNAMES", "std", 1);
	unsetenv("NOTIFY_SOCKET");
	stop_unblock();
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(0);
	if (listener == LISTEN_FD)
		fcntl(listener, F_SETFD, 0);
	else
		dup2(listener, LISTEN_FD);
	execvp("gpg-agent", argv);
	_exit(127);
}

pid_t
agent_start(const struct conf *conf, int listener)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0)
		become_agent(conf, listener, parent);
	return pid;
}

bool
agent_unlock(const struct conf *conf, const struct mailbox *box,
	const char *passphrase, GError **error)
{
	g_autofree char *home =
		g_build_filename(conf->state_dir, "gnupg", NULL);

	return pgp_agent_unlock(home, box->key, box->address, passphrase,
		error);
}

#include "meldpuntd/child.h"

#include "base/log.h"
#include "edge/cluster.h"
#include "edge/db.h"
#include "meldpuntd/launch.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

struct child *
child_new(const char *role, const char *mailbox, int64_t index)
{
	struct child *child = g_new0(struct child, 1);

	child->role = g_strdup(role);
	child->mailbox = g_strdup(mailbox);
	child->index = index;
	child->restart_at = 1;
	return child;
}

void
child_free(struct child *child)
{
	g_free(child->role);
	g_free(child->mailbox);
	g_free(child);
}

static int
packet_for(const struct child *child, const struct child_setting *setting)
{
	g_autofree char *login = cluster_login(child->role);
	g_autofree char *conninfo = cluster_conninfo(setting->conf);
	bool fetcher = strcmp(child->role, "fetcher") == 0;
	const struct launch launch = {.role = child->role,
		.mailbox = child->mailbox,
		.index = child->index,
		.once = setting->once,
		.runtime_dir = (char *)setting->runtime_dir,
		.login = db_names_user(conninfo) ? NULL : login,
		.password = g_hash_table_lookup(setting->credentials->passwords,
			child->role),
		.secret = (char *)credentials_secret(setting->credentials,
			fetcher ? "imap" : "smtp", child->mailbox),
		.conf = (struct conf *)setting->conf};

	return launch_write(&launch);
}

/* In the child: never returns. */
static void
become_role(const struct child *child, int packet, pid_t parent)
{
	char *const argv[] = {(char *)"meldpuntd", child->role,
		*child->mailbox ? child->mailbox : NULL, NULL};
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	g_unsetenv("NOTIFY_SOCKET");
	/* a role of a dead supervisor finishes what it has, then ends */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(0);
	if (packet == LAUNCH_FD)
		fcntl(packet, F_SETFD, 0);
	else
		dup2(packet, LAUNCH_FD);
	execv("/proc/self/exe", argv);
	_exit(127);
}

bool
child_start(struct child *child, const struct child_setting *setting)
{
	int packet = packet_for(child, setting);
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0)
		become_role(child, packet, parent);
	close(packet);
	child->pid = MAX(pid, 0);
	child->started = clock_ticks();
	child->restart_at = 0;
	return pid > 0;
}

void
child_describe_end(const struct child *child, int status)
{
	const char *box = child->mailbox;

	if (WIFSIGNALED(status))
		log_warning("%s %s was ended by signal %d", child->role, box,
			WTERMSIG(status));
	else if (WEXITSTATUS(status) != EX_TEMPFAIL &&
		WEXITSTATUS(status) != EX_OK)
		log_warning("%s %s ended with status %d", child->role, box,
			WEXITSTATUS(status));
}

#include "meldpuntd/child.h"

#include "base/log.h"
#include "edge/cluster.h"
#include "edge/db.h"
#include "meldpuntd/health.h"
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
	child->delay = CHILD_FIRST_DELAY;
	return child;
}

void
child_free(struct child *child)
{
	g_free(child->role);
	g_free(child->mailbox);
	g_free(child->task);
	g_free(child);
}

static int
packet_for(const struct child *child, const struct child_setting *setting)
{
	g_autofree char *login = cluster_login(child->role);
	g_autofree char *conninfo = cluster_conninfo(setting->conf);
	bool fetcher = strcmp(child->role, "fetcher") == 0;
	char *password = g_hash_table_lookup(setting->credentials->passwords,
		child->role);
	const struct launch launch = {.role = child->role,
		.mailbox = child->mailbox,
		.index = child->index,
		.once = setting->once,
		.task = child->task ? child->task : (char *)"",
		.runtime_dir = (char *)setting->runtime_dir,
		.login = db_names_user(conninfo) ? NULL : login,
		.password = password ? password : (char *)"", /* alarm */
		.secret = (char *)credentials_secret(setting->credentials,
			fetcher ? "imap" : "smtp", child->mailbox),
		.conf = (struct conf *)setting->conf};

	return launch_write(&launch);
}

/* In the child: never returns. */
static void
become_role(const struct child *child, int packet, int health, pid_t parent)
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
	/* neither may be in the other's place */
	health = fcntl(health, F_DUPFD_CLOEXEC, HEALTH_FD + 1);
	dup2(packet, LAUNCH_FD);
	dup2(health, HEALTH_FD);
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
		become_role(child, packet, setting->health, parent);
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

bool
children_wanted(const char *only, const char *role)
{
	g_auto(GStrv) roles = g_strsplit(only ? only : role, ",", -1);

	return g_strv_contains((const char *const *)roles, role);
}

static void
add(GPtrArray *children, const char *only, const char *role,
	const char *mailbox, int64_t index)
{
	if (children_wanted(only, role))
		g_ptr_array_add(children, child_new(role, mailbox, index));
}

void
children_list(GPtrArray *children, const struct conf *conf, const char *only)
{
	int64_t workers = conf->workers;

	g_ptr_array_set_size(children, 0);
	if (workers == 0)
		workers = g_get_num_processors();
	for (int64_t i = 1; i <= workers; i++)
		add(children, only, "worker", "", i);
	for (guint i = 0; i < conf->mailboxes->len; i++) {
		const struct mailbox *box = conf->mailboxes->pdata[i];

		add(children, only, "fetcher", box->name, 0);
		add(children, only, "sender", box->name, 0);
	}
}

guint
children_running(const GPtrArray *children, const char *role)
{
	guint count = 0;

	for (guint i = 0; i < children->len; i++) {
		const struct child *child = children->pdata[i];

		count += child->pid > 0 &&
			(role == NULL || strcmp(role, child->role) == 0);
	}
	return count;
}

void
children_signal(const GPtrArray *children, int number)
{
	for (guint i = 0; i < children->len; i++) {
		const struct child *child = children->pdata[i];

		if (child->pid > 0)
			kill(child->pid, number);
	}
}

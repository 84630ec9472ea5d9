/*
 * kill-at ROLE N COMMAND...: runs COMMAND, which starts meldpuntd, and kills each
 * first process of that role as it enters its Nth system call; 0: never.  Says on
 * standard error how many calls the role made.  "reader" counts the readers' and
 * their zygote's calls together, "supervisor" those of COMMAND itself.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 4096
#define OPTIONS                                                                \
	(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |      \
		PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD)

struct process {
	pid_t pid;
	bool first;   /* the supervisor, and it is what counts */
	bool counted;
	bool inside; /* a system call: the next stop is its end */
};

static struct process processes[PROCESSES];

static struct process *
find(pid_t pid)
{
	struct process *unused = NULL;

	for (size_t i = 0; i < PROCESSES; i++) {
		if (processes[i].pid == pid)
			return &processes[i];
		if (unused == NULL && processes[i].pid == 0)
			unused = &processes[i];
	}
	if (unused == NULL)
		exit(70);
	*unused = (struct process){.pid = pid};
	return unused;
}

/* Whether the program that pid has become is meldpuntd in this role. */
static bool
has_role(pid_t pid, const char *role)
{
	char path[64], argv[256] = "";
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	file = fopen(path, "r");
	if (file == NULL)
		return false;
	n = fread(argv, 1, sizeof(argv) - 1, file);
	fclose(file);
	return strcmp(argv, "meldpuntd") == 0 && n > strlen(argv) + 1 &&
		strcmp(argv + strlen(argv) + 1, role) == 0;
}

/* What happened to a process; the signal to hand on. */
static int
take_event(struct process *p, int status, const char *role)
{
	unsigned long child = 0;

	switch (status >> 16) {
	case PTRACE_EVENT_EXEC:
		p->counted = p->first || has_role(p->pid, role);
		p->inside = true;
		return 0;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		ptrace(PTRACE_GETEVENTMSG, p->pid, NULL, &child);
		/* a reader is a fork of its zygote */
		if (p->counted && strcmp(role, "reader") == 0)
			find((pid_t)child)->counted = true;
		else
			find((pid_t)child);
		return 0;
	default:
		return WSTOPSIG(status) == SIGSTOP || WSTOPSIG(status) == SIGTRAP
			? 0 : WSTOPSIG(status);
	}
}

/* Until all have ended; how many calls the role made. */
static long
follow(const char *role, long when)
{
	long calls = 0;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		struct process *p = find(pid);
		int number = 0;

		if (!WIFSTOPPED(status)) {
			p->pid = 0;
			continue;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			p->inside = !p->inside;
			if (p->inside && p->counted && ++calls == when) {
				kill(pid, SIGKILL);
				continue;
			}
		} else
			number = take_event(p, status, role);
		ptrace(p->counted ? PTRACE_SYSCALL : PTRACE_CONT, pid, NULL,
			number);
	}
	return calls;
}

int
main(int argc, char **argv)
{
	pid_t pid;

	if (argc < 4)
		return 64;
	pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		execv(argv[3], argv + 3);
		_exit(127);
	}
	waitpid(pid, NULL, __WALL);
	ptrace(PTRACE_SETOPTIONS, pid, NULL, OPTIONS);
	find(pid)->first = strcmp(argv[1], "supervisor") == 0;
	ptrace(PTRACE_CONT, pid, NULL, 0);
	fprintf(stderr, "%ld\n", follow(argv[1], atol(argv[2])));
	return 0;
}

/*
 * call-in PID CALL [PATH]: makes a running process, asleep in a system call, make
 * another one, and says what the kernel answered: 0, the name of an error, or
 * "died".  So its jail is tried from the inside.  Its sleep then goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __x86_64__
#error "call-in knows the registers of x86-64 only"
#endif

#define PATH UINT64_MAX /* the argument is a pointer to PATH */
#define ADDRESS (UINT64_MAX - 1)

static const struct call {
	const char *name;
	long number;
	uint64_t arguments[4];
} calls[] = {
	{"read", SYS_openat, {(uint64_t)AT_FDCWD, PATH, O_RDONLY | O_CLOEXEC}},
	{"write", SYS_openat, {(uint64_t)AT_FDCWD, PATH, O_WRONLY | O_CLOEXEC}},
	{"create", SYS_openat,
		{(uint64_t)AT_FDCWD, PATH, O_WRONLY | O_CREAT | O_CLOEXEC, 0600}},
	{"truncate", SYS_truncate, {PATH, 0}},
	{"unlink", SYS_unlink, {PATH}},
	{"chmod", SYS_chmod, {PATH, 0666}},
	{"execve", SYS_execve, {PATH, 0, 0}},
	{"unix", SYS_socket, {AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0}},
	{"inet", SYS_socket, {AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0}},
	{"inet6", SYS_socket, {AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0}},
	{"packet", SYS_socket, {AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0}},
	{"netlink", SYS_socket, {AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0}},
	{"connect", SYS_connect, {0, ADDRESS, sizeof(struct sockaddr_un)}},
	{"fork", SYS_clone, {SIGCHLD, 0, 0, 0}},
	{"kill", SYS_kill, {1, 0}},
	{"ptrace", SYS_ptrace, {PTRACE_ATTACH, 1, 0, 0}},
};

static const struct call *
find_call(const char *name)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (strcmp(calls[i].name, name) == 0)
			return &calls[i];
	fprintf(stderr, "no such call: %s\n", name);
	exit(64);
}

static void
must(long result, const char *what)
{
	if (result >= 0)
		return;
	perror(what);
	exit(70);
}

/* Where it is dead below the stack. */
static uint64_t
put(pid_t pid, uint64_t at, const void *data, size_t size)
{
	char words[512] = "";

	memcpy(words, data, size);
	for (size_t i = 0; i < sizeof(words); i += sizeof(long)) {
		long word;

		memcpy(&word, words + i, sizeof(word));
		must(ptrace(PTRACE_POKEDATA, pid, at + i, word), "poke");
	}
	return at;
}

static void
set_arguments(pid_t pid, const struct call *call, const char *path,
	struct user_regs_struct *now)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	uint64_t values[4], dead = (now->rsp - 8192) & ~15UL;

	strncpy(name.sun_path, path, sizeof(name.sun_path) - 1);
	for (int i = 0; i < 4; i++) {
		values[i] = call->arguments[i];
		if (values[i] == PATH)
			values[i] = put(pid, dead, path, strlen(path) + 1);
		else if (values[i] == ADDRESS)
			values[i] = put(pid, dead, &name, sizeof(name));
	}
	now->rdi = values[0];
	now->rsi = values[1];
	now->rdx = values[2];
	now->r10 = values[3];
}

int
main(int argc, char **argv)
{
	const char *path = argc > 3 ? argv[3] : "";
	const struct call *call;
	struct user_regs_struct was, now;
	pid_t pid;
	int status;

	if (argc < 3 || strlen(path) > 500)
		return 64;
	pid = atoi(argv[1]);
	call = find_call(argv[2]);
	must(ptrace(PTRACE_ATTACH, pid, NULL, NULL), "attach");
	must(waitpid(pid, &status, __WALL), "wait");
	must(ptrace(PTRACE_GETREGS, pid, NULL, &was), "registers");
	now = was;
	now.rip -= 2; /* the instruction that it sleeps in */
	now.orig_rax = -1;
	now.rax = call->number;
	set_arguments(pid, call, path, &now);
	must(ptrace(PTRACE_SETREGS, pid, NULL, &now), "registers");
	must(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), "step");
	must(waitpid(pid, &status, __WALL), "wait");
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) {
		puts("died");
		return 0;
	}
	must(ptrace(PTRACE_GETREGS, pid, NULL, &now), "registers");
	puts((long)now.rax < 0 ? strerrorname_np(-(long)now.rax) : "0");
	must(ptrace(PTRACE_SETREGS, pid, NULL, &was), "registers");
	must(ptrace(PTRACE_DETACH, pid, NULL, NULL), "detach");
	return 0;
}

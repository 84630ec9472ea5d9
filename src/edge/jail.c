#include "edge/jail.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void
jail_common(void)
{
	const struct rlimit none = {0, 0};
	struct rlimit files;

	/* a message may have many parts, and each is a descriptor for a while */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = MIN(files.rlim_max, 65536);
		setrlimit(RLIMIT_NOFILE, &files);
	}
	setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* which looks for leaks by ptrace */
	prctl(PR_SET_DUMPABLE, 0);
#endif
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

void
jail_close_from(int fd)
{
	syscall(SYS_close_range, fd, ~0U, 0);
}

/* Pages in use now, as bytes: a limit on address space counts from there. */
static int64_t
address_space(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long pages = 0;

	if (file != NULL) {
		if (fscanf(file, "%ld", &pages) != 1)
			pages = 0;
		fclose(file);
	}
	return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

/* What a process may do with a file, or with all in a directory. */
struct place {
	const char *path;
	uint64_t rights;
};

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RUN (READ | LANDLOCK_ACCESS_FS_EXECUTE)
#define WRITE (READ | LANDLOCK_ACCESS_FS_WRITE_FILE)
#define OWN                                                                    \
	(WRITE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define OF_A_FILE                                                              \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |        \
		LANDLOCK_ACCESS_FS_EXECUTE)

static void
allow(int ruleset, const struct place *place)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = place->rights,
		.parent_fd = open(place->path, O_PATH | O_CLOEXEC)};
	struct stat status;

	if (rule.parent_fd < 0)
		return;
	if (fstat(rule.parent_fd, &status) == 0 && !S_ISDIR(status.st_mode))
		rule.allowed_access &= OF_A_FILE;
	syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
		&rule, 0);
	close(rule.parent_fd);
}

/* Landlock: every file is out of reach but in these places. */
static bool
lock_files(const struct place *places, size_t count, GError **error)
{
	struct landlock_ruleset_attr attr = {
		.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1,
	};
	int fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	bool good;

	/* a kernel without it: seccomp refuses what most depends on it */
	if (fd < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
		return true;
	for (size_t i = 0; i < count; i++)
		allow(fd, &places[i]);
	good = syscall(SYS_landlock_restrict_self, fd, 0) == 0;
	if (!good)
		fault_set(error, FAULT_SETUP, "Landlock refuses: %s",
			g_strerror(errno));
	close(fd);
	return good;
}

static bool
load(scmp_filter_ctx filter, bool good, GError **error)
{
	good = good && seccomp_load(filter) == 0;
	seccomp_release(filter);
	if (good)
		return true;
	return fault_set(error, FAULT_SETUP,
		"the system call filter cannot be loaded");
}

/* The compiled filter of readers: loading it is one call. */
static struct sock_fprog reader_filter;

bool
jail_prepare_reader(GError **error)
{
	static const int allowed[] = {SCMP_SYS(read), SCMP_SYS(write),
		SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(readv),
		SCMP_SYS(writev), SCMP_SYS(lseek), SCMP_SYS(close),
		SCMP_SYS(dup), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
		SCMP_SYS(ftruncate), SCMP_SYS(mmap), SCMP_SYS(munmap),
		SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk),
		SCMP_SYS(mprotect), SCMP_SYS(futex), SCMP_SYS(recvmsg),
		SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(poll),
		SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
		SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(gettid),
		SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
		SCMP_SYS(rt_sigaction), SCMP_SYS(msync),
		SCMP_SYS(restart_syscall), SCMP_SYS(exit),
		SCMP_SYS(exit_group)};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	g_autoptr(bytes_auto) code = bytes_new();
	bool good = filter != NULL;

	for (size_t i = 0; good && i < G_N_ELEMENTS(allowed); i++)
		good = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i],
			       0) == 0;
	good = good && seccomp_export_bpf(filter, code->fd) == 0;
	seccomp_release(filter);
	if (!good)
		return fault_set(error, FAULT_SETUP,
			"the system call filter cannot be made");
	code->size = lseek(code->fd, 0, SEEK_END);
	reader_filter.len = code->size / sizeof(struct sock_filter);
	reader_filter.filter =
		(struct sock_filter *)bytes_copy(code, 0, code->size);
	return true;
}

bool
jail_reader(int64_t memory, int64_t cpu, int64_t file, GError **error)
{
	struct rlimit space = {address_space() + memory,
		address_space() + memory};
	struct rlimit time = {cpu / CLOCK_SECOND, cpu / CLOCK_SECOND + 1};
	struct rlimit size = {file, file};

#ifndef __SANITIZE_ADDRESS__ /* whose shadow takes terabytes of it */
	setrlimit(RLIMIT_AS, &space);
#else
	(void)space;
#endif
	setrlimit(RLIMIT_CPU, &time);
	setrlimit(RLIMIT_FSIZE, &size);
	if (!lock_files(NULL, 0, error))
		return false;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &reader_filter) == 0)
		return true;
	return fault_set(error, FAULT_SETUP,
		"the system call filter cannot be loaded");
}

/* Refuses these calls to a process that otherwise works on. */
static bool
refuse(scmp_filter_ctx filter, const int *calls, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i],
			    0) != 0)
			return false;
	return true;
}

static const int never[] = {
#ifndef __SANITIZE_ADDRESS__
	SCMP_SYS(ptrace),
#endif
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev), SCMP_SYS(truncate), /* not Landlock's */
	SCMP_SYS(bind), SCMP_SYS(listen),
	SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(mount),
	SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot),
	SCMP_SYS(setns), SCMP_SYS(unshare), SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open), SCMP_SYS(keyctl), SCMP_SYS(add_key),
	SCMP_SYS(request_key), SCMP_SYS(io_uring_setup),
	SCMP_SYS(userfaultfd), SCMP_SYS(kexec_load), SCMP_SYS(init_module),
	SCMP_SYS(finit_module)};

bool
jail_talker(const char *ca_file, GError **error)
{
	static const int also[] = {SCMP_SYS(socket), SCMP_SYS(connect),
		SCMP_SYS(socketpair), SCMP_SYS(execve), SCMP_SYS(execveat),
#ifndef __SANITIZE_ADDRESS__
		SCMP_SYS(clone), SCMP_SYS(clone3),
#endif
		SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(kill),
		SCMP_SYS(tkill), SCMP_SYS(tgkill), SCMP_SYS(rt_sigqueueinfo),
		SCMP_SYS(rt_tgsigqueueinfo), SCMP_SYS(pidfd_send_signal),
		SCMP_SYS(chmod), SCMP_SYS(fchmod), SCMP_SYS(fchmodat),
		SCMP_SYS(chown), SCMP_SYS(fchown), SCMP_SYS(lchown),
		SCMP_SYS(fchownat)};
	/* libsasl loads its mechanisms when it first needs them */
	const struct place places[] = {{"/usr", READ}, {"/lib", READ},
		{"/lib64", READ}, {"/etc/ssl", READ}, {"/etc/sasl2", READ},
#ifdef __SANITIZE_ADDRESS__
		{"/proc", READ},
#endif
		{*ca_file ? ca_file : "/etc/ca-certificates", READ}};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	bool good = filter != NULL &&
		refuse(filter, never, G_N_ELEMENTS(never)) &&
		refuse(filter, also, G_N_ELEMENTS(also));

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!lock_files(places, G_N_ELEMENTS(places), error)) {
		seccomp_release(filter);
		return false;
	}
	return load(filter, good, error);
}

/*
 * What a preloaded library has mapped, and maps again in the children.  The
 * caller frees the paths when the rules are made.
 */
static char **
add_shared_memory(GArray *places)
{
	g_autofree char *maps = NULL;
	char **lines;

	if (!g_file_get_contents("/proc/self/maps", &maps, NULL, NULL))
		return NULL;
	lines = g_strsplit(maps, "\n", -1);
	for (char **p = lines; *p != NULL; p++) {
		const char *path = strstr(*p, "/dev/shm/");
		const struct place place = {path, WRITE};

		if (path != NULL)
			g_array_append_val(places, place);
	}
	return lines;
}

bool
jail_worker(const char *home, const char *engine, GError **error)
{
	/* also what gpg and the readers, its children, need */
	const struct place system[] = {{"/usr", RUN}, {"/lib", RUN},
		{"/lib64", RUN}, {"/proc/self/exe", RUN}, {engine, RUN},
		{GPG, RUN}, {"/proc", READ}, {"/etc/ld.so.cache", READ},
		{"/etc/ld.so.preload", READ}, {"/etc/gnupg", READ},
		{"/etc/gcrypt", READ}, {"/etc/passwd", READ},
		{"/etc/nsswitch.conf", READ}, {"/etc/localtime", READ},
		{"/etc/ssl", READ}, {"/dev/null", WRITE}, {"/dev/urandom", READ},
		{home, OWN}};
	g_autoptr(GArray) places =
		g_array_new(false, false, sizeof(struct place));
	g_auto(GStrv) shared = add_shared_memory(places);
	scmp_filter_ctx filter;
	bool good;

	g_array_append_vals(places, system, G_N_ELEMENTS(system));
	if (!lock_files((struct place *)places->data, places->len, error))
		return false;
	filter = seccomp_init(SCMP_ACT_ALLOW);
	good = filter != NULL &&
		refuse(filter, never, G_N_ELEMENTS(never)) &&
		seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM),
			SCMP_SYS(socket), 1,
			SCMP_A0(SCMP_CMP_NE, AF_UNIX)) == 0;

	return load(filter, good, error);
}

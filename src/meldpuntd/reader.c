/*
 * The reader: parses bytes of strangers with nothing but memory and one
 * socket.  The zygote initializes the libraries once and keeps one reader
 * forked and jailed ahead of need; it never sees a message itself.
 */
#include "meldpuntd/roles.h"

#include "base/log.h"
#include "base/pass.h"
#include "edge/jail.h"
#include "edge/language.h"
#include "edge/mime.h"
#include "intake/peel.h"
#include "meldpuntd/reader_port.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

struct limits {
	int64_t memory;
	int64_t cpu;
	int64_t file;
};

static void
send_all(int socket, const void *data, size_t length)
{
	const char *p = data;

	while (length > 0) {
		ssize_t n = send(socket, p, length, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		p += n;
		length -= n;
	}
}

/* A whole life: one task, one answer. */
static void
read_one(int socket)
{
	unsigned char layer;
	int fds[2]; /* memfds: bytes in, decoded parts out */
	struct bytes in, out;
	struct reading *reading;
	g_autoptr(GVariant) answer = NULL;
	uint32_t length;

	if (!pass_receive(socket, &layer, 1, fds, 2))
		return;
	in = (struct bytes){.fd = fds[0], .size = lseek(fds[0], 0, SEEK_END)};
	out = (struct bytes){.fd = fds[1]};
	reading = peel_layer(&in, layer, &out);
	answer = reading_encode(reading);
	length = g_variant_get_size(answer);
	send_all(socket, &length, sizeof(length));
	send_all(socket, g_variant_get_data(answer), length);
}

/* In the child: never returns. */
static void
become_reader(int socket, const struct limits *limits)
{
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGXFSZ, SIG_IGN);
	/* a library's complaint may quote the message */
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	if (socket != LAUNCH_READER_FD)
		dup2(socket, LAUNCH_READER_FD);
	jail_close_from(LAUNCH_READER_FD + 1);
	if (jail_reader(limits->memory, limits->cpu, limits->file, NULL))
		read_one(LAUNCH_READER_FD);
	_exit(0);
}

/* Forks the next reader; its socket, or -1. */
static int
prepare_reader(const struct limits *limits, pid_t *pid)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		return -1;
	*pid = fork();
	if (*pid == 0)
		become_reader(pair[1], limits);
	close(pair[1]);
	if (*pid > 0)
		return pair[0];
	close(pair[0]);
	return -1;
}

int
reader_run(int argc, char **argv)
{
	struct limits limits;
	char ask;

	if (argc != 5)
		return EX_USAGE;
	limits.memory = g_ascii_strtoll(argv[2], NULL, 10);
	limits.cpu = g_ascii_strtoll(argv[3], NULL, 10);
	limits.file = g_ascii_strtoll(argv[4], NULL, 10);
	log_open("reader");
	jail_common();
	signal(SIGCHLD, SIG_IGN); /* readers are not waited for */
	if (!jail_prepare_reader(NULL))
		return EX_OSERR;
	mime_init();
	language_init();
	for (;;) {
		pid_t pid = 0;
		int socket = prepare_reader(&limits, &pid);
		bool given;

		if (recv(LAUNCH_READER_FD, &ask, 1, 0) != 1 || socket < 0)
			return EX_OK;
		given = pass_send(LAUNCH_READER_FD, &pid, sizeof(pid),
			&socket, 1);
		close(socket);
		if (!given)
			return EX_OK;
	}
}

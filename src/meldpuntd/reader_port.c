#include "meldpuntd/reader_port.h"

#include "base/fault.h"
#include "base/pass.h"
#include "base/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_ANSWER (32 << 20)

struct readers {
	const struct conf *conf;
	int control; /* to the zygote, -1: none */
	pid_t zygote;
};

struct readers *
readers_new(const struct conf *conf)
{
	struct readers *readers = g_new0(struct readers, 1);

	readers->conf = conf;
	readers->control = -1;
	return readers;
}

static void
end_zygote(struct readers *readers)
{
	if (readers->control < 0)
		return;
	close(readers->control);
	readers->control = -1;
	kill(readers->zygote, SIGKILL);
	waitpid(readers->zygote, NULL, 0);
}

void
readers_free(struct readers *readers)
{
	end_zygote(readers);
	g_free(readers);
}

/* In the child: never returns. */
static void
become_zygote(const struct readers *readers, int control)
{
	char memory[24], cpu[24], file[24];
	char *const argv[] = {(char *)"meldpuntd", (char *)"reader", memory,
		cpu, file, NULL};

	snprintf(memory, sizeof(memory), "%" PRId64,
		readers->conf->reader_memory);
	snprintf(cpu, sizeof(cpu), "%" PRId64, readers->conf->reader_cpu);
	snprintf(file, sizeof(file), "%" PRId64, readers->conf->plaintext);
	stop_unblock();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (control == LAUNCH_READER_FD)
		fcntl(control, F_SETFD, 0);
	else
		dup2(control, LAUNCH_READER_FD);
	execv("/proc/self/exe", argv);
	_exit(127);
}

static bool
start_zygote(struct readers *readers, GError **error)
{
	int pair[2];

	if (readers->control >= 0)
		return true;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return fault_set(error, FAULT_LATER, "reader: socketpair: %s",
			g_strerror(errno));
	readers->zygote = fork();
	if (readers->zygote == 0)
		become_zygote(readers, pair[1]);
	close(pair[1]);
	if (readers->zygote < 0) {
		close(pair[0]);
		return fault_set(error, FAULT_LATER, "reader: fork: %s",
			g_strerror(errno));
	}
	readers->control = pair[0];
	return true;
}

/* Asks for the reader that is ready: its socket, and its pid to end it. */
static int
take_reader(struct readers *readers, pid_t *pid)
{
	char ask = 'r';
	int fd;

	if (send(readers->control, &ask, 1, MSG_NOSIGNAL) != 1 ||
		!pass_receive(readers->control, pid, sizeof(*pid), &fd, 1))
		return -1;
	return fd;
}

static bool
hand_over(int socket, enum layer layer, int in, int out)
{
	unsigned char which = layer;
	const int fds[2] = {in, out};

	return pass_send(socket, &which, 1, fds, 2);
}

/* Exactly length bytes before the deadline. */
static bool
receive(int socket, void *buffer, size_t length, int64_t until)
{
	char *p = buffer;

	while (length > 0) {
		struct pollfd polled = {.fd = socket, .events = POLLIN};
		int64_t left = (until - clock_ticks()) / 1000;
		ssize_t n;

		if (left <= 0 || poll(&polled, 1, left) == 0)
			return false;
		n = recv(socket, p, length, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		length -= n;
	}
	return true;
}

/* The answer over the socket: its length, then a GVariant. */
static GVariant *
receive_answer(const struct readers *readers, int socket)
{
	int64_t until =
		clock_ticks() + 3 * readers->conf->reader_cpu + 10 * CLOCK_SECOND;
	uint32_t length;
	char *data;

	if (!receive(socket, &length, sizeof(length), until) ||
		length > MAX_ANSWER)
		return NULL;
	data = g_malloc(length);
	if (!receive(socket, data, length, until)) {
		g_free(data);
		return NULL;
	}
	return g_variant_ref_sink(g_variant_new_from_data(
		G_VARIANT_TYPE_VARDICT, data, length, FALSE, g_free, data));
}

static struct reading *
converse(struct readers *readers, int socket, const struct bytes *in,
	enum layer layer, struct bytes **out)
{
	g_autoptr(bytes_auto) parts = bytes_new();
	g_autoptr(GVariant) answer = NULL;
	off_t end;

	if (!hand_over(socket, layer, in->fd, parts->fd))
		return NULL;
	answer = receive_answer(readers, socket);
	if (answer == NULL)
		return NULL;
	/* sealed before it is measured: the reader changes nothing any more */
	if (!bytes_seal(parts) || (end = lseek(parts->fd, 0, SEEK_END)) < 0)
		return NULL;
	parts->size = end;
	*out = g_steal_pointer(&parts);
	return reading_decode(answer, end);
}

static struct reading *
read_layer(void *self, const struct bytes *in, enum layer layer,
	struct bytes **out, GError **error)
{
	struct readers *readers = self;
	struct reading *reading;
	pid_t pid = 0;
	int socket;

	if (!start_zygote(readers, error))
		return NULL;
	socket = take_reader(readers, &pid);
	if (socket < 0) {
		end_zygote(readers);
		fault_set(error, FAULT_LATER, "reader: none could be started");
		return NULL;
	}
	reading = converse(readers, socket, in, layer, out);
	close(socket);
	/* whatever it answered, its life is over */
	if (pid > 1)
		kill(pid, SIGKILL);
	if (reading != NULL)
		return reading;
	/* what killed one may have marked the zygote's memory: start afresh */
	end_zygote(readers);
	g_clear_pointer(out, bytes_free);
	fault_set(error, FAULT_MAIL, "reader: it died over the message");
	return NULL;
}

struct reader_port
readers_port(struct readers *readers)
{
	return (struct reader_port){.read = read_layer, .self = readers};
}

#include "base/stop.h"

#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

static int signal_fd = -1;
static bool wanted;

static sigset_t
ending_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	return set;
}

void
stop_open(void)
{
	sigset_t set = ending_signals();

	sigprocmask(SIG_BLOCK, &set, NULL);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		g_error("signalfd: %s", g_strerror(errno));
}

void
stop_unblock(void)
{
	sigset_t set = ending_signals();

	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

bool
stop_wait(int fd, int milliseconds)
{
	struct pollfd polled[] = {
		{.fd = signal_fd, .events = POLLIN},
		{.fd = fd, .events = POLLIN},
	};

	if (wanted || poll(polled, 2, milliseconds) <= 0)
		return false;
	/* the signal stays pending in the descriptor: once is for ever */
	if (polled[0].revents)
		wanted = true;
	return fd >= 0 && polled[1].revents != 0;
}

bool
stop_wanted(void)
{
	stop_wait(-1, 0);
	return wanted;
}

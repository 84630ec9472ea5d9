#include "edge/notify.h"

#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void
notify_send(const char *state)
{
	const char *path = g_getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = path ? strlen(path) : 0;
	int fd;

	if (length < 2 || length >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
		(struct sockaddr *)&address,
		offsetof(struct sockaddr_un, sun_path) + length);
	close(fd);
}

unsigned int
notify_watchdog_interval(void)
{
	const char *period = g_getenv("WATCHDOG_USEC");
	const char *pid = g_getenv("WATCHDOG_PID");

	if (period == NULL ||
		(pid != NULL &&
			g_ascii_strtoll(pid, NULL, 10) != (gint64)getpid()))
		return 0;
	return g_ascii_strtoull(period, NULL, 10) / 2000;
}

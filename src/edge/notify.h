/* What the service manager is told, as datagrams (sd_notify(3)). */
#ifndef EDGE_NOTIFY_H
#define EDGE_NOTIFY_H

#include <stdint.h>

/*
 * One or more "NAME=value" lines; does nothing without $NOTIFY_SOCKET, and
 * never waits for a manager that does not read.
 */
void notify_send(const char *state);

/* How often WATCHDOG=1 is due, in milliseconds; 0: never. */
unsigned int notify_watchdog_interval(void);

#endif

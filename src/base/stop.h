/*
 * TERM and INT as a descriptor that a process polls beside its others, so
 * that the message at hand is finished before it ends.
 */
#ifndef BASE_STOP_H
#define BASE_STOP_H

#include <stdbool.h>

/* Blocks TERM and INT from now on; call once, early. */
void stop_open(void);

/* True once a signal has come. */
bool stop_wanted(void);

/*
 * Waits until fd (or -1 for none) is readable, milliseconds have gone (-1
 * for ever) or a stop is wanted.  True if fd is readable.
 */
bool stop_wait(int fd, int milliseconds);

/* Gives the signals back their default, for a child about to exec. */
void stop_unblock(void);

#endif

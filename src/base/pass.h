/*
 * A few bytes and descriptors, sent together to another process over a Unix
 * stream socket (unix(7), SCM_RIGHTS).
 */
#ifndef BASE_PASS_H
#define BASE_PASS_H

#include <stdbool.h>
#include <stddef.h>

#define PASS_MAX 4 /* descriptors */

bool pass_send(int socket, const void *data, size_t size, const int *fds,
	size_t count);

/*
 * Waits for exactly so much; the caller owns the descriptors, which are closed
 * at exec.  False if anything else came, or nobody is there any more.
 */
bool pass_receive(int socket, void *data, size_t size, int *fds, size_t count);

#endif

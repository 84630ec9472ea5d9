/*
 * How a role tells the supervisor whether what it depends on works: one
 * datagram over inherited descriptor 4.  A role that says nothing works.
 */
#ifndef MELDPUNTD_HEALTH_H
#define MELDPUNTD_HEALTH_H

#include <stdbool.h>

#define HEALTH_FD 4

/* Of a role: keeps the descriptor from programs that it runs. */
void health_open(void);

/*
 * what is "database", "imap", "smtp" or "key"; name the mailbox, the key's
 * fingerprint, or "".  Trouble is told each time, well-being when it is news.
 */
void health_tell(const char *what, const char *name, bool well);

#endif

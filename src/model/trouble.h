/* Something that the daemon depends on and that has been failing. */
#ifndef MODEL_TROUBLE_H
#define MODEL_TROUBLE_H

#include "base/clock.h"

#include <glib.h>
#include <stdbool.h>

struct trouble {
	char *what; /* "database", "imap", "smtp", "key", "process" */
	char *name; /* mailbox, fingerprint or role; "" */
	moment since;
	moment until; /* 0: it still fails */
};

void trouble_clear(struct trouble *trouble);

/* As a line for another process, which reads it; caller frees. */
char *trouble_write(const struct trouble *trouble);
bool trouble_read(struct trouble *trouble, const char *line);

#endif

/* Between the files of imap. */
#ifndef EDGE_IMAP_PRIVATE_H
#define EDGE_IMAP_PRIVATE_H

#include "edge/imap.h"
#include "edge/tls.h"

#include <libetpan/libetpan.h>

struct imap {
	mailimap *session;
	struct stream *stream; /* owned by session once wrapped */
	bool wrapped;
	int64_t wait;
	bool idle, uidplus, move;
	bool refused; /* the last command */
	uint32_t exists;
};

/* Starts the clock of one command. */
mailimap *imap_ready(struct imap *imap);

/* True for success; else the error says whether the server refused it. */
bool imap_check(struct imap *imap, int code, const char *what, GError **error);

#endif

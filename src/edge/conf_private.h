/* What the files conf*.c share; nobody else includes it. */
#ifndef EDGE_CONF_PRIVATE_H
#define EDGE_CONF_PRIVATE_H

#include "edge/conf.h"

/* A file being read: where values go, and all that is wrong with it. */
struct reading_conf {
	struct conf *conf;
	const char *path;
	GString *faults;
	GHashTable *given; /* "base/scope/name" that the file has set */
};

/* One fault more; line 0: none in particular. */
void conf_complain(struct reading_conf *in, unsigned int line,
	const char *format, ...) G_GNUC_PRINTF(3, 4);

/* What options mean together, once all are read. */
void conf_check(struct reading_conf *in);

#endif

/* A case as the stages hand it on. */
#ifndef MODEL_CASEFILE_H
#define MODEL_CASEFILE_H

#include "base/clock.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct casefile {
	int64_t id;
	char *number; /* PREFIX-YEAR-NNNN */
	moment arrived_at;
	moment answer_due_at;
	char *language; /* nl, en or "" when unsure */
	char *title;

	char *alias;	/* the reporter's, random */
	char *name;	/* the reporter's, may be NULL */
	char *address;	/* the reporter's, NULL: nobody to write to */
	GByteArray *key; /* certificate, NULL: none */
	char *fingerprint;
	bool pinned; /* the key may read content */
	int64_t attachments; /* how many it has already */
};

struct casefile *casefile_new(void);
void casefile_free(struct casefile *casefile);
typedef struct casefile casefile_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(casefile_auto, casefile_free)

/* One step of a clock, as it is put into the table deadlines. */
struct deadline {
	const char *clock;
	const char *step;
	moment fires_at;
};

#endif

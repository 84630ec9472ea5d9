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
	bool plain;  /* the reporter asked for answers in clear */
	int64_t attachments; /* how many it has already */

	int64_t claims; /* a case that the report names without proof, 0: none */
	bool held;	/* another reporter sent the same before */
	bool acknowledged; /* no machine, list or flood: mail may go by itself */
	bool answering; /* the answer is on its way, not yet accepted */
	int64_t mailbox_id;
	char *mailbox; /* name */
	char *state;
	char *resolution; /* or NULL */
	char *severity;	  /* or NULL */
	char *cvss;	  /* or NULL */
	char *owner;	  /* address, or NULL */
	char *assessment; /* or NULL */
	char *fix_date;	  /* ISO 8601, or NULL */
	bool sealed;	  /* the report came under a seal */
	moment answered_at;   /* 0: not yet */
	moment waiting_since; /* for the reporter; 0: we do not */
	moment acted_at;      /* staff's last order; 0: none */
	char *last_author;    /* of the newest letter that a person wrote */
	moment last_letter_at;
	char *report_id; /* Message-ID of the report, or NULL */
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

/*
 * What a worker does with one claimed message, inside its transaction:
 * unseal, route, open or follow a case, seal and queue the letters, commit.
 */
#ifndef MELDPUNTD_CASE_WORK_H
#define MELDPUNTD_CASE_WORK_H

#include "edge/conf.h"
#include "edge/db.h"
#include "edge/pgp.h"
#include "meldpuntd/reader_port.h"
#include "model/inbound.h"

#include <glib.h>
#include <stdbool.h>

struct case_work {
	const struct conf *conf;
	struct db *db;
	struct pgp *pgp;
	struct readers *readers;
	const char *key; /* of the mailbox at hand */
	bool once; /* --once: what is there now is done now */
	GHashTable *own_keys; /* fingerprint -> GByteArray, exported once */
	GHashTable *resting;  /* chores that failed (chore.h) */
	char *chore;	      /* the one at hand, or NULL */
};

/*
 * Commits and returns true, or false: FAULT_MAIL if a reader died over it,
 * FAULT_LATER if it should be tried again.  The caller rolls back.
 */
bool case_work_do(struct case_work *work, struct inbound *inbound,
	GError **error);

/* A mailbox's certificate, exported once; NULL on trouble. */
const GByteArray *case_work_own_key(struct case_work *work,
	const char *fingerprint, GError **error);

void case_work_clear(struct case_work *work);

#endif

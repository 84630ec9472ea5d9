/* What the database knows of a message: for intake/route.h to decide by. */
#ifndef DESK_FACTS_H
#define DESK_FACTS_H

#include "edge/db.h"
#include "model/facts.h"
#include "model/inbound.h"
#include "model/report.h"

#include <glib.h>
#include <stdbool.h>

/* Whether these bytes have come before: 0 if not. */
bool facts_same_bytes(struct db *db, const struct inbound *inbound,
	struct facts *facts, GError **error);

/*
 * The rest, once the header is read; remembers the message's identity
 * (Message-ID, From, Date) for a server that renders it anew.
 */
bool facts_of(struct db *db, const struct inbound *inbound,
	const struct report *report, struct facts *facts, GError **error);

/*
 * A case that the text names: the message joins it if its sender is that
 * case's reporter (same address, signed by the pinned key where there is
 * one); else it only claims it.
 */
/*
 * The letter whose Message-ID begins like this, and its case; unchanged if
 * there is none.
 */
bool facts_of_token(struct db *db, const struct inbound *inbound,
	const char *token, int64_t *letter, int64_t *case_id, GError **error);

bool facts_of_number(struct db *db, const struct inbound *inbound,
	const struct report *report, const char *number, struct facts *facts,
	GError **error);

/* Lets a copy of the same message go on, once all is committed. */
void facts_release(struct db *db, struct facts *facts);

/*
 * What staff are to be told of a new case beside its facts, as struct told
 * with phrases "remark-..."; the caller unrefs.
 */
bool facts_find_hints(struct db *db, int64_t case_id, GPtrArray **hints,
	GError **error);

#endif

/* A row of table inbound that a worker has claimed. */
#ifndef MODEL_INBOUND_H
#define MODEL_INBOUND_H

#include "base/clock.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct inbound {
	int64_t id;
	int64_t mailbox_id;
	char *mailbox; /* name */
	moment arrived_at;
	int64_t size;
	int64_t blob;
	bool header_only; /* over limits.message */
	int64_t claims;
	int64_t delays; /* attempts that trouble of ours ended */
	int64_t reader_deaths;
	char *number;	 /* reserved, or NULL */
	int64_t case_id; /* released from quarantine: its bare case; else 0 */
};

void inbound_free(struct inbound *inbound);
typedef struct inbound inbound_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(inbound_auto, inbound_free)

#endif

/*
 * What the outbox needs to know of a mailbox beyond its configuration: row,
 * keys of our message authentication codes, what its servers can do.
 */
#ifndef OUTBOX_POSTBOX_H
#define OUTBOX_POSTBOX_H

#include "edge/conf.h"
#include "edge/db.h"

#include <glib.h>
#include <stdbool.h>

#define MAC_KEY_SIZE 32
#define POSTBOX_TOKEN 16 /* of a Message-ID, in its bounce address */

struct postbox {
	const struct conf *conf;
	const struct mailbox *mailbox;
	int64_t id;
	bool subaddress; /* address+detail has been seen to come back */
	int64_t smtp_size;
	uint8_t reply_key[MAC_KEY_SIZE];
	uint8_t bounce_key[MAC_KEY_SIZE];
	uint8_t notice_key[MAC_KEY_SIZE];
	uint8_t content_key[MAC_KEY_SIZE];
};

/*
 * Fills in what the database knows of this mailbox, to which log lines belong
 * from now on.
 */
bool postbox_load(struct postbox *postbox, struct db *db,
	const struct conf *conf, const char *mailbox, GError **error);

/* security+VGZ-2026-0042.MAC@..., or NULL while unproven; caller frees. */
char *postbox_reply_address(const struct postbox *postbox, const char *number);

/* An address+detail of ours that is no case's; caller frees. */
char *postbox_probe_address(const struct postbox *postbox);

/* The case of a reply address of ours among these addresses; caller frees. */
char *postbox_number_of(const struct postbox *postbox, char *const *addresses);

/* The envelope sender of a letter; caller frees. */
char *postbox_bounce_address(const struct postbox *postbox,
	const char *message_id);

/*
 * The start of the Message-ID of the letter whose bounce address is among
 * these addresses, or NULL; caller frees.
 */
char *postbox_bounced_token(const struct postbox *postbox,
	char *const *addresses);

/* True if this is our MAC of a case line. */
bool postbox_is_case_mac(const struct postbox *postbox, const char *number,
	const char *mac);

/* The line that ties a staff member's answer to a case; caller frees. */
char *postbox_case_line(const struct postbox *postbox, const char *number);

#endif

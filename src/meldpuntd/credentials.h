/*
 * What the supervisor holds for the roles: their database passwords, and
 * the mail servers' secrets as read last.
 */
#ifndef MELDPUNTD_CREDENTIALS_H
#define MELDPUNTD_CREDENTIALS_H

#include "edge/conf.h"

#include <glib.h>
#include <stdbool.h>

struct credentials {
	GHashTable *passwords; /* role -> password */
	GHashTable *secrets;   /* "imap box" -> secret; also smtp, key */
	GHashTable *places;    /* "imap box" -> host (or key) and file */
};

void credentials_open(struct credentials *credentials);
void credentials_clear(struct credentials *credentials);

/* Which secrets the roles of this daemon need. */
struct secrets_wanted {
	bool imap, smtp, key;
};

/*
 * Reads the secrets: at the start perhaps with more rights than later, so
 * what cannot be read any more at a reload stays as it was.
 */
bool credentials_read_secrets(struct credentials *credentials,
	const struct conf *conf, const struct secrets_wanted *wanted,
	GError **error);

/* Reads the passwords of all roles, made if there are none. */
bool credentials_read_passwords(struct credentials *credentials,
	const struct conf *conf, GError **error);

/* The secret for "imap", "smtp" or "key" of a mailbox, "" if there is none. */
const char *credentials_secret(const struct credentials *credentials,
	const char *kind, const char *mailbox);

#endif

/*
 * The configuration, read with libconfig against one table of options.
 *
 * All faults of a file are found in one pass and reported together, each
 * with file and line.  A struct conf is never changed after it was read;
 * conf_free() accepts NULL.
 */
#ifndef EDGE_CONF_H
#define EDGE_CONF_H

#include "base/clock.h"

#include <glib.h>
#include <stdbool.h>

enum tls_mode { TLS_IMPLICIT, TLS_STARTTLS, TLS_NONE };

/* A server that we log in to. */
struct server {
	char *host;
	int64_t port;
	int64_t tls; /* enum tls_mode */
	char *ca_file;
	char *user;
	char *password_file;
	char *token_command;
};

struct mailbox {
	char *name;
	char *prefix;
	char *address;
	char *display_name;
	char **languages;
	char *policy_url;
	char *key;
	char *passphrase_file;
	char *templates;
	char **footer;
	struct server imap;
	char **folders;
	char *since; /* ISO 8601 with offset, or "" */
	char *done_folder;
	char *failed_folder;
	int64_t poll;
	struct server smtp;
	bool null_sender;
	GHashTable *words; /* its own templates by LANGUAGE/NAME, once read, or NULL */
};

struct staff {
	char *name;
	char *address;
	char *key;
	char **roles;
	char *deputy;
	char **mailboxes;
};

struct conf {
	char *path;
	char *text; /* as read: handed to the roles, so all see the same */

	char *database;
	char *state_dir;
	char *runtime_dir;
	char *user;
	char *time_zone;
	int64_t workers;
	GTimeZone *zone;

	/* limits; sizes in bytes, times in microseconds */
	int64_t message;
	int64_t plaintext;
	int64_t reader_memory;
	int64_t reader_cpu;
	int64_t openpgp_time;
	int64_t network_time;
	int64_t acks_per_sender;
	int64_t acks_in_total;
	int64_t digest_after;

	/* clocks, in microseconds */
	int64_t answer;
	int64_t answer_owner;
	int64_t answer_lead;
	int64_t answer_management;
	int64_t progress;
	int64_t progress_grace;
	int64_t fix_date_soon;
	char **legal; /* "name=duration" */
	bool calendar;
	bool answer_working_days;

	/* alarms to operators */
	int64_t alarm_after; /* microseconds */
	char **alarm_addresses;
	char *alarm_command;

	/* working hours */
	char **working_days;
	char *working_from;
	char *working_until;
	char **holidays;
	char *public_holidays;

	GPtrArray *mailboxes; /* struct mailbox */
	GPtrArray *staff;     /* struct staff */
};

enum option_type {
	OPTION_TEXT,
	OPTION_NUMBER,
	OPTION_FLAG,
	OPTION_DURATION, /* "5d", "12h", "60s"; microseconds */
	OPTION_SIZE,	 /* "30M", "256k"; bytes */
	OPTION_ADDRESS,
	OPTION_FINGERPRINT,
	OPTION_TLS,
	OPTION_TIME,  /* "09:00" */
	OPTION_TEXTS, /* a list of strings */
};

/* One row of the table that parser, manual, sample and `config` share. */
struct option {
	const char *scope; /* "", "limits", "mailboxes", "mailboxes.imap" ... */
	const char *name;
	enum option_type type;
	size_t offset; /* in struct conf, mailbox or staff, by scope */
	int64_t min;
	int64_t max;
	const char *preset; /* as written in a file; NULL: must be given */
	const char *help;
};

extern const struct option conf_options[];
extern const size_t conf_option_count;

/* NULL and FAULT_SETUP if it cannot be read. */
struct conf *conf_load(const char *path, GError **error);

/* The same from text that came from path. */
struct conf *conf_parse(const char *text, const char *path, GError **error);

void conf_free(struct conf *conf);
typedef struct conf conf_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(conf_auto, conf_free)

/* The value as it would be written in a file; caller frees. */
char *conf_format(const struct option *option, const void *base);

/* The same for a shell: without quotes, a list one item a line. */
char *conf_plain(const struct option *option, const void *base);

/* The value out of a file's words into base; false and why if it is wrong. */
bool conf_set(const struct option *option, void *base, const char *value,
	GError **error);

/* Frees what conf_set() put into base. */
void conf_unset(const struct option *option, void *base);

/* A duration ("72h") in microseconds; false if it is none. */
bool conf_duration(const char *value, int64_t *duration);

/* The name in scope that is nearest to a misspelt one, or NULL; caller frees. */
char *conf_nearest(const char *scope, const char *name);

/* NULL if there is none of this name. */
const struct mailbox *conf_mailbox(const struct conf *conf, const char *name);

/* True if this person works on this mailbox in this role. */
bool conf_staff_has(const struct staff *staff, const char *mailbox,
	const char *role);

/* The staff member with this address, or NULL. */
const struct staff *conf_staff_by_address(const struct conf *conf,
	const char *address);

/* Messages that arrived before are no reports; 0: all are. */
moment conf_since(const struct mailbox *mailbox);

/* How long a legal clock of this name runs, in microseconds; 0: there is none. */
int64_t conf_legal_clock(const struct conf *conf, const char *name);

/* True if the database is ours to run. */
bool conf_is_embedded(const struct conf *conf);

#endif

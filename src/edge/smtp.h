/*
 * One SMTP connection (RFC 5321, RFC 3461, RFC 4954) through libetpan, kept
 * for many letters.
 */
#ifndef EDGE_SMTP_H
#define EDGE_SMTP_H

#include "base/bytes.h"
#include "edge/conf.h"

#include <glib.h>
#include <stdbool.h>

struct smtp;

/* One recipient of a letter, and what the server said about it. */
struct smtp_recipient {
	const char *address;
	bool taken;    /* RCPT was answered 2xx */
	bool accepted; /* so was the final dot */
	int code;   /* reply code, 0 if none came */
	char *text; /* the server's words; may hold an address: never logged */
	bool offered; /* the final dot was sent: without a reply, unsure */
};

/* One letter's envelope; recipients' answers are the caller's to free. */
struct envelope {
	const char *from;  /* "" is the null sender */
	const char *envid; /* RFC 3461, or NULL */
	struct smtp_recipient *recipients;
	size_t count;
};

struct smtp *smtp_dial(const struct server *server, int64_t wait,
	GError **error);

/* TLS, greeting, EHLO with this name, login (none if user is empty). */
bool smtp_login(struct smtp *smtp, const struct server *server,
	const char *ehlo_name, const char *secret, bool is_token,
	GError **error);

void smtp_close(struct smtp *smtp);
typedef struct smtp smtp_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(smtp_auto, smtp_close)

/* The server's SIZE limit in bytes, 0 if it announced none. */
uint64_t smtp_size_limit(const struct smtp *smtp);

/* False if the connection has gone while nobody used it. */
bool smtp_alive(struct smtp *smtp);

/*
 * Offers a letter to all recipients in one transaction.  Each recipient's
 * answer is filled in: code 4xx and 5xx are the server's verdict, code 0
 * means that the connection broke, before (not offered) or after the final
 * dot (unsure).
 */
void smtp_send(struct smtp *smtp, const struct envelope *envelope,
	const struct bytes *letter);

#endif

#include "edge/smtp.h"

#include "base/fault.h"
#include "base/text.h"
#include "edge/tls.h"

#include <libetpan/libetpan.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>

/*
 * Exported by libetpan but in no public header; its own EHLO would say this
 * host's name instead of the mailbox's domain.
 */
int mailsmtp_send_command(mailsmtp *session, char *command);
int mailsmtp_read_response(mailsmtp *session);
int mailesmtp_parse_ehlo(mailsmtp *session);

/* RFC 5321, 4.5.3.2.6: ten minutes for the reply to the final dot. */
#define FINAL_WAIT (10 * CLOCK_MINUTE)

struct smtp {
	mailsmtp *session;
	struct stream *stream; /* owned by session once wrapped */
	bool wrapped;
	bool broken;
	int64_t wait;
};

static mailsmtp *
ready(struct smtp *smtp)
{
	stream_deadline(smtp->stream, smtp->wait);
	return smtp->session;
}

static bool
refuse(struct smtp *smtp, enum fault_code advice, const char *what,
	GError **error)
{
	const char *complaint = stream_complaint(smtp->stream);

	smtp->broken = true;
	if (complaint != NULL)
		return fault_set(error, FAULT_LATER, "SMTP: %s: %s", what,
			complaint);
	return fault_set(error, advice, "SMTP: the server refused %s", what);
}

struct smtp *
smtp_dial(const struct server *server, int64_t wait, GError **error)
{
	struct smtp *smtp;
	struct stream *stream =
		stream_dial(server->host, server->port, wait, error);

	if (stream == NULL)
		return NULL;
	smtp = g_new0(struct smtp, 1);
	smtp->stream = stream;
	smtp->wait = wait;
	smtp->session = mailsmtp_new(0, NULL);
	return smtp;
}

static bool
say_ehlo(struct smtp *smtp, const char *name, GError **error)
{
	g_autofree char *command = g_strdup_printf("EHLO %s\r\n", name);

	if (mailsmtp_send_command(ready(smtp), command) == -1 ||
		mailsmtp_read_response(smtp->session) != 250)
		return refuse(smtp, FAULT_LATER, "EHLO", error);
	smtp->session->esmtp = MAILSMTP_ESMTP;
	smtp->session->auth = MAILSMTP_AUTH_NOT_CHECKED;
	mailesmtp_parse_ehlo(smtp->session);
	return true;
}

static bool
greet(struct smtp *smtp, const struct server *server, const char *name,
	GError **error)
{
	stream_deadline(smtp->stream, smtp->wait);
	if (server->tls == TLS_IMPLICIT &&
		!stream_secure(smtp->stream, server->ca_file, error))
		return false;
	smtp->wrapped = true;
	/* mailsmtp_connect() would free the stream, and why it failed */
	smtp->session->stream = stream_wrap(smtp->stream);
	if (mailsmtp_read_response(ready(smtp)) != 220)
		return refuse(smtp, FAULT_LATER, "the connection", error);
	if (!say_ehlo(smtp, name, error))
		return false;
	if (server->tls != TLS_STARTTLS)
		return true;
	if (mailesmtp_starttls(ready(smtp)) != MAILSMTP_NO_ERROR)
		return refuse(smtp, FAULT_SETUP, "STARTTLS", error);
	if (smtp->session->stream->read_buffer_len > 0)
		return fault_set(error, FAULT_SETUP, "SMTP: the server sent "
			"text between STARTTLS and the handshake");
	return stream_secure(smtp->stream, server->ca_file, error) &&
		say_ehlo(smtp, name, error);
}

bool
smtp_login(struct smtp *smtp, const struct server *server,
	const char *ehlo_name, const char *secret, bool is_token,
	GError **error)
{
	int code;

	if (!greet(smtp, server, ehlo_name, error))
		return false;
	if (*server->user == '\0')
		return true;
	if (is_token)
		code = mailsmtp_oauth2_authenticate(ready(smtp), server->user,
			secret);
	else
		code = mailesmtp_auth_sasl(ready(smtp),
			smtp->session->auth & MAILSMTP_AUTH_PLAIN ? "PLAIN"
								  : "LOGIN",
			server->host, NULL, NULL, server->user, server->user,
			secret, NULL);
	if (code == MAILSMTP_NO_ERROR)
		return true;
	return refuse(smtp,
		code == MAILSMTP_ERROR_AUTH_TEMPORARY_FAILTURE ? FAULT_LATER
								: FAULT_SETUP,
		"the login", error);
}

void
smtp_close(struct smtp *smtp)
{
	if (smtp == NULL)
		return;
	if (smtp->wrapped && !smtp->broken) {
		stream_deadline(smtp->stream, 2 * CLOCK_SECOND);
		mailsmtp_quit(smtp->session);
	}
	mailsmtp_free(smtp->session);
	if (!smtp->wrapped)
		stream_free(smtp->stream);
	g_free(smtp);
}

uint64_t
smtp_size_limit(const struct smtp *smtp)
{
	return smtp->session->smtp_max_msg_size;
}

bool
smtp_alive(struct smtp *smtp)
{
	struct pollfd polled = {
		.fd = stream_socket(smtp->stream), .events = POLLIN};

	/* a server that speaks unasked says 421 or closes */
	return !smtp->broken && poll(&polled, 1, 0) == 0;
}

static void
note(struct smtp_recipient *r, int code, const char *text)
{
	r->code = code;
	g_free(r->text);
	r->text = text_line(text, 500);
}

/* What the server just said, for one recipient or all that are still in. */
struct reply {
	int code;
	const char *text;
};

static struct reply
reply_of(struct smtp *smtp)
{
	const char *complaint = stream_complaint(smtp->stream);
	struct reply reply = {
		.code = complaint ? 0 : smtp->session->response_code,
		.text = complaint ? complaint : smtp->session->response};

	if (reply.code == 0 || reply.code == 421)
		smtp->broken = true;
	return reply;
}

/* The same answer for everybody who has not been refused before. */
static void
note_all(const struct envelope *envelope, struct reply reply)
{
	for (size_t i = 0; i < envelope->count; i++)
		if (envelope->recipients[i].taken)
			note(&envelope->recipients[i], reply.code, reply.text);
}

static bool
say_mail(struct smtp *smtp, const struct envelope *envelope)
{
	mailsmtp *session = ready(smtp);
	struct reply reply;

	session->response_code = 0;
	if (session->esmtp & MAILSMTP_ESMTP_DSN)
		mailesmtp_mail(session, envelope->from, 0, envelope->envid);
	else
		mailsmtp_mail(session, envelope->from);
	reply = reply_of(smtp);
	if (reply.code / 100 == 2)
		return true;
	note_all(envelope, reply);
	return false;
}

/* How many recipients the server takes. */
static size_t
say_rcpt(struct smtp *smtp, const struct envelope *envelope)
{
	bool dsn = smtp->session->esmtp & MAILSMTP_ESMTP_DSN;
	size_t taken = 0;

	for (size_t i = 0; i < envelope->count; i++) {
		struct smtp_recipient *r = &envelope->recipients[i];
		struct reply reply = {.text = "connection lost"};

		if (!r->taken)
			continue;
		if (!smtp->broken) {
			mailsmtp *session = ready(smtp);

			session->response_code = 0;
			/* a null sender can be told nothing anyway */
			if (dsn && *envelope->from != '\0')
				mailesmtp_rcpt(session, r->address,
					MAILSMTP_DSN_NOTIFY_FAILURE, NULL);
			else
				mailsmtp_rcpt(session, r->address);
			reply = reply_of(smtp);
		}
		r->taken = reply.code / 100 == 2;
		note(r, reply.code, reply.text);
		taken += r->taken;
	}
	if (!smtp->broken)
		return taken;
	/* no verdict on anybody: DATA was never said */
	note_all(envelope, (struct reply){.text = "connection lost"});
	return 0;
}

static bool
say_data(struct smtp *smtp, const struct envelope *envelope)
{
	mailsmtp *session = ready(smtp);
	struct reply reply;

	session->response_code = 0;
	mailsmtp_data(session);
	reply = reply_of(smtp);
	if (reply.code / 100 == 3)
		return true;
	note_all(envelope, reply);
	return false;
}

static void
say_letter(struct smtp *smtp, const struct envelope *envelope,
	const struct bytes *letter)
{
	void *map = mmap(NULL, letter->size, PROT_READ, MAP_SHARED, letter->fd,
		0);
	struct reply reply = {.text = "letter cannot be mapped"};

	if (map == MAP_FAILED)
		smtp->broken = true;
	else {
		stream_deadline(smtp->stream,
			FINAL_WAIT + (int64_t)letter->size * 10);
		smtp->session->response_code = 0;
		mailsmtp_data_message(smtp->session, map, letter->size);
		munmap(map, letter->size);
		reply = reply_of(smtp);
	}
	note_all(envelope, reply);
	for (size_t i = 0; i < envelope->count; i++) {
		struct smtp_recipient *r = &envelope->recipients[i];

		r->accepted = r->taken && reply.code / 100 == 2;
		/* what broke while we wrote never saw the final dot */
		r->offered = r->taken && map != MAP_FAILED &&
			!stream_broke_writing(smtp->stream);
	}
}

void
smtp_send(struct smtp *smtp, const struct envelope *envelope,
	const struct bytes *letter)
{
	bool from_good = *envelope->from == '\0' ||
		text_is_address(envelope->from);

	/* a line end in an address would be a command of its own */
	for (size_t i = 0; i < envelope->count; i++) {
		struct smtp_recipient *r = &envelope->recipients[i];

		r->taken = from_good && text_is_address(r->address);
		if (!r->taken)
			note(r, 553, "not a valid address");
	}
	if (say_mail(smtp, envelope) && say_rcpt(smtp, envelope) > 0 &&
		say_data(smtp, envelope)) {
		say_letter(smtp, envelope, letter);
		return;
	}
	if (!smtp->broken &&
		mailsmtp_reset(ready(smtp)) != MAILSMTP_NO_ERROR)
		smtp->broken = true;
}

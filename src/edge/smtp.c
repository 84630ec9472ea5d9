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

void
smtp_answer_clear(struct smtp_answer *answer)
{
	g_clear_pointer(&answer->text, g_free);
	answer->code = 0;
	answer->offered = false;
}

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
	if (mailsmtp_connect(ready(smtp), stream_wrap(smtp->stream)) !=
		MAILSMTP_NO_ERROR)
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

/* Keeps the server's words; true if its reply code is in this hundred. */
static bool
take_reply(struct smtp *smtp, struct smtp_answer *answer, int hundred)
{
	const char *complaint = stream_complaint(smtp->stream);
	int code = complaint ? 0 : smtp->session->response_code;

	if (code / 100 == hundred)
		return true;
	answer->code = code;
	g_free(answer->text);
	answer->text = text_line(complaint ? complaint
					   : smtp->session->response, 500);
	if (code == 0 || code == 421)
		smtp->broken = true;
	return false;
}

static bool
offer_envelope(struct smtp *smtp, const struct envelope *envelope,
	struct smtp_answer *answer)
{
	mailsmtp *session = ready(smtp);
	bool dsn = session->esmtp & MAILSMTP_ESMTP_DSN;

	session->response_code = 0;
	if (dsn)
		mailesmtp_mail(session, envelope->from, 0, envelope->envid);
	else
		mailsmtp_mail(session, envelope->from);
	if (!take_reply(smtp, answer, 2))
		return false;
	session = ready(smtp);
	session->response_code = 0;
	/* a null sender can be told nothing anyway */
	if (dsn && *envelope->from != '\0')
		mailesmtp_rcpt(session, envelope->to,
			MAILSMTP_DSN_NOTIFY_FAILURE, NULL);
	else
		mailsmtp_rcpt(session, envelope->to);
	if (!take_reply(smtp, answer, 2))
		return false;
	session = ready(smtp);
	session->response_code = 0;
	mailsmtp_data(session);
	return take_reply(smtp, answer, 3);
}

static bool
offer_bytes(struct smtp *smtp, const struct bytes *letter,
	struct smtp_answer *answer)
{
	mailsmtp *session = smtp->session;
	void *map = mmap(NULL, letter->size, PROT_READ, MAP_SHARED, letter->fd,
		0);

	if (map == MAP_FAILED) {
		answer->text = g_strdup("letter cannot be mapped");
		smtp->broken = true;
		return false;
	}
	stream_deadline(smtp->stream,
		FINAL_WAIT + (int64_t)letter->size * 10);
	session->response_code = 0;
	answer->offered = true;
	mailsmtp_data_message(session, map, letter->size);
	munmap(map, letter->size);
	return take_reply(smtp, answer, 2);
}

bool
smtp_send(struct smtp *smtp, const struct envelope *envelope,
	const struct bytes *letter, struct smtp_answer *answer)
{
	smtp_answer_clear(answer);
	if (!text_is_address(envelope->to) ||
		(*envelope->from && !text_is_address(envelope->from))) {
		answer->code = 553;
		answer->text = g_strdup("not a valid address");
		return false;
	}
	if (offer_envelope(smtp, envelope, answer) &&
		offer_bytes(smtp, letter, answer)) {
		answer->code = smtp->session->response_code;
		g_free(answer->text);
		answer->text = text_line(smtp->session->response, 500);
		return true;
	}
	if (!smtp->broken &&
		mailsmtp_reset(ready(smtp)) != MAILSMTP_NO_ERROR)
		smtp->broken = true;
	return false;
}

#include "edge/tls.h"

#include "base/clock.h"
#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct stream {
	int fd;
	char *host;
	int64_t until; /* ticks */
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
	char *complaint;
	bool broke_writing;
};

static int
milliseconds_left(const struct stream *stream)
{
	int64_t left = stream->until - clock_ticks();

	return left <= 0 ? 0 : (int)MIN(left / 1000 + 1, G_MAXINT);
}

static ssize_t
fail(struct stream *stream, const char *why)
{
	g_free(stream->complaint);
	stream->complaint = g_strdup(why);
	return -1;
}

/* Waits for the socket within the deadline. */
static bool
wait_for(struct stream *stream, short events)
{
	struct pollfd polled = {.fd = stream->fd, .events = events};
	int n;

	do
		n = poll(&polled, 1, milliseconds_left(stream));
	while (n < 0 && errno == EINTR);
	if (n == 0)
		fail(stream, "no answer in time");
	return n > 0;
}

/* Tries one address; a connected non-blocking socket or -1. */
static int
try_address(const struct addrinfo *address, int64_t until)
{
	struct stream attempt = {.until = until};
	int failure = 0, on = 1;
	socklen_t size = sizeof(failure);

	attempt.fd = socket(address->ai_family,
		SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (attempt.fd < 0)
		return -1;
	if (connect(attempt.fd, address->ai_addr, address->ai_addrlen) == 0 ||
		(errno == EINPROGRESS && wait_for(&attempt, POLLOUT) &&
			getsockopt(attempt.fd, SOL_SOCKET, SO_ERROR, &failure,
				&size) == 0 &&
			failure == 0)) {
		setsockopt(attempt.fd, IPPROTO_TCP, TCP_NODELAY, &on,
			sizeof(on));
		g_free(attempt.complaint);
		return attempt.fd;
	}
	if (failure != 0)
		errno = failure;
	else if (attempt.complaint != NULL)
		errno = ETIMEDOUT;
	failure = errno;
	close(attempt.fd);
	g_free(attempt.complaint);
	errno = failure;
	return -1;
}

struct stream *
stream_dial(const char *host, int port, int64_t wait, GError **error)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_ADDRCONFIG};
	struct addrinfo *found = NULL;
	struct stream *stream;
	char service[8];
	int fd = -1, code;

	g_snprintf(service, sizeof(service), "%d", port);
	code = getaddrinfo(host, service, &hints, &found);
	if (code != 0) {
		fault_set(error, FAULT_LATER, "%s: %s", host,
			gai_strerror(code));
		return NULL;
	}
	for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next)
		fd = try_address(a, clock_ticks() + wait);
	freeaddrinfo(found);
	if (fd < 0) {
		fault_set(error, FAULT_LATER, "connecting to %s port %d: %s",
			host, port, g_strerror(errno));
		return NULL;
	}
	stream = g_new0(struct stream, 1);
	stream->fd = fd;
	stream->host = g_strdup(host);
	stream_deadline(stream, wait);
	return stream;
}

static bool
load_authorities(struct stream *stream, const char *ca_file, GError **error)
{
	int n;

	gnutls_certificate_allocate_credentials(&stream->credentials);
	if (*ca_file == '\0')
		n = gnutls_certificate_set_x509_system_trust(
			stream->credentials);
	else
		n = gnutls_certificate_set_x509_trust_file(stream->credentials,
			ca_file, GNUTLS_X509_FMT_PEM);
	if (n > 0)
		return true;
	return fault_set(error, FAULT_SETUP, "no certificate authority in %s",
		*ca_file ? ca_file : "the system's store");
}

/* An address as host is matched against IP names of the certificate. */
static bool
prepare(struct stream *stream, const char *ca_file, GError **error)
{
	static const char priority[] =
		"NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-TLS1.3";

	if (!load_authorities(stream, ca_file, error))
		return false;
	if (gnutls_init(&stream->session,
		    GNUTLS_CLIENT | GNUTLS_NONBLOCK) != 0 ||
		gnutls_priority_set_direct(stream->session, priority, NULL) ||
		gnutls_credentials_set(stream->session, GNUTLS_CRD_CERTIFICATE,
			stream->credentials) != 0)
		return fault_set(error, FAULT_LATER, "TLS cannot be set up");
	gnutls_server_name_set(stream->session, GNUTLS_NAME_DNS, stream->host,
		strlen(stream->host));
	gnutls_session_set_verify_cert(stream->session, stream->host, 0);
	gnutls_transport_set_int(stream->session, stream->fd);
	return true;
}

/* Whether TLS only wants the socket to be ready, and then waits for it. */
static bool
again(struct stream *stream, ssize_t code)
{
	if (code == GNUTLS_E_INTERRUPTED)
		return true;
	if (code != GNUTLS_E_AGAIN)
		return false;
	return wait_for(stream,
		gnutls_record_get_direction(stream->session) ? POLLOUT
							      : POLLIN);
}

static char *
verification_text(gnutls_session_t session)
{
	unsigned int status =
		gnutls_session_get_verify_cert_status(session);
	gnutls_datum_t text = {NULL, 0};
	char *copy;

	if (status == 0 ||
		gnutls_certificate_verification_status_print(status,
			GNUTLS_CRT_X509, &text, 0) != 0)
		return NULL;
	copy = g_strchomp(g_strdup((const char *)text.data));
	gnutls_free(text.data);
	return copy;
}

bool
stream_secure(struct stream *stream, const char *ca_file, GError **error)
{
	g_autofree char *reason = NULL;
	int code;

	if (!prepare(stream, ca_file, error))
		return false;
	do
		code = gnutls_handshake(stream->session);
	while (code < 0 && !gnutls_error_is_fatal(code) &&
		again(stream, code));
	if (code == 0)
		return true;
	reason = verification_text(stream->session);
	/* a wrong certificate is for a person, all else may pass */
	return fault_set(error, reason ? FAULT_SETUP : FAULT_LATER,
		"TLS with %s: %s", stream->host,
		reason ? reason : gnutls_strerror(code));
}

static ssize_t
read_some(mailstream_low *low, void *buffer, size_t size)
{
	struct stream *stream = low->data;
	ssize_t n;

	if (milliseconds_left(stream) == 0)
		return fail(stream, "no answer in time");
	for (;;) {
		if (stream->session == NULL) {
			n = read(stream->fd, buffer, size);
			if (n == 0)
				fail(stream, "the server closed the connection");
			if (n >= 0)
				return n;
			if (errno == EINTR ||
				(errno == EAGAIN && wait_for(stream, POLLIN)))
				continue;
			return stream->complaint
				? -1
				: fail(stream, g_strerror(errno));
		}
		n = gnutls_record_recv(stream->session, buffer, size);
		if (n == 0)
			fail(stream, "the server closed the connection");
		if (n >= 0)
			return n;
		if (!again(stream, n))
			return stream->complaint
				? -1
				: fail(stream, gnutls_strerror(n));
	}
}

static ssize_t
write_some(mailstream_low *low, const void *buffer, size_t size)
{
	struct stream *stream = low->data;
	ssize_t n;

	if (milliseconds_left(stream) == 0) {
		stream->broke_writing = true;
		return fail(stream, "no answer in time");
	}
	for (;;) {
		if (stream->session == NULL) {
			n = send(stream->fd, buffer, size, MSG_NOSIGNAL);
			if (n >= 0)
				return n;
			if (errno == EINTR ||
				(errno == EAGAIN && wait_for(stream, POLLOUT)))
				continue;
			stream->broke_writing = true;
			return fail(stream, g_strerror(errno));
		}
		n = gnutls_record_send(stream->session, buffer, size);
		if (n >= 0)
			return n;
		if (!again(stream, n)) {
			stream->broke_writing = true;
			return fail(stream, gnutls_strerror(n));
		}
	}
}

static int
close_stream(mailstream_low *low)
{
	struct stream *stream = low->data;

	if (stream->session != NULL)
		gnutls_bye(stream->session, GNUTLS_SHUT_WR);
	shutdown(stream->fd, SHUT_RDWR);
	return 0;
}

static int
get_fd(mailstream_low *low)
{
	return ((struct stream *)low->data)->fd;
}

static void
free_low(mailstream_low *low)
{
	stream_free(low->data);
	free(low);
}

static void
cancel(mailstream_low *low)
{
	(void)low;
}

static mailstream_low_driver driver = {
	.mailstream_read = read_some,
	.mailstream_write = write_some,
	.mailstream_close = close_stream,
	.mailstream_get_fd = get_fd,
	.mailstream_free = free_low,
	.mailstream_cancel = cancel,
};

mailstream *
stream_wrap(struct stream *stream)
{
	mailstream_low *low = mailstream_low_new(stream, &driver);

	return mailstream_new(low, 16384);
}

void
stream_deadline(struct stream *stream, int64_t wait)
{
	stream->until = clock_ticks() + wait;
}

int
stream_socket(const struct stream *stream)
{
	return stream->fd;
}

bool
stream_pending(const struct stream *stream)
{
	return stream->session != NULL &&
		gnutls_record_check_pending(stream->session) > 0;
}

bool
stream_is_secure(const struct stream *stream)
{
	return stream->session != NULL;
}

const char *
stream_complaint(const struct stream *stream)
{
	return stream->complaint;
}

bool
stream_broke_writing(const struct stream *stream)
{
	return stream->broke_writing;
}

void
stream_free(struct stream *stream)
{
	if (stream == NULL)
		return;
	if (stream->session != NULL)
		gnutls_deinit(stream->session);
	if (stream->credentials != NULL)
		gnutls_certificate_free_credentials(stream->credentials);
	close(stream->fd);
	g_free(stream->host);
	g_free(stream->complaint);
	g_free(stream);
}

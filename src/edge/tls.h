/*
 * A verified TLS stream under libetpan, over GnuTLS.
 *
 * libetpan's own TLS verifies nothing, so it gets this driver: the
 * certificate and the host name are verified, TLS is at least 1.2, and no
 * wait is without a deadline, not even for a peer that drips bytes.
 *
 * Order of use: stream_dial() opens the socket and says nothing, so that a
 * process can shed its rights between; then stream_secure() at once
 * (implicit) or after STARTTLS.
 */
#ifndef EDGE_TLS_H
#define EDGE_TLS_H

#include <glib.h>
#include <libetpan/mailstream.h>
#include <stdbool.h>
#include <stdint.h>

struct stream;

/* Connects within wait microseconds. */
struct stream *stream_dial(const char *host, int port, int64_t wait,
	GError **error);

/* Handshake and verification; ca_file empty: the system's authorities. */
bool stream_secure(struct stream *stream, const char *ca_file, GError **error);

/*
 * Wraps the stream for libetpan, which owns it from then on (it is freed
 * with the mailstream).
 */
mailstream *stream_wrap(struct stream *stream);

/* Everything until the next call must be over in wait microseconds. */
void stream_deadline(struct stream *stream, int64_t wait);

int stream_socket(const struct stream *stream);

/* True if bytes wait inside TLS that poll(2) cannot see. */
bool stream_pending(const struct stream *stream);

bool stream_is_secure(const struct stream *stream);

/* Why the last read or write failed, or NULL. */
const char *stream_complaint(const struct stream *stream);

/* True if it broke while something was written: not all of it went. */
bool stream_broke_writing(const struct stream *stream);

/* For a stream that was never wrapped. */
void stream_free(struct stream *stream);

#endif

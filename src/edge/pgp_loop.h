/*
 * GPGME operations with a deadline.
 *
 * GPGME's own waiting notices a cancellation only when the engine speaks, so
 * a gpg that hangs behind its agent would hold us for ever.  Here its I/O is
 * polled by us, and what passes its deadline is cancelled at once.
 */
#ifndef EDGE_PGP_LOOP_H
#define EDGE_PGP_LOOP_H

#include <glib.h>
#include <gpgme.h>
#include <stdbool.h>
#include <stdint.h>

struct pgp_loop {
	gpgme_ctx_t context;
	GPtrArray *watches; /* struct watch, owned */
	GPtrArray *keys; /* gpgme_key_t that a listing gave */
	bool done;
	bool timed_out; /* the last operation was ended by its deadline */
	gpgme_error_t result;
};

/* Takes over the context's I/O; for all that follows use *_start functions. */
void pgp_loop_open(struct pgp_loop *loop, gpgme_ctx_t context);
void pgp_loop_close(struct pgp_loop *loop);

/*
 * Waits for an operation that has just been started; started is what its
 * *_start function returned.  GPG_ERR_CANCELED and timed_out if it took
 * longer than limit microseconds.
 */
gpgme_error_t pgp_loop_wait(struct pgp_loop *loop, gpgme_error_t started,
	int64_t limit);

#endif

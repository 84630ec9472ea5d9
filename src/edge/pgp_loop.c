#include "edge/pgp_loop.h"

#include "base/clock.h"

#include <poll.h>
#include <string.h>

#define MAX_WATCHES 32

/* One descriptor that GPGME wants to be told about; also its tag. */
struct watch {
	struct pgp_loop *loop;
	int fd;
	short events;
	gpgme_io_cb_t callback;
	void *data;
};

static gpgme_error_t
add_watch(void *data, int fd, int direction, gpgme_io_cb_t callback,
	void *callback_data, void **tag)
{
	struct watch *watch = g_new0(struct watch, 1);

	watch->loop = data;
	watch->fd = fd;
	watch->events = direction ? POLLIN : POLLOUT;
	watch->callback = callback;
	watch->data = callback_data;
	g_ptr_array_add(watch->loop->watches, watch);
	*tag = watch;
	return 0;
}

static void
remove_watch(void *tag)
{
	struct watch *watch = tag;

	g_ptr_array_remove(watch->loop->watches, watch);
}

static void
take_event(void *data, gpgme_event_io_t type, void *type_data)
{
	struct pgp_loop *loop = data;
	const struct gpgme_io_event_done_data *end = type_data;

	if (type == GPGME_EVENT_DONE) {
		loop->done = true;
		loop->result = end->err ? end->err : end->op_err;
	} else if (type == GPGME_EVENT_NEXT_KEY)
		g_ptr_array_add(loop->keys, type_data);
}

void
pgp_loop_open(struct pgp_loop *loop, gpgme_ctx_t context)
{
	struct gpgme_io_cbs callbacks = {.add = add_watch,
		.add_priv = loop,
		.remove = remove_watch,
		.event = take_event,
		.event_priv = loop};

	loop->context = context;
	loop->watches = g_ptr_array_new_with_free_func(g_free);
	loop->keys = g_ptr_array_new_with_free_func(
		(GDestroyNotify)gpgme_key_unref);
	gpgme_set_io_cbs(context, &callbacks);
}

void
pgp_loop_close(struct pgp_loop *loop)
{
	g_clear_pointer(&loop->keys, g_ptr_array_unref);
	g_clear_pointer(&loop->watches, g_ptr_array_unref);
}

/* Calls who is ready; a callback may take others out of the list. */
static void
serve(struct pgp_loop *loop, int milliseconds)
{
	struct pollfd polled[MAX_WATCHES];
	struct watch *who[MAX_WATCHES];
	guint n = MIN(loop->watches->len, MAX_WATCHES);

	for (guint i = 0; i < n; i++) {
		who[i] = loop->watches->pdata[i];
		polled[i] = (struct pollfd){
			.fd = who[i]->fd, .events = who[i]->events};
	}
	if (poll(polled, n, milliseconds) <= 0)
		return;
	for (guint i = 0; i < n; i++)
		if (polled[i].revents != 0 &&
			g_ptr_array_find(loop->watches, who[i], NULL))
			who[i]->callback(who[i]->data, who[i]->fd);
}

gpgme_error_t
pgp_loop_wait(struct pgp_loop *loop, gpgme_error_t started, int64_t limit)
{
	int64_t until = clock_ticks() + limit;

	loop->timed_out = false;
	if (started != 0)
		return started;
	while (!loop->done) {
		int64_t left = (until - clock_ticks()) / 1000;

		if (left <= 0) {
			loop->timed_out = true;
			gpgme_cancel(loop->context);
			return gpg_error(GPG_ERR_CANCELED);
		}
		serve(loop, left);
	}
	return loop->result;
}

#include "edge/imap_private.h"

#include "base/fault.h"
#include "base/stop.h"
#include "edge/tls.h"

#include <string.h>

void
imap_message_free(struct imap_message *message)
{
	bytes_free(message->bytes);
	g_free(message);
}

/* Which codes mean that the server said no, rather than that it is gone. */
static bool
is_refusal(int code)
{
	return code != MAILIMAP_ERROR_STREAM && code != MAILIMAP_ERROR_PARSE &&
		code != MAILIMAP_ERROR_FATAL &&
		code != MAILIMAP_ERROR_PROTOCOL &&
		code != MAILIMAP_ERROR_BAD_STATE;
}

bool
imap_check(struct imap *imap, int code, const char *what, GError **error)
{
	const char *complaint = stream_complaint(imap->stream);

	if (code == MAILIMAP_NO_ERROR ||
		code == MAILIMAP_NO_ERROR_AUTHENTICATED ||
		code == MAILIMAP_NO_ERROR_NON_AUTHENTICATED)
		return true;
	if (code == MAILIMAP_ERROR_LOGIN && complaint == NULL)
		return fault_set(error, FAULT_SETUP,
			"IMAP: the server refused the login");
	imap->refused = is_refusal(code) && complaint == NULL;
	if (imap->refused)
		return fault_set(error,
			strcmp(what, "FETCH") == 0 ? FAULT_MAIL : FAULT_LATER,
			"IMAP: the server refused %s", what);
	return fault_set(error, FAULT_LATER, "IMAP: %s: %s", what,
		complaint ? complaint : "connection lost");
}

mailimap *
imap_ready(struct imap *imap)
{
	stream_deadline(imap->stream, imap->wait);
	imap->refused = false;
	return imap->session;
}

struct imap *
imap_dial(const struct server *server, int64_t wait, GError **error)
{
	struct imap *imap;
	struct stream *stream =
		stream_dial(server->host, server->port, wait, error);

	if (stream == NULL)
		return NULL;
	imap = g_new0(struct imap, 1);
	imap->stream = stream;
	imap->wait = wait;
	imap->session = mailimap_new(0, NULL);
	return imap;
}

/* What a man in the middle sent before TLS must not be read after it. */
static bool
upgrade(struct imap *imap, const struct server *server, GError **error)
{
	if (!imap_check(imap, mailimap_starttls(imap_ready(imap)), "STARTTLS", error))
		return false;
	if (imap->session->imap_stream->read_buffer_len > 0)
		return fault_set(error, FAULT_SETUP, "IMAP: the server sent "
			"text between STARTTLS and the handshake");
	return stream_secure(imap->stream, server->ca_file, error);
}

static bool
greet(struct imap *imap, const struct server *server, GError **error)
{
	stream_deadline(imap->stream, imap->wait);
	if (server->tls == TLS_IMPLICIT &&
		!stream_secure(imap->stream, server->ca_file, error))
		return false;
	imap->wrapped = true;
	if (!imap_check(imap,
		    mailimap_connect(imap_ready(imap), stream_wrap(imap->stream)),
		    "greeting", error))
		return false;
	return server->tls != TLS_STARTTLS || upgrade(imap, server, error);
}

bool
imap_login(struct imap *imap, const struct server *server, const char *secret,
	bool is_token, GError **error)
{
	struct mailimap_capability_data *caps = NULL;
	int code;

	if (!greet(imap, server, error))
		return false;
	code = is_token ? mailimap_oauth2_authenticate(imap_ready(imap),
				  server->user, secret)
			: mailimap_login(imap_ready(imap), server->user, secret);
	if (is_token && code != MAILIMAP_NO_ERROR && is_refusal(code))
		code = MAILIMAP_ERROR_LOGIN;
	if (!imap_check(imap, code, "login", error))
		return false;
	/* what a server can do may change with the login */
	if (!imap_check(imap, mailimap_capability(imap_ready(imap), &caps), "CAPABILITY",
		    error))
		return false;
	mailimap_capability_data_free(caps);
	imap->idle = mailimap_has_idle(imap->session);
	imap->uidplus = mailimap_has_uidplus(imap->session);
	imap->move = mailimap_has_extension(imap->session, (char *)"MOVE");
	return true;
}

void
imap_close(struct imap *imap)
{
	if (imap == NULL)
		return;
	if (imap->wrapped)
		stream_deadline(imap->stream, 2 * CLOCK_SECOND);
	if (imap->wrapped && stream_complaint(imap->stream) == NULL &&
		imap->session->imap_state != MAILIMAP_STATE_DISCONNECTED)
		mailimap_logout(imap->session);
	mailimap_free(imap->session);
	if (!imap->wrapped)
		stream_free(imap->stream);
	g_free(imap);
}

bool
imap_was_refused(const struct imap *imap)
{
	return imap->refused;
}

bool
imap_has_idle(const struct imap *imap)
{
	return imap->idle;
}

bool
imap_has_uidplus(const struct imap *imap)
{
	return imap->uidplus;
}

char *
imap_lacks(const struct imap *imap)
{
	return g_strdup_printf("%s%s%s", imap->idle ? "" : "IDLE ",
		imap->uidplus ? "" : "UIDPLUS ", imap->move ? "" : "MOVE ");
}

bool
imap_ensure_folder(struct imap *imap, const char *name, GError **error)
{
	clist *found = NULL;
	bool exists;

	if (!imap_check(imap, mailimap_list(imap_ready(imap), "", name, &found), "LIST",
		    error))
		return false;
	exists = clist_begin(found) != NULL;
	mailimap_list_result_free(found);
	if (exists)
		return true;
	return imap_check(imap, mailimap_create(imap_ready(imap), name),
		"CREATE of done_folder or failed_folder", error);
}

bool
imap_select(struct imap *imap, const char *folder, struct imap_folder *state,
	GError **error)
{
	const struct mailimap_selection_info *info;

	if (!imap_check(imap, mailimap_select(imap_ready(imap), folder), "SELECT",
		    error))
		return false;
	info = imap->session->imap_selection_info;
	state->uidvalidity = info->sel_uidvalidity;
	state->uidnext = info->sel_uidnext;
	state->exists = info->sel_exists;
	imap->exists = info->sel_exists;
	return true;
}

static bool
delete_and_expunge(struct imap *imap, struct mailimap_set *set, GError **error)
{
	struct mailimap_flag_list *flags = mailimap_flag_list_new_empty();
	struct mailimap_store_att_flags *store;
	int code;

	mailimap_flag_list_add(flags, mailimap_flag_new_deleted());
	store = mailimap_store_att_flags_new_add_flags_silent(flags);
	code = mailimap_uid_store(imap_ready(imap), set, store);
	mailimap_store_att_flags_free(store);
	if (!imap_check(imap, code, "STORE \\Deleted", error))
		return false;
	return !imap->uidplus ||
		imap_check(imap, mailimap_uid_expunge(imap_ready(imap), set),
			"UID EXPUNGE", error);
}

bool
imap_move(struct imap *imap, const uint32_t *uids, guint count,
	const char *folder, GError **error)
{
	struct mailimap_set *set = mailimap_set_new_empty();
	struct mailimap_set *from = NULL, *to = NULL;
	uint32_t validity = 0;
	bool good;

	for (guint i = 0; i < count; i++)
		mailimap_set_add_single(set, uids[i]);
	if (imap->move && imap->uidplus)
		good = imap_check(imap,
			mailimap_uidplus_uid_move(imap_ready(imap), set, folder,
				&validity, &from, &to),
			"MOVE", error);
	else
		good = imap_check(imap,
			       mailimap_uidplus_uid_copy(imap_ready(imap), set,
				       folder, &validity, &from, &to),
			       "COPY", error) &&
			delete_and_expunge(imap, set, error);
	mailimap_set_free(set);
	if (from != NULL)
		mailimap_set_free(from);
	if (to != NULL)
		mailimap_set_free(to);
	return good;
}

bool
imap_idle(struct imap *imap, int64_t wait, GError **error)
{
	if (!imap_check(imap, mailimap_idle(imap_ready(imap)), "IDLE", error))
		return false;
	if (!stream_pending(imap->stream) &&
		imap->session->imap_stream->read_buffer_len == 0)
		stop_wait(stream_socket(imap->stream), wait / 1000);
	return imap_check(imap, mailimap_idle_done(imap_ready(imap)), "IDLE", error);
}

bool
imap_noop(struct imap *imap, GError **error)
{
	return imap_check(imap, mailimap_noop(imap_ready(imap)), "NOOP", error);
}

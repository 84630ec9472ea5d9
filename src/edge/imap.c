#include "edge/imap.h"

#include "base/fault.h"
#include "base/stop.h"
#include "edge/tls.h"

#include <libetpan/libetpan.h>
#include <string.h>

struct imap {
	mailimap *session;
	struct stream *stream; /* owned by session once wrapped */
	bool wrapped;
	int64_t wait;
	bool idle, uidplus, move;
	bool refused; /* the last command */
	uint32_t exists;
};

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

static bool
check(struct imap *imap, int code, const char *what, GError **error)
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

/* Starts the clock of one command. */
static mailimap *
ready(struct imap *imap)
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
	if (!check(imap, mailimap_starttls(ready(imap)), "STARTTLS", error))
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
	if (!check(imap,
		    mailimap_connect(ready(imap), stream_wrap(imap->stream)),
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
	code = is_token ? mailimap_oauth2_authenticate(ready(imap),
				  server->user, secret)
			: mailimap_login(ready(imap), server->user, secret);
	if (is_token && code != MAILIMAP_NO_ERROR && is_refusal(code))
		code = MAILIMAP_ERROR_LOGIN;
	if (!check(imap, code, "login", error))
		return false;
	/* what a server can do may change with the login */
	if (!check(imap, mailimap_capability(ready(imap), &caps), "CAPABILITY",
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

	if (!check(imap, mailimap_list(ready(imap), "", name, &found), "LIST",
		    error))
		return false;
	exists = clist_begin(found) != NULL;
	mailimap_list_result_free(found);
	if (exists)
		return true;
	return check(imap, mailimap_create(ready(imap), name),
		"CREATE of done_folder or failed_folder", error);
}

bool
imap_select(struct imap *imap, const char *folder, struct imap_folder *state,
	GError **error)
{
	const struct mailimap_selection_info *info;

	if (!check(imap, mailimap_select(ready(imap), folder), "SELECT",
		    error))
		return false;
	info = imap->session->imap_selection_info;
	state->uidvalidity = info->sel_uidvalidity;
	state->uidnext = info->sel_uidnext;
	state->exists = info->sel_exists;
	imap->exists = info->sel_exists;
	return true;
}

static moment
date_time(const struct mailimap_date_time *t)
{
	g_autoptr(GDateTime) utc = g_date_time_new_utc(t->dt_year, t->dt_month,
		t->dt_day, t->dt_hour, t->dt_min, MIN(t->dt_sec, 59));
	int zone = t->dt_zone;

	if (utc == NULL)
		return 0;
	return g_date_time_to_unix(utc) * CLOCK_SECOND -
		(zone / 100 * CLOCK_HOUR + zone % 100 * CLOCK_MINUTE);
}

/* One FETCH response; body bytes only where they were asked for. */
static struct imap_message *
message_of(struct mailimap_msg_att *attributes)
{
	struct imap_message *message = g_new0(struct imap_message, 1);

	for (clistiter *i = clist_begin(attributes->att_list); i != NULL;
		i = clist_next(i)) {
		struct mailimap_msg_att_item *item = clist_content(i);
		struct mailimap_msg_att_static *s;

		if (item->att_type != MAILIMAP_MSG_ATT_ITEM_STATIC)
			continue;
		s = item->att_data.att_static;
		if (s->att_type == MAILIMAP_MSG_ATT_UID)
			message->uid = s->att_data.att_uid;
		else if (s->att_type == MAILIMAP_MSG_ATT_RFC822_SIZE)
			message->size = s->att_data.att_rfc822_size;
		else if (s->att_type == MAILIMAP_MSG_ATT_INTERNALDATE)
			message->arrived =
				date_time(s->att_data.att_internal_date);
		else if (s->att_type == MAILIMAP_MSG_ATT_BODY_SECTION &&
			s->att_data.att_body_section->sec_body_part) {
			struct mailimap_msg_att_body_section *section =
				s->att_data.att_body_section;

			bytes_free(message->bytes);
			message->bytes = bytes_new();
			bytes_append(message->bytes, section->sec_body_part,
				section->sec_length);
		}
	}
	return message;
}

static gint
by_uid(gconstpointer a, gconstpointer b)
{
	uint32_t x = (*(struct imap_message *const *)a)->uid;
	uint32_t y = (*(struct imap_message *const *)b)->uid;

	return x < y ? -1 : x > y;
}

/* Takes set and type over. */
static GPtrArray *
fetch(struct imap *imap, bool by_uids, struct mailimap_set *set,
	struct mailimap_fetch_type *type, GError **error)
{
	GPtrArray *messages;
	clist *found = NULL;
	int code = by_uids
		? mailimap_uid_fetch(ready(imap), set, type, &found)
		: mailimap_fetch(ready(imap), set, type, &found);

	mailimap_set_free(set);
	mailimap_fetch_type_free(type);
	if (!check(imap, code, "FETCH", error))
		return NULL;
	messages = g_ptr_array_new_with_free_func(
		(GDestroyNotify)imap_message_free);
	for (clistiter *i = clist_begin(found); i; i = clist_next(i))
		g_ptr_array_add(messages, message_of(clist_content(i)));
	mailimap_fetch_list_free(found);
	g_ptr_array_sort(messages, by_uid);
	return messages;
}

static struct mailimap_fetch_type *
announcement(void)
{
	struct mailimap_fetch_type *type =
		mailimap_fetch_type_new_fetch_att_list_empty();

	mailimap_fetch_type_new_fetch_att_list_add(type,
		mailimap_fetch_att_new_uid());
	mailimap_fetch_type_new_fetch_att_list_add(type,
		mailimap_fetch_att_new_rfc822_size());
	mailimap_fetch_type_new_fetch_att_list_add(type,
		mailimap_fetch_att_new_internaldate());
	return type;
}

/*
 * By sequence number, so that a folder of 100,000 messages is listed in
 * slices: handled messages leave the folder, what stays is passed over.
 */
GPtrArray *
imap_list(struct imap *imap, uint32_t first, guint max, GError **error)
{
	if (first > imap->exists)
		return g_ptr_array_new_with_free_func(
			(GDestroyNotify)imap_message_free);
	return fetch(imap, false,
		mailimap_set_new_interval(first,
			MIN(imap->exists, first + max - 1)),
		announcement(), error);
}

bool
imap_fetch(struct imap *imap, GPtrArray *messages, guint from, guint count,
	GError **error)
{
	struct mailimap_set *set = mailimap_set_new_empty();
	struct mailimap_fetch_type *type =
		mailimap_fetch_type_new_fetch_att_list_empty();
	g_autoptr(GPtrArray) found = NULL;

	mailimap_fetch_type_new_fetch_att_list_add(type,
		mailimap_fetch_att_new_uid());
	mailimap_fetch_type_new_fetch_att_list_add(type,
		mailimap_fetch_att_new_body_peek_section(
			mailimap_section_new(NULL)));
	for (guint i = from; i < from + count; i++) {
		const struct imap_message *m = messages->pdata[i];

		mailimap_set_add_single(set, m->uid);
	}
	found = fetch(imap, true, set, type, error);
	for (guint i = from; found != NULL && i < from + count; i++) {
		struct imap_message *m = messages->pdata[i];

		for (guint j = 0; j < found->len; j++) {
			struct imap_message *f = found->pdata[j];

			if (f->uid == m->uid && m->bytes == NULL)
				m->bytes = g_steal_pointer(&f->bytes);
		}
	}
	return found != NULL;
}

static bool
take_body(int type, struct mailimap_msg_att_body_section *section,
	const char *data, size_t length, void *context)
{
	(void)type;
	(void)section;
	return bytes_append(context, data, length);
}

static bool
fetch_into(struct imap *imap, struct imap_message *message,
	struct mailimap_fetch_att *body, GError **error)
{
	struct mailimap_fetch_type *type =
		mailimap_fetch_type_new_fetch_att_list_empty();
	g_autoptr(bytes_auto) bytes = bytes_new();
	g_autoptr(GPtrArray) found = NULL;
	int64_t usual = imap->wait;

	mailimap_fetch_type_new_fetch_att_list_add(type,
		mailimap_fetch_att_new_uid());
	mailimap_fetch_type_new_fetch_att_list_add(type, body);
	mailimap_set_msg_body_handler(imap->session, take_body, bytes);
	/* a large message may take as long as at 100 kB/s */
	imap->wait += message->size * INT64_C(10);
	found = fetch(imap, true, mailimap_set_new_single(message->uid), type,
		error);
	imap->wait = usual;
	mailimap_set_msg_body_handler(imap->session, NULL, NULL);
	if (found == NULL)
		return false;
	if (bytes->size > 0)
		message->bytes = g_steal_pointer(&bytes);
	return true;
}

bool
imap_fetch_large(struct imap *imap, struct imap_message *message,
	GError **error)
{
	return fetch_into(imap, message,
		mailimap_fetch_att_new_body_peek_section(
			mailimap_section_new(NULL)),
		error);
}

bool
imap_fetch_header(struct imap *imap, struct imap_message *message,
	uint32_t max, GError **error)
{
	return fetch_into(imap, message,
		mailimap_fetch_att_new_body_peek_section_partial(
			mailimap_section_new_header(), 0, max),
		error);
}

static bool
delete_and_expunge(struct imap *imap, struct mailimap_set *set, GError **error)
{
	struct mailimap_flag_list *flags = mailimap_flag_list_new_empty();
	struct mailimap_store_att_flags *store;
	int code;

	mailimap_flag_list_add(flags, mailimap_flag_new_deleted());
	store = mailimap_store_att_flags_new_add_flags_silent(flags);
	code = mailimap_uid_store(ready(imap), set, store);
	mailimap_store_att_flags_free(store);
	if (!check(imap, code, "STORE \\Deleted", error))
		return false;
	return !imap->uidplus ||
		check(imap, mailimap_uid_expunge(ready(imap), set),
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
		good = check(imap,
			mailimap_uidplus_uid_move(ready(imap), set, folder,
				&validity, &from, &to),
			"MOVE", error);
	else
		good = check(imap,
			       mailimap_uidplus_uid_copy(ready(imap), set,
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
	if (!check(imap, mailimap_idle(ready(imap)), "IDLE", error))
		return false;
	if (!stream_pending(imap->stream) &&
		imap->session->imap_stream->read_buffer_len == 0)
		stop_wait(stream_socket(imap->stream), wait / 1000);
	return check(imap, mailimap_idle_done(ready(imap)), "IDLE", error);
}

bool
imap_noop(struct imap *imap, GError **error)
{
	return check(imap, mailimap_noop(ready(imap)), "NOOP", error);
}

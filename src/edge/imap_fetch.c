/* What is in a folder: listing it and fetching from it. */
#include "edge/imap_private.h"

#include "base/fault.h"

#include <string.h>

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
		? mailimap_uid_fetch(imap_ready(imap), set, type, &found)
		: mailimap_fetch(imap_ready(imap), set, type, &found);

	mailimap_set_free(set);
	mailimap_fetch_type_free(type);
	if (!imap_check(imap, code, "FETCH", error))
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
announcement(bool whole)
{
	struct mailimap_fetch_type *type =
		mailimap_fetch_type_new_fetch_att_list_empty();

	mailimap_fetch_type_new_fetch_att_list_add(type,
		mailimap_fetch_att_new_uid());
	if (!whole)
		return type;
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
static GPtrArray *
list(struct imap *imap, uint32_t first, guint max, bool whole, GError **error)
{
	if (first > imap->exists)
		return g_ptr_array_new_with_free_func(
			(GDestroyNotify)imap_message_free);
	return fetch(imap, false,
		mailimap_set_new_interval(first,
			MIN(imap->exists, first + max - 1)),
		announcement(whole), error);
}

GPtrArray *
imap_list(struct imap *imap, uint32_t first, guint max, GError **error)
{
	return list(imap, first, max, true, error);
}

GPtrArray *
imap_list_uids(struct imap *imap, uint32_t first, guint max, GError **error)
{
	return list(imap, first, max, false, error);
}

bool
imap_look(struct imap *imap, struct imap_message *message, GError **error)
{
	g_autoptr(GPtrArray) found = fetch(imap, true,
		mailimap_set_new_single(message->uid), announcement(true),
		error);

	for (guint i = 0; found != NULL && i < found->len; i++) {
		const struct imap_message *m = found->pdata[i];

		if (m->uid != message->uid)
			continue;
		message->size = m->size;
		message->arrived = m->arrived;
	}
	return found != NULL;
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

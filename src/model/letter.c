#include "model/letter.h"

static void
enclosure_free(struct enclosure *enclosure)
{
	g_free(enclosure->name);
	g_free(enclosure->type);
	bytes_free(enclosure->bytes);
	g_free(enclosure);
}

struct letter *
letter_new(const char *kind)
{
	struct letter *letter = g_new0(struct letter, 1);

	letter->kind = g_strdup(kind);
	letter->to = g_ptr_array_new_with_free_func(g_free);
	letter->references = g_ptr_array_new_with_free_func(g_free);
	letter->enclosures =
		g_ptr_array_new_with_free_func((GDestroyNotify)enclosure_free);
	return letter;
}

void
letter_free(struct letter *letter)
{
	if (letter == NULL)
		return;
	g_free(letter->kind);
	g_free(letter->from_name);
	g_free(letter->from_address);
	g_ptr_array_unref(letter->to);
	g_free(letter->subject);
	g_free(letter->outer_subject);
	g_free(letter->message_id);
	g_free(letter->in_reply_to);
	g_ptr_array_unref(letter->references);
	g_free(letter->reply_to);
	g_free(letter->autocrypt_keydata);
	g_free(letter->text);
	g_ptr_array_unref(letter->enclosures);
	g_free(letter);
}

void
letter_renew(struct letter *letter, unsigned int n)
{
	char *id = g_strdup_printf("%u%s", n, letter->message_id);

	g_ptr_array_set_size(letter->to, 0);
	g_ptr_array_remove_index(letter->references,
		letter->references->len - 1);
	g_ptr_array_add(letter->references, g_strdup(id));
	g_free(letter->message_id);
	letter->message_id = id;
}

void
letter_enclose(struct letter *letter, const char *name, const char *type,
	struct bytes *bytes, bool is_key)
{
	struct enclosure *enclosure = g_new0(struct enclosure, 1);

	enclosure->name = g_strdup(name);
	enclosure->type = g_strdup(type);
	enclosure->bytes = bytes;
	enclosure->is_key = is_key;
	g_ptr_array_add(letter->enclosures, enclosure);
}

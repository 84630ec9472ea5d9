#include "model/reading.h"

#include "base/text.h"

#include <gio/gio.h>
#include <string.h>

#define MAX_PIECES 1000
#define MAX_ASSETS 200

void
piece_free(struct piece *piece)
{
	g_free(piece->name);
	g_free(piece->type);
	g_free(piece);
}

struct piece *
piece_new(const char *name, const char *type, struct extent bytes,
	enum piece_kind kind)
{
	struct piece *piece = g_new0(struct piece, 1);

	piece->name = g_strdup(name);
	piece->type = g_strdup(type);
	piece->bytes = bytes;
	piece->kind = kind;
	return piece;
}

static void
asset_free(struct asset *asset)
{
	g_free(asset->kind);
	g_free(asset->value);
	g_free(asset);
}

struct asset *
asset_new(const char *kind, const char *value)
{
	struct asset *asset = g_new0(struct asset, 1);

	asset->kind = g_strdup(kind);
	asset->value = g_strdup(value);
	return asset;
}

struct reading *
reading_new(void)
{
	struct reading *reading = g_new0(struct reading, 1);

	reading->pieces =
		g_ptr_array_new_with_free_func((GDestroyNotify)piece_free);
	reading->assets =
		g_ptr_array_new_with_free_func((GDestroyNotify)asset_free);
	return reading;
}

void
reading_free(struct reading *reading)
{
	if (reading == NULL)
		return;
	g_free(reading->refusal);
	g_free(reading->from_name);
	g_free(reading->from_address);
	g_free(reading->subject);
	g_free(reading->message_id);
	g_strfreev(reading->references);
	g_strfreev(reading->recipients);
	g_strfreev(reading->reported);
	g_strfreev(reading->failed);
	g_free(reading->text);
	g_free(reading->language);
	g_free(reading->cvss);
	g_ptr_array_unref(reading->pieces);
	g_ptr_array_unref(reading->assets);
	g_free(reading);
}

/* The fields by name; both directions walk these tables. */
static const struct {
	const char *name;
	size_t offset;
} strings[] = {
	{"refusal", offsetof(struct reading, refusal)},
	{"from-name", offsetof(struct reading, from_name)},
	{"from-address", offsetof(struct reading, from_address)},
	{"subject", offsetof(struct reading, subject)},
	{"message-id", offsetof(struct reading, message_id)},
	{"text", offsetof(struct reading, text)},
	{"language", offsetof(struct reading, language)},
	{"cvss", offsetof(struct reading, cvss)},
}, lists[] = {
	{"references", offsetof(struct reading, references)},
	{"recipients", offsetof(struct reading, recipients)},
	{"reported", offsetof(struct reading, reported)},
	{"failed", offsetof(struct reading, failed)},
}, extents[] = {
	{"sealed", offsetof(struct reading, sealed)},
	{"signature", offsetof(struct reading, signature)},
	{"autocrypt", offsetof(struct reading, autocrypt)},
};

#define FIELD(reading, offset, type) ((type *)((char *)(reading) + (offset)))

static GVariant *
encode_pieces(const GPtrArray *pieces)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("a(ssttu)"));
	for (guint i = 0; i < pieces->len; i++) {
		const struct piece *piece = pieces->pdata[i];

		g_variant_builder_add(&builder, "(ssttu)", piece->name,
			piece->type, piece->bytes.offset, piece->bytes.length,
			piece->kind);
	}
	return g_variant_builder_end(&builder);
}

static GVariant *
encode_assets(const GPtrArray *assets)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("a(ss)"));
	for (guint i = 0; i < assets->len; i++) {
		const struct asset *asset = assets->pdata[i];

		g_variant_builder_add(&builder, "(ss)", asset->kind,
			asset->value);
	}
	return g_variant_builder_end(&builder);
}

GVariant *
reading_encode(const struct reading *reading)
{
	static const char *const none[] = {NULL};
	GVariantDict dict;

	g_variant_dict_init(&dict, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(strings); i++) {
		const char *text = *FIELD(reading, strings[i].offset, char *);

		g_variant_dict_insert(&dict, strings[i].name, "s",
			text ? text : "");
	}
	for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
		char **list = *FIELD(reading, lists[i].offset, char **);

		g_variant_dict_insert(&dict, lists[i].name, "^as",
			list ? (const char *const *)list : none);
	}
	for (guint i = 0; i < G_N_ELEMENTS(extents); i++) {
		struct extent *e =
			FIELD(reading, extents[i].offset, struct extent);

		g_variant_dict_insert(&dict, extents[i].name, "(tt)",
			e->offset, e->length);
	}
	g_variant_dict_insert(&dict, "numbers", "(uuuxxbbbb)", reading->shape,
		reading->guard, reading->packets, reading->date,
		reading->received, (gboolean)reading->protected_header,
		(gboolean)reading->inline_armor, (gboolean)reading->beside,
		(gboolean)reading->stands_alone);
	g_variant_dict_insert_value(&dict, "pieces",
		encode_pieces(reading->pieces));
	g_variant_dict_insert_value(&dict, "assets",
		encode_assets(reading->assets));
	return g_variant_ref_sink(g_variant_dict_end(&dict));
}

static bool
inside(struct extent e, uint64_t size)
{
	return e.offset <= size && e.length <= size - e.offset;
}

/* The only words that a reader may give as its reason. */
static const char *const refusals[] = {REFUSAL_EMPTY, REFUSAL_NO_MESSAGE,
	REFUSAL_TOO_MUCH, REFUSAL_TWO_TYPES, REFUSAL_BOUNDARY, REFUSAL_GROUPS,
	REFUSAL_DEPTH, REFUSAL_MESSAGES, REFUSAL_HEADER, REFUSAL_FIELDS,
	REFUSAL_FIELD, REFUSAL_PARTS, "", NULL};

static bool
is_asset(const char *kind, const char *value)
{
	g_autoptr(GInetAddress) address = NULL;
	g_autoptr(GInetAddressMask) mask = NULL;

	if (strlen(value) > ASSET_MAX)
		return false;
	if (strcmp(kind, "ip") == 0)
		address = g_inet_address_new_from_string(value);
	else if (strcmp(kind, "network") == 0)
		mask = g_inet_address_mask_new_from_string(value, NULL);
	else
		return strcmp(kind, "url") == 0 || strcmp(kind, "host") == 0;
	return address != NULL || mask != NULL;
}

/* Short values that other stages rely on: a hostile reader may say anything. */
static bool
values_are_sound(const struct reading *reading)
{
	static const char *const languages[] = {"", "nl", "en", NULL};

	return g_strv_contains(refusals, reading->refusal) &&
		g_strv_contains(languages, reading->language) &&
		(*reading->from_address == '\0' ||
			text_is_address(reading->from_address)) &&
		(*reading->cvss == '\0' ||
			g_regex_match_simple("^[A-Za-z0-9:./]{1,500}$",
				reading->cvss, 0, 0)) &&
		strlen(reading->from_name) <= 400 &&
		strlen(reading->subject) <= 1000 &&
		strlen(reading->message_id) <= 1000;
}

static bool
decode_pieces(struct reading *reading, GVariant *list, uint64_t size)
{
	GVariantIter iter;
	const char *name, *type;
	struct extent e;
	guint32 kind;
	uint64_t total = 0;

	g_variant_iter_init(&iter, list);
	while (g_variant_iter_next(&iter, "(&s&sttu)", &name, &type, &e.offset,
		&e.length, &kind)) {
		total += e.length;
		if (!inside(e, size) || kind > PIECE_OUTSIDE || total > size ||
			reading->pieces->len >= MAX_PIECES)
			return false;
		g_ptr_array_add(reading->pieces,
			piece_new(name, type, e, kind));
	}
	return true;
}

static bool
decode_assets(struct reading *reading, GVariant *list)
{
	GVariantIter iter;
	const char *kind, *value;

	g_variant_iter_init(&iter, list);
	while (g_variant_iter_next(&iter, "(&s&s)", &kind, &value)) {
		if (reading->assets->len >= MAX_ASSETS ||
			!is_asset(kind, value))
			return false;
		g_ptr_array_add(reading->assets, asset_new(kind, value));
	}
	return true;
}

static bool
decode_plain(struct reading *reading, GVariantDict *dict, uint64_t size)
{
	guint32 shape, packets;
	gboolean protected_header, inline_armor, beside, stands_alone;

	for (guint i = 0; i < G_N_ELEMENTS(strings); i++)
		if (!g_variant_dict_lookup(dict, strings[i].name, "s",
			    FIELD(reading, strings[i].offset, char *)))
			return false;
	for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
		if (!g_variant_dict_lookup(dict, lists[i].name, "^as",
			    FIELD(reading, lists[i].offset, char **)))
			return false;
	for (guint i = 0; i < G_N_ELEMENTS(extents); i++) {
		struct extent *e =
			FIELD(reading, extents[i].offset, struct extent);

		if (!g_variant_dict_lookup(dict, extents[i].name, "(tt)",
			    &e->offset, &e->length) ||
			!inside(*e, size))
			return false;
	}
	if (!g_variant_dict_lookup(dict, "numbers", "(uuuxxbbbb)", &shape,
		    &reading->guard, &packets, &reading->date,
		    &reading->received, &protected_header, &inline_armor,
		    &beside, &stands_alone))
		return false;
	reading->shape = shape;
	reading->packets = packets;
	reading->protected_header = protected_header;
	reading->inline_armor = inline_armor;
	reading->beside = beside;
	reading->stands_alone = stands_alone;
	return shape <= SHAPE_REFUSED && packets <= PACKET_KEY &&
		values_are_sound(reading);
}

struct reading *
reading_decode(GVariant *answer, uint64_t size)
{
	g_autoptr(reading_auto) reading = reading_new();
	g_autoptr(GVariant) pieces = NULL;
	g_autoptr(GVariant) assets = NULL;
	g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);

	if (!g_variant_is_of_type(answer, G_VARIANT_TYPE_VARDICT) ||
		!g_variant_is_normal_form(answer))
		return NULL;
	g_variant_dict_init(&dict, answer);
	pieces = g_variant_dict_lookup_value(&dict, "pieces",
		G_VARIANT_TYPE("a(ssttu)"));
	assets = g_variant_dict_lookup_value(&dict, "assets",
		G_VARIANT_TYPE("a(ss)"));
	if (pieces == NULL || assets == NULL ||
		!decode_plain(reading, &dict, size) ||
		!decode_pieces(reading, pieces, size) ||
		!decode_assets(reading, assets))
		return NULL;
	return g_steal_pointer(&reading);
}

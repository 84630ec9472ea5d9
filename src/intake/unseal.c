#include "intake/unseal.h"

#include "base/fault.h"
#include "base/text.h"
#include "edge/packet.h"
#include "intake/extras.h"
#include "intake/reporter_key.h"

#include <string.h>

#define GPG_LINE 19900 /* bytes: it cuts what is longer than 19,995 */
#define MAX_LAYERS 4

/* A message on its way through the layers. */
struct unsealing {
	struct report *report;
	const struct reader_port *reader;
	struct pgp *pgp;
	struct db *db;
	int seals;    /* how many encryptions we are inside of */
	bool trusted; /* we are inside an encryption or a good signature */
	enum signature signature;
};

static void
add_attachment(struct report *report, const struct piece *piece,
	struct bytes *source, bool protected)
{
	struct attachment *a = g_new0(struct attachment, 1);

	a->name = text_file_name(piece->name, report->attachments->len + 1);
	a->type = text_line(piece->type, 100);
	a->size = piece->bytes.length;
	a->source = source;
	a->bytes = piece->bytes;
	a->protected = protected;
	a->sealed = piece->kind == PIECE_SEALED || piece->kind == PIECE_MAIN;
	bytes_sha256(source, a->bytes.offset, a->bytes.length, a->sha256);
	g_ptr_array_add(report->attachments, a);
}

static void
add_candidate(struct report *report, struct bytes *source, struct extent where,
	int seal, const char *signer)
{
	struct candidate *c = g_new0(struct candidate, 1);

	c->source = source;
	c->bytes = where;
	c->seal = seal;
	c->signer = g_strdup(signer);
	/* what came under the seal goes before what stood outside */
	g_ptr_array_insert(report->candidates, seal > 0 ? 0 : -1, c);
}

/* Keys that a layer brought: what is signed may be signed by one of them. */
static void
collect_keys(struct unsealing *u, const struct reading *reading,
	struct bytes *source)
{
	const char *signer = u->signature == SIGNATURE_GOOD
		? u->report->fingerprint
		: NULL;

	if (reading->autocrypt.length > 0)
		add_candidate(u->report, source, reading->autocrypt, u->seals,
			signer);
	for (guint i = 0; i < reading->pieces->len; i++) {
		const struct piece *piece = reading->pieces->pdata[i];

		if (piece->kind == PIECE_KEY)
			add_candidate(u->report, source, piece->bytes,
				u->seals, signer);
	}
}

/*
 * Attachments that a layer brought.  whole: its text is the report, and what
 * seemed to be is an attachment like the others.
 */
static void
collect_pieces(struct unsealing *u, const struct reading *reading,
	struct bytes *source, bool trusted, bool whole)
{
	for (guint i = 0; i < reading->pieces->len; i++) {
		const struct piece *piece = reading->pieces->pdata[i];

		if ((piece->kind == PIECE_MAIN && !whole) ||
			(piece->kind == PIECE_OUTSIDE && whole) ||
			(piece->kind == PIECE_KEY && *piece->name == '\0'))
			continue;
		add_attachment(u->report, piece, source, trusted);
	}
}

static struct reading *
read_layer(struct unsealing *u, const struct bytes *in, enum layer layer,
	struct bytes **source, GError **error)
{
	struct bytes *out = NULL;
	struct reading *reading =
		u->reader->read(u->reader->self, in, layer, &out, error);

	if (reading == NULL)
		return NULL;
	g_ptr_array_add(u->report->layers, reading);
	g_ptr_array_add(u->report->sources, out);
	u->report->inner = reading;
	*source = out;
	return reading;
}

/* Makes known what may have signed. */
static bool
offer_candidates(struct unsealing *u, GError **error)
{
	g_autoptr(GPtrArray) all =
		reporter_key_candidates(u->report, u->db, error);

	return all != NULL && pgp_candidates(u->pgp, all, error);
}

static void
give_up(struct unsealing *u, const char *failure)
{
	g_free(u->report->failure);
	u->report->failure = g_strdup(failure);
}

/* What a good signature says about whom; an inner one is about the text. */
static void
take_signature(struct unsealing *u, struct opened *opened)
{
	struct report *report = u->report;

	if (opened->signature == SIGNATURE_NONE)
		return;
	/* what somebody signed may quote what another did */
	if (u->signature == SIGNATURE_GOOD &&
		report->signature_seal == u->seals &&
		g_strcmp0(report->fingerprint, opened->fingerprint) != 0)
		return;
	u->signature = opened->signature;
	report->signature_seal = u->seals;
	g_free(report->fingerprint);
	report->fingerprint = g_steal_pointer(&opened->fingerprint);
	report->signed_at = opened->signed_at;
}

static void
forget_signature(struct unsealing *u)
{
	u->signature = SIGNATURE_NONE;
	g_clear_pointer(&u->report->fingerprint, g_free);
	u->report->signed_at = 0;
}

/* The key that came inside may be the one, or a newer copy of it. */
static bool
lacks_key(const struct opened *opened)
{
	return opened->signature == SIGNATURE_UNKNOWN_KEY ||
		opened->signature == SIGNATURE_EXPIRED;
}

/*
 * A signature whose key came inside the seal is verified by opening the
 * message once more with its session key, without the agent.
 */
static bool
verify_again(struct unsealing *u, const struct bytes *sealed,
	const char *session_key, GError **error)
{
	struct opened again = {0};
	bool good = offer_candidates(u, error) &&
		pgp_decrypt(u->pgp, sealed, session_key, &again, error);

	if (good && again.plain != NULL)
		take_signature(u, &again);
	opened_clear(&again);
	return good;
}

/* What is known of the layer that something sealed stands in. */
struct standing {
	int seals;
	bool trusted;
	enum signature signature;
	int signature_seal;
	char *fingerprint;
	moment signed_at;
};

static struct standing
standing_of(const struct unsealing *u)
{
	return (struct standing){u->seals, u->trusted, u->signature,
		u->report->signature_seal, g_strdup(u->report->fingerprint),
		u->report->signed_at};
}

/* The text beside it is the report after all, as sealed as its layer is. */
static void
fall_back(struct unsealing *u, struct reading *reading,
	struct standing *standing)
{
	struct report *report = u->report;

	reading->shape = SHAPE_CLEAR;
	report->inner = reading;
	u->seals = standing->seals;
	u->trusted = standing->trusted;
	u->signature = standing->signature;
	report->signature_seal = standing->signature_seal;
	g_free(report->fingerprint);
	report->fingerprint = g_steal_pointer(&standing->fingerprint);
	report->signed_at = standing->signed_at;
	g_clear_pointer(&report->failure, g_free);
}

/* Reads what was opened; its shape is known then, and whose keys it brings. */
static const struct reading *
read_inside(struct unsealing *u, struct bytes *plain, enum layer layer,
	GError **error)
{
	struct bytes *inside = NULL;
	const struct reading *next;

	bytes_seal(plain);
	next = read_layer(u, plain, layer, &inside, error);
	if (next != NULL)
		collect_keys(u, next, inside);
	return next;
}

static bool
has_no_text(const struct reading *r)
{
	return r->shape == SHAPE_CLEAR && !r->text[strspn(r->text, " \t\r\n")];
}

static bool
decrypt(struct unsealing *u, const struct reading *reading,
	const struct bytes *sealed, struct opened *opened, GError **error)
{
	const char *why = packet_hopeless(reading->packets);
	bool good;

	if (why != NULL) {
		give_up(u, why);
		return true;
	}
	good = offer_candidates(u, error) &&
		(reading->packets == PACKET_SIGNED
				? pgp_verify(u->pgp, sealed, NULL, opened,
					  error)
				: pgp_decrypt(u->pgp, sealed, NULL, opened,
					  error));
	if (good && opened->plain == NULL)
		give_up(u, opened->failure ? opened->failure : "it is damaged");
	return good;
}

static bool
open_sealed(struct unsealing *u, struct reading *reading,
	struct bytes *source, GError **error)
{
	g_autoptr(bytes_auto) sealed = bytes_slice(source,
		reading->sealed.offset, reading->sealed.length);
	struct opened opened = {0};
	const struct reading *next;
	guint before = u->report->candidates->len;
	struct standing standing = standing_of(u);
	bool good;

	if (!decrypt(u, reading, sealed, &opened, error) ||
		opened.plain == NULL) {
		good = u->report->failure != NULL;
		if (good && reading->stands_alone)
			fall_back(u, reading, &standing);
		else if (good)
			collect_pieces(u, reading, source, standing.trusted,
				false);
		opened_clear(&opened);
		g_free(standing.fingerprint);
		return good;
	}
	if (reading->packets == PACKET_PUBLIC_KEY) {
		/* who signed the envelope has not signed what is in it */
		u->seals++;
		forget_signature(u);
	}
	u->trusted |= u->seals > 0 || opened.signature == SIGNATURE_GOOD;
	take_signature(u, &opened);
	next = read_inside(u, opened.plain,
		u->seals > 0 ? LAYER_INSIDE : LAYER_SIGNED, error);
	good = next != NULL;
	if (good && reading->beside && has_no_text(next)) {
		/* a file, sent along with a report in clear */
		fall_back(u, reading, &standing);
		opened_clear(&opened);
		g_free(standing.fingerprint);
		return true;
	}
	collect_pieces(u, reading, source, standing.trusted, false);
	g_free(standing.fingerprint);
	if (good && lacks_key(&opened) &&
		u->report->candidates->len > before)
		good = verify_again(u, sealed, opened.session_key, error);
	opened_clear(&opened);
	return good;
}

/* A cleartext signature that gpg makes nothing of is about no text. */
static enum layer
layer_of_signed(const struct unsealing *u, const struct reading *reading,
	const struct opened *opened)
{
	if (reading->shape == SHAPE_CLEARSIGNED && opened->plain == NULL)
		return LAYER_TEXT;
	return u->seals > 0 ? LAYER_INSIDE : LAYER_SIGNED;
}

static bool
verify(struct unsealing *u, const struct reading *reading,
	const struct bytes *source, const struct bytes *text,
	const struct bytes *signature, struct opened *opened, GError **error)
{
	g_autoptr(bytes_auto) unstuffed = NULL;
	struct opened again = {0};

	/* gpg would verify the rest and drop the end of such a line */
	if (signature == NULL && bytes_has_line(text, GPG_LINE)) {
		opened->signature = SIGNATURE_BAD;
		return true;
	}
	if (!pgp_verify(u->pgp, text, signature, opened, error))
		return false;
	if (opened->signature != SIGNATURE_BAD || signature != NULL ||
		reading->signature.length == 0)
		return true;
	unstuffed = bytes_slice(source, reading->signature.offset,
		reading->signature.length);
	if (!pgp_verify(u->pgp, unstuffed, NULL, &again, error))
		return false;
	if (again.signature == SIGNATURE_GOOD) {
		opened_clear(opened);
		*opened = again;
	} else
		opened_clear(&again);
	return true;
}

static bool
open_signed(struct unsealing *u, struct reading *reading,
	struct bytes *source, GError **error)
{
	g_autoptr(bytes_auto) text = bytes_slice(source, reading->sealed.offset,
		reading->sealed.length);
	g_autoptr(bytes_auto) signature = NULL;
	struct opened opened = {0};
	const struct reading *next;
	guint before = u->report->candidates->len;
	enum layer layer;
	bool good;

	if (reading->shape == SHAPE_SIGNED)
		signature = bytes_slice(source, reading->signature.offset,
			reading->signature.length);
	collect_pieces(u, reading, source, u->trusted, false);
	/* the key may stand beside the signed text, or inside it */
	if (!offer_candidates(u, error) ||
		!verify(u, reading, source, text, signature, &opened, error))
		return false;
	layer = layer_of_signed(u, reading, &opened);
	if (opened.plain == NULL)
		opened.plain = g_steal_pointer(&text);
	u->trusted |= opened.signature == SIGNATURE_GOOD;
	take_signature(u, &opened);
	next = read_inside(u, opened.plain, layer, error);
	good = next != NULL;
	if (good && lacks_key(&opened) &&
		signature != NULL && u->report->candidates->len > before) {
		struct opened again = {0};

		good = offer_candidates(u, error) &&
			pgp_verify(u->pgp, opened.plain, signature, &again,
				error);
		take_signature(u, &again);
		opened_clear(&again);
	}
	opened_clear(&opened);
	return good;
}

static void
conclude(struct unsealing *u)
{
	struct report *report = u->report;
	bool signed_text = u->signature != SIGNATURE_NONE &&
		u->signature != SIGNATURE_BAD;

	report->signature = u->signature;
	report->seals = u->seals;
	if (report->failure != NULL &&
		report->inner->shape == SHAPE_SEALED)
		report->protection = PROTECTION_UNDECRYPTABLE;
	else if (u->seals > 0)
		report->protection = signed_text ? PROTECTION_ENCRYPTED_SIGNED
						 : PROTECTION_ENCRYPTED;
	else
		report->protection =
			signed_text ? PROTECTION_SIGNED : PROTECTION_CLEAR;
	if (report->protection == PROTECTION_UNDECRYPTABLE)
		report->signature = SIGNATURE_NONE;
	if (report->signature != SIGNATURE_GOOD)
		g_clear_pointer(&report->fingerprint, g_free);
	report->title = report_title(report, signed_text);
	report->description = report->inner->text;
}

/* The outermost layer; if it may not be parsed, its header perhaps may. */
static bool
read_outer(struct unsealing *u, const struct bytes *message, bool header_only,
	GError **error)
{
	struct bytes *source = NULL;
	struct reading *outer = read_layer(u, message,
		header_only ? LAYER_HEADER : LAYER_MESSAGE, &source, error);

	if (outer == NULL)
		return false;
	u->report->outer = outer;
	if (outer->shape != SHAPE_REFUSED || header_only) {
		collect_keys(u, outer, source);
		return true;
	}
	give_up(u, outer->refusal);
	outer = read_layer(u, message, LAYER_HEADER, &source, error);
	if (outer == NULL)
		return false;
	u->report->outer = outer;
	return true;
}

/* What a layer's reader gave out: one for each, in the same order. */
static struct bytes *
source_of(const struct report *report, const struct reading *layer)
{
	guint i = 0;

	g_ptr_array_find(report->layers, layer, &i);
	return report->sources->pdata[i];
}

struct report *
unseal(const struct bytes *message, bool header_only,
	const struct reader_port *reader, struct pgp *pgp, struct db *db,
	GError **error)
{
	g_autoptr(report_auto) report = report_new();
	struct unsealing u = {.report = report, .reader = reader, .pgp = pgp,
		.db = db};
	bool good = read_outer(&u, message, header_only, error);

	for (int depth = 0; good && report->failure == NULL; depth++) {
		struct reading *layer = report->inner;
		struct bytes *source = source_of(report, layer);

		if (layer->shape == SHAPE_CLEAR || header_only) {
			collect_pieces(&u, layer, source, u.trusted,
				layer->shape == SHAPE_CLEAR);
			break;
		}
		if (layer->shape == SHAPE_REFUSED)
			give_up(&u, layer->refusal);
		else if (depth >= MAX_LAYERS)
			give_up(&u, "it is wrapped too often");
		else if (layer->shape == SHAPE_SEALED)
			good = open_sealed(&u, layer, source, error);
		else
			good = open_signed(&u, layer, source, error);
	}
	if (!good)
		return NULL;
	conclude(&u);
	/* for this message only: the next one's keys are its own */
	if (!extras_open(report, pgp, error) ||
		!pgp_candidates(pgp, NULL, error))
		return NULL;
	return g_steal_pointer(&report);
}

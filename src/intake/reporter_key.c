#include "intake/reporter_key.h"

#include <string.h>

#define MAX_TRIED 4 /* keys that gpg is asked about */

/* How good a claim a key has to be the reporter's; the least is the best. */
enum claim {
	CLAIM_SIGNER,	/* it signed the text, under the same seal */
	CLAIM_NAMED,	/* it stood there too, and names the sender */
	CLAIM_ENCLOSED, /* it stood there too */
	CLAIM_OUTSIDE,	/* it stood elsewhere: serves content-free mail */
	CLAIM_NONE,
};

struct claimant {
	struct certificate *key;
	enum claim claim;
};

static void
claimant_free(struct claimant *claimant)
{
	certificate_free(claimant->key);
	g_free(claimant);
}

static bool
names(const struct certificate *key, const char *address)
{
	return address != NULL &&
		g_ptr_array_find_with_equal_func(key->addresses, address,
			g_str_equal, NULL);
}

static enum claim
claim_of(const struct report *report, const struct candidate *candidate,
	const struct certificate *key)
{
	bool named = names(key, report->outer->from_address);

	/* whose signature is under the seal, is so itself */
	if (report->fingerprint != NULL &&
		report->signature_seal == report->seals &&
		strcmp(key->fingerprint, report->fingerprint) == 0)
		return CLAIM_SIGNER;
	/* in clear anybody's key may lie beside a report: a pseudonym's may */
	if (report->seals == 0 && !named && key->addresses->len > 0)
		return CLAIM_NONE;
	if (candidate->seal == report->seals)
		return named ? CLAIM_NAMED : CLAIM_ENCLOSED;
	return CLAIM_OUTSIDE;
}

static gint
compare(gconstpointer a, gconstpointer b)
{
	return (int)(*(struct claimant *const *)a)->claim -
		(int)(*(struct claimant *const *)b)->claim;
}

static bool
is_known(const GPtrArray *list, const char *fingerprint)
{
	for (guint i = 0; i < list->len; i++) {
		const struct claimant *c = list->pdata[i];

		if (strcmp(c->key->fingerprint, fingerprint) == 0)
			return true;
	}
	return false;
}

/* A key that follows another stood in what that one signed, and under it. */
static bool
may_follow(const struct candidate *candidate, const char *signer)
{
	return signer == NULL || g_strcmp0(candidate->signer, signer) == 0;
}

/*
 * The keys with a claim, the best first; equal ones in their order.  signer:
 * only those that it signed for, or NULL.
 */
static GPtrArray *
claimants_of(const struct report *report, const struct pgp *pgp,
	const char *signer)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(
		(GDestroyNotify)claimant_free);

	for (guint i = 0; i < report->candidates->len; i++) {
		const struct candidate *c = report->candidates->pdata[i];
		size_t size = MIN(c->bytes.length, 1 << 20);
		g_autofree char *data =
			bytes_copy(c->source, c->bytes.offset, size);
		g_autoptr(GPtrArray) some = certificate_split(data, size);

		for (guint j = 0; j < some->len; j++) {
			struct certificate *key = some->pdata[j];
			struct claimant *claimant;

			if (pgp_is_ours(pgp, key->fingerprint) ||
				!may_follow(c, signer) ||
				claim_of(report, c, key) == CLAIM_NONE ||
				is_known(list, key->fingerprint))
				continue;
			claimant = g_new0(struct claimant, 1);
			claimant->claim = claim_of(report, c, key);
			claimant->key = certificate_ref(key);
			g_ptr_array_add(list, claimant);
		}
	}
	g_ptr_array_sort(list, compare);
	return list;
}

/* The best that can be encrypted to; if none can, the best. */
static struct claimant *
choose(const GPtrArray *list, struct pgp *pgp, GError **error)
{
	bool usable = false;

	for (guint i = 0; i < list->len && i < MAX_TRIED; i++) {
		struct claimant *claimant = list->pdata[i];

		/* a key outside is nothing to prefer to one inside */
		if (list->len == 1 || (i > 0 && claimant->claim == CLAIM_OUTSIDE))
			break;
		if (!pgp_can_encrypt(pgp, claimant->key, &usable, error))
			return NULL;
		if (usable)
			return claimant;
	}
	return list->len > 0 ? list->pdata[0] : NULL;
}

struct certificate *
reporter_key_find(const struct report *report, struct pgp *pgp, bool *pinned,
	GError **error)
{
	g_autoptr(GPtrArray) list = NULL;
	const struct claimant *chosen;

	*pinned = false;
	/* what was not read to its end says nothing about whose key is where */
	if (report->failure != NULL)
		return NULL;
	list = claimants_of(report, pgp, NULL);
	chosen = choose(list, pgp, error);
	if (chosen == NULL)
		return NULL;
	*pinned = chosen->claim < CLAIM_OUTSIDE;
	return certificate_ref(chosen->key);
}

static bool
is_key(const struct claimant *claimant, const char *fingerprint)
{
	return strcmp(claimant->key->fingerprint, fingerprint) == 0;
}

struct certificate *
reporter_key_find_renewed(const struct report *report, const struct pgp *pgp,
	const char *fingerprint)
{
	g_autoptr(GPtrArray) list = NULL;

	if (report->failure != NULL)
		return NULL;
	list = claimants_of(report, pgp, fingerprint);
	for (guint i = 0; i < list->len; i++) {
		const struct claimant *c = list->pdata[i];

		if (is_key(c, fingerprint) && c->claim < CLAIM_OUTSIDE)
			return certificate_ref(c->key);
	}
	return NULL;
}

struct certificate *
reporter_key_find_new(const struct report *report, struct pgp *pgp,
	const char *fingerprint, GError **error)
{
	g_autoptr(GPtrArray) list = NULL;
	const struct claimant *chosen;

	if (report->failure != NULL)
		return NULL;
	list = claimants_of(report, pgp, fingerprint);
	for (guint i = list->len; i > 0; i--)
		if (is_key(list->pdata[i - 1], fingerprint))
			g_ptr_array_remove_index(list, i - 1);
	chosen = choose(list, pgp, error);
	return chosen && chosen->claim < CLAIM_OUTSIDE
		? certificate_ref(chosen->key)
		: NULL;
}

static void
add(GPtrArray *all, const char *data, size_t size)
{
	GPtrArray *some = certificate_split(data, size);

	g_ptr_array_set_free_func(some, NULL);
	g_ptr_array_extend_and_steal(all, some);
}

/* The oldest first: strangers who use the address cannot crowd them out. */
static const char sql_known[] =
	"SELECT key FROM meldpunt_private.reporters"
	" WHERE lower(address) = lower($1) AND pinned_at IS NOT NULL"
	" GROUP BY key ORDER BY min(pinned_at) LIMIT 100";

GPtrArray *
reporter_key_candidates(const struct report *report, struct db *db,
	GError **error)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(
		(GDestroyNotify)certificate_free);
	const char *address = report->outer->from_address;
	g_autoptr(rows) known =
		db_query(db, error, sql_known, PARAM_TEXT(address ? address : ""));

	if (known == NULL)
		return NULL;
	for (guint i = 0; i < report->candidates->len; i++) {
		const struct candidate *c = report->candidates->pdata[i];
		uint64_t size = MIN(c->bytes.length, 1 << 20);
		g_autofree char *data =
			bytes_copy(c->source, c->bytes.offset, size);

		add(all, data, size);
	}
	for (int i = 0; i < rows_count(known); i++) {
		size_t size;
		g_autofree uint8_t *key = rows_bytea(known, i, "key", &size);

		add(all, (char *)key, size);
	}
	return g_steal_pointer(&all);
}

#include "outbox/seal.h"

#include "edge/mime.h"

static struct bytes *
encrypt(struct pgp *pgp, const char *signer, const struct letter *letter,
	const GPtrArray *fingerprints, const struct certificate *certificate,
	GError **error)
{
	g_autoptr(bytes_auto) inside = mime_write_inside(letter, true);
	g_autoptr(bytes_auto) armor = pgp_seal(pgp, signer, fingerprints,
		certificate, inside, error);

	return armor ? mime_write_sealed(letter, armor) : NULL;
}

static struct bytes *
sign(struct pgp *pgp, const char *signer, const struct letter *letter,
	GError **error)
{
	g_autoptr(bytes_auto) inside = mime_write_inside(letter, false);
	g_autofree char *micalg = NULL;
	g_autoptr(bytes_auto) signature =
		pgp_sign(pgp, signer, inside, &micalg, error);

	if (signature == NULL)
		return NULL;
	return mime_write_signed(letter, inside, signature, micalg);
}

struct bytes *
seal_letter(struct pgp *pgp, const char *signer, const struct letter *letter,
	const GPtrArray *fingerprints, const struct certificate *certificate,
	GError **error)
{
	if (fingerprints != NULL || certificate != NULL)
		return encrypt(pgp, signer, letter, fingerprints, certificate,
			error);
	return sign(pgp, signer, letter, error);
}

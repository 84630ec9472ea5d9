/* Encryption and signing. */
#include "edge/pgp_private.h"

#include "base/fault.h"

#include <string.h>
#include <unistd.h>

/* GPGME's list of recipients: fingerprints, or one certificate in a file. */
static char *
recipients(struct pgp *pgp, const GPtrArray *fingerprints,
	const struct certificate *certificate, GError **error)
{
	GString *list;

	if (certificate != NULL) {
		if (!pgp_home_write(pgp->home.recipient_file,
			    certificate->packets->data,
			    certificate->packets->len, error))
			return NULL;
		return g_strdup_printf("--file\n%s\n", pgp->home.recipient_file);
	}
	list = g_string_new(NULL);
	for (guint i = 0; i < fingerprints->len; i++)
		g_string_append_printf(list, "%s\n",
			(const char *)fingerprints->pdata[i]);
	return g_string_free(list, FALSE);
}

/* What was encrypted must be readable with that certificate only. */
static bool
only_for(const struct bytes *sealed, const struct certificate *certificate)
{
	g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *start = bytes_copy(sealed, 0, 65536);

	if (packet_look(start, strlen(start), ids) != PACKET_PUBLIC_KEY ||
		ids->len == 0)
		return false;
	for (guint i = 0; i < ids->len; i++)
		if (!g_ptr_array_find_with_equal_func(certificate->key_ids,
			    ids->pdata[i], g_str_equal, NULL))
			return false;
	return true;
}

/* Tells whoever watches whether our own key could be used. */
static struct bytes *
told(struct pgp *pgp, const char *signer, struct bytes *made, GError **error)
{
	bool ours = made == NULL &&
		(fault_is(*error, FAULT_LATER) || fault_is(*error, FAULT_SETUP));

	if (pgp->watch != NULL && (made != NULL || ours))
		pgp->watch(pgp->watch_data, signer, made != NULL);
	return made;
}

/* Our own key is to blame, not a recipient's. */
static bool
is_signer_trouble(struct pgp *pgp, gpgme_error_t code)
{
	gpgme_sign_result_t result = gpgme_op_sign_result(pgp->context);

	return gpgme_err_code(code) == GPG_ERR_UNUSABLE_SECKEY ||
		gpgme_err_code(code) == GPG_ERR_NO_SECKEY ||
		(gpgme_err_code(code) != GPG_ERR_UNUSABLE_PUBKEY &&
			result != NULL && result->invalid_signers != NULL);
}

static struct bytes *
seal(struct pgp *pgp, const char *signer, const GPtrArray *fingerprints,
	const struct certificate *certificate, const struct bytes *plain,
	GError **error)
{
	struct pgp_channel in = {0}, out = {0};
	g_autofree char *list = NULL;
	gpgme_data_t from, into;
	gpgme_error_t code;

	if (!pgp_choose_signer(pgp, signer, error) ||
		(list = recipients(pgp, fingerprints, certificate, error)) ==
			NULL)
		return NULL;
	pgp_begin(pgp);
	from = pgp_data_from(&in, plain);
	into = pgp_data_into(&out, UINT64_MAX / 2);
	code = pgp_run(pgp,
		gpgme_op_encrypt_sign_ext_start(pgp->context, NULL, list,
			GPGME_ENCRYPT_ALWAYS_TRUST |
				GPGME_ENCRYPT_NO_ENCRYPT_TO |
				GPGME_ENCRYPT_NO_COMPRESS,
			from, into));
	gpgme_data_release(from);
	gpgme_data_release(into);
	if (certificate != NULL)
		unlink(pgp->home.recipient_file);
	if (pgp->loop.timed_out)
		pgp_later(error, "encrypting", 0);
	else if (pgp_is_agent_trouble(code) ||
		(code != 0 && is_signer_trouble(pgp, code)))
		pgp_later(error, "encrypting", code);
	else if (code != 0)
		fault_set(error, FAULT_MAIL,
			"OpenPGP: a recipient's key cannot be used: %s",
			gpgme_strerror(code));
	else if (certificate != NULL && !only_for(out.into, certificate))
		fault_set(error, FAULT_MAIL,
			"OpenPGP: encrypted to another key than was asked for");
	else
		return out.into;
	bytes_free(out.into);
	return NULL;
}

struct bytes *
pgp_seal(struct pgp *pgp, const char *signer, const GPtrArray *fingerprints,
	const struct certificate *certificate, const struct bytes *plain,
	GError **error)
{
	return told(pgp, signer, seal(pgp, signer, fingerprints, certificate,
		plain, error), error);
}

static struct bytes *
sign(struct pgp *pgp, const char *signer, const struct bytes *plain,
	char **micalg, GError **error)
{
	struct pgp_channel in = {0}, out = {0};
	gpgme_sign_result_t result;
	gpgme_data_t from, into;
	gpgme_error_t code;
	const char *hash = NULL;

	if (!pgp_choose_signer(pgp, signer, error))
		return NULL;
	pgp_begin(pgp);
	from = pgp_data_from(&in, plain);
	into = pgp_data_into(&out, 1 << 20);
	code = pgp_run(pgp, gpgme_op_sign_start(pgp->context, from, into,
				GPGME_SIG_MODE_DETACH));
	result = gpgme_op_sign_result(pgp->context);
	gpgme_data_release(from);
	gpgme_data_release(into);
	if (code == 0 && result && result->signatures)
		hash = gpgme_hash_algo_name(result->signatures->hash_algo);
	if (hash != NULL) {
		g_autofree char *lower = g_ascii_strdown(hash, -1);

		*micalg = g_strdup_printf("pgp-%s", lower);
		return out.into;
	}
	pgp_later(error, "signing", pgp->loop.timed_out ? 0 : code);
	bytes_free(out.into);
	return NULL;
}

struct bytes *
pgp_sign(struct pgp *pgp, const char *signer, const struct bytes *plain,
	char **micalg, GError **error)
{
	return told(pgp, signer, sign(pgp, signer, plain, micalg, error), error);
}

/* Decryption and verification. */
#include "edge/pgp_private.h"

#include "base/fault.h"
#include "base/secret.h"

#include <string.h>

/* A decryption that grows by more than this factor, and past this size, is
 * a bomb (a text log compresses to a tenth or so). */
#define BOMB_FACTOR 100
#define BOMB_FLOOR (UINT64_C(10) << 20)

void
opened_clear(struct opened *opened)
{
	bytes_free(opened->plain);
	g_free(opened->failure);
	g_free(opened->fingerprint);
	secret_free(opened->session_key);
	memset(opened, 0, sizeof(*opened));
}

/* Of several signatures the worst counts. */
static void
take_signatures(struct pgp *pgp, struct opened *opened)
{
	gpgme_verify_result_t result = gpgme_op_verify_result(pgp->context);
	gpgme_signature_t s = result ? result->signatures : NULL;
	gpgme_signature_t only = s;

	opened->signature = SIGNATURE_NONE;
	for (; s != NULL; s = s->next) {
		enum signature state;

		switch (gpgme_err_code(s->status)) {
		case GPG_ERR_NO_ERROR:
			state = SIGNATURE_GOOD;
			break;
		case GPG_ERR_NO_PUBKEY:
			state = SIGNATURE_UNKNOWN_KEY;
			break;
		case GPG_ERR_SIG_EXPIRED:
		case GPG_ERR_KEY_EXPIRED:
		case GPG_ERR_CERT_REVOKED:
			state = SIGNATURE_EXPIRED;
			break;
		default:
			state = SIGNATURE_BAD;
		}
		if (opened->signature == SIGNATURE_NONE ||
			opened->signature == SIGNATURE_GOOD)
			opened->signature = state;
	}
	if (opened->signature != SIGNATURE_GOOD)
		return;
	opened->signed_at = only->timestamp * CLOCK_SECOND;
	opened->fingerprint =
		g_strdup(g_hash_table_lookup(pgp->primaries, only->fpr));
	if (opened->fingerprint == NULL)
		opened->signature = SIGNATURE_UNKNOWN_KEY;
}

/*
 * Whose fault it is that nothing came out: if the agent does not answer for
 * our own key, it is ours, and the message waits.
 */
static bool
agent_answers(struct pgp *pgp, GError **error)
{
	pgp_begin(pgp);
	if (pgp_run(pgp, gpgme_op_keylist_start(pgp->context, NULL, 1)) == 0 &&
		pgp->loop.keys->len > 0)
		return true;
	return fault_set(error, FAULT_LATER,
		"OpenPGP: gpg-agent does not answer for our keys");
}

/* True unless gpg found that it has the key of none of the recipients. */
static bool
may_be_ours(gpgme_decrypt_result_t result)
{
	gpgme_recipient_t r = result ? result->recipients : NULL;

	if (r == NULL)
		return true;
	for (; r != NULL; r = r->next)
		if (gpgme_err_code(r->status) != GPG_ERR_NO_SECKEY)
			return true;
	return false;
}

static const char *
decryption_failure(gpgme_error_t code, gpgme_decrypt_result_t result,
	const struct pgp_channel *out)
{
	if (out->too_much)
		return "it unpacks to more than is accepted";
	if (!may_be_ours(result))
		return "it is not encrypted to our key";
	if (result && result->legacy_cipher_nomdc)
		return "it has no integrity protection";
	if (gpgme_err_code(code) == GPG_ERR_NO_DATA)
		return "it is damaged or of a kind that cannot be read";
	return "it is damaged";
}

/* How much may come out of so much. */
static uint64_t
most(const struct pgp *pgp, const struct bytes *in)
{
	return MIN(pgp->max_plain, MAX(BOMB_FLOOR, in->size * BOMB_FACTOR));
}

bool
pgp_decrypt(struct pgp *pgp, const struct bytes *sealed,
	const char *session_key, struct opened *opened, GError **error)
{
	struct pgp_channel in = {0}, out = {0};
	gpgme_decrypt_result_t result;
	gpgme_data_t from, into;
	gpgme_error_t code;
	bool good = true;

	if (!packet_stands_alone(sealed)) {
		opened->failure = g_strdup("there is more than one encrypted "
			"message in it");
		return true;
	}
	pgp_begin(pgp);
	gpgme_set_ctx_flag(pgp->context, "override-session-key",
		session_key ? session_key : "");
	from = pgp_data_from(&in, sealed);
	into = pgp_data_into(&out, most(pgp, sealed));
	code = pgp_run(pgp,
		gpgme_op_decrypt_verify_start(pgp->context, from, into));
	result = gpgme_op_decrypt_result(pgp->context);
	if (pgp->loop.timed_out)
		good = pgp_later(error, "decrypting", 0);
	else if (code == 0 && result && result->recipients &&
		out.into->size > 0) {
		opened->session_key = g_strdup(result->session_key);
		take_signatures(pgp, opened);
		opened->plain = g_steal_pointer(&out.into);
	} else if (!out.too_much && pgp_is_agent_trouble(code) &&
		may_be_ours(result) && !pgp->asked)
		good = pgp_later(error, "decrypting", code);
	else {
		/* decided before the next operation overwrites the result */
		opened->failure = g_strdup(
			decryption_failure(code, result, &out));
		good = out.too_much || agent_answers(pgp, error);
	}
	if (pgp->watch != NULL && (!good || opened->plain != NULL))
		pgp->watch(pgp->watch_data, NULL, good);
	gpgme_data_release(from);
	gpgme_data_release(into);
	bytes_free(out.into);
	return good;
}

bool
pgp_verify(struct pgp *pgp, const struct bytes *signed_bytes,
	const struct bytes *signature, struct opened *opened, GError **error)
{
	struct pgp_channel text = {0}, sig = {0}, out = {0};
	gpgme_data_t text_data, sig_data = NULL, out_data = NULL;
	gpgme_error_t code;
	bool timed_out;

	pgp_begin(pgp);
	text_data = pgp_data_from(&text, signed_bytes);
	if (signature != NULL) {
		sig_data = pgp_data_from(&sig, signature);
		code = pgp_run(pgp, gpgme_op_verify_start(pgp->context, sig_data,
					text_data, NULL));
	} else {
		out_data = pgp_data_into(&out, most(pgp, signed_bytes));
		code = pgp_run(pgp, gpgme_op_verify_start(pgp->context, text_data,
					NULL, out_data));
	}
	timed_out = pgp->loop.timed_out;
	if (!timed_out)
		take_signatures(pgp, opened);
	/* gpg decrypts whatever it is given: that is not what was asked for */
	if (opened->signature == SIGNATURE_NONE || pgp->decrypted) {
		opened->signature = SIGNATURE_BAD;
		g_clear_pointer(&opened->fingerprint, g_free);
	}
	if (!timed_out && code == 0 && !pgp->decrypted && out.into != NULL &&
		out.into->size > 0)
		opened->plain = g_steal_pointer(&out.into);
	gpgme_data_release(text_data);
	if (sig_data != NULL)
		gpgme_data_release(sig_data);
	if (out_data != NULL)
		gpgme_data_release(out_data);
	bytes_free(out.into);
	return timed_out ? pgp_later(error, "verifying", 0) : true;
}

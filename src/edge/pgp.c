#include "edge/pgp.h"

#include "base/fault.h"
#include "base/secret.h"
#include "base/text.h"
#include "edge/pgp_home.h"
#include "edge/pgp_loop.h"

#include <errno.h>
#include <gpgme.h>
#include <string.h>
#include <unistd.h>

/* A decryption that grows by more than this factor, and past this size, is
 * a bomb (a text log compresses to a tenth or so). */
#define BOMB_FACTOR 100
#define BOMB_FLOOR (UINT64_C(10) << 20)

struct pgp {
	struct pgp_home home;
	struct pgp_loop loop;
	int64_t limit;
	uint64_t max_plain;
	gpgme_ctx_t context;
	GHashTable *keys;      /* fingerprint -> gpgme_key_t with secret */
	GHashTable *primaries; /* signing key -> primary, of this operation */
};

/* What a callback reads from or writes to. */
struct channel {
	const struct bytes *from;
	uint64_t at;
	struct bytes *into;
	uint64_t max;
	bool too_much;
};

static ssize_t
read_bytes(void *handle, void *buffer, size_t size)
{
	struct channel *channel = handle;
	size_t n = MIN(size, channel->from->size - channel->at);

	if (!bytes_read(channel->from, channel->at, buffer, n))
		return -1;
	channel->at += n;
	return n;
}

static ssize_t
write_bytes(void *handle, const void *buffer, size_t size)
{
	struct channel *channel = handle;

	if (channel->into->size + size > channel->max ||
		!bytes_append(channel->into, buffer, size)) {
		channel->too_much = true;
		gpgme_err_set_errno(EFBIG);
		return -1;
	}
	return size;
}

static struct gpgme_data_cbs callbacks = {
	.read = read_bytes,
	.write = write_bytes,
};

static gpgme_data_t
data_from(struct channel *channel, const struct bytes *bytes)
{
	gpgme_data_t data;

	channel->from = bytes;
	if (gpgme_data_new_from_cbs(&data, &callbacks, channel) != 0)
		g_error("gpgme_data_new_from_cbs");
	return data;
}

static gpgme_data_t
data_into(struct channel *channel, uint64_t max)
{
	gpgme_data_t data;

	channel->into = bytes_new();
	channel->max = max;
	if (gpgme_data_new_from_cbs(&data, &callbacks, channel) != 0)
		g_error("gpgme_data_new_from_cbs");
	return data;
}

void
opened_clear(struct opened *opened)
{
	bytes_free(opened->plain);
	g_free(opened->failure);
	g_free(opened->fingerprint);
	secret_free(opened->session_key);
	memset(opened, 0, sizeof(*opened));
}

/*
 * GPGME tells the subkey that signed; whose it is only gpg's VALIDSIG line
 * says: its first word is the signing key, its tenth the primary key.
 */
static gpgme_error_t
note_status(void *data, const char *keyword, const char *arguments)
{
	struct pgp *pgp = data;
	g_auto(GStrv) words = NULL;

	if (strcmp(keyword, "VALIDSIG") != 0)
		return 0;
	words = g_strsplit(arguments, " ", 11);
	if (g_strv_length(words) >= 10 && text_is_fingerprint(words[9]))
		g_hash_table_insert(pgp->primaries, g_strdup(words[0]),
			g_strdup(words[9]));
	return 0;
}

static bool
open_context(struct pgp *pgp, GError **error)
{
	gpgme_check_version(NULL);
	if (gpgme_new(&pgp->context) != 0 ||
		gpgme_ctx_set_engine_info(pgp->context, GPGME_PROTOCOL_OpenPGP,
			NULL, pgp->home.path) != 0)
		return fault_set(error, FAULT_SETUP, "OpenPGP: no gpg found");
	gpgme_set_pinentry_mode(pgp->context, GPGME_PINENTRY_MODE_ERROR);
	gpgme_set_armor(pgp->context, 1);
	gpgme_set_offline(pgp->context, 1);
	gpgme_set_ctx_flag(pgp->context, "export-session-keys", "1");
	gpgme_set_ctx_flag(pgp->context, "full-status", "1");
	gpgme_set_status_cb(pgp->context, note_status, pgp);
	pgp_loop_open(&pgp->loop, pgp->context);
	return true;
}

struct pgp *
pgp_open(const struct conf *conf, const char *runtime_dir, const char *name,
	GError **error)
{
	g_autoptr(pgp_auto) pgp = g_new0(struct pgp, 1);

	pgp->limit = conf->openpgp_time;
	pgp->max_plain = conf->plaintext;
	pgp->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
		(GDestroyNotify)gpgme_key_unref);
	pgp->primaries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
		g_free);
	if (!pgp_home_open(&pgp->home, conf, runtime_dir, name, error) ||
		!open_context(pgp, error))
		return NULL;
	return g_steal_pointer(&pgp);
}

void
pgp_close(struct pgp *pgp)
{
	if (pgp == NULL)
		return;
	if (pgp->context != NULL)
		gpgme_release(pgp->context);
	pgp_loop_close(&pgp->loop);
	g_clear_pointer(&pgp->keys, g_hash_table_unref);
	g_clear_pointer(&pgp->primaries, g_hash_table_unref);
	pgp_home_clear(&pgp->home);
	g_free(pgp);
}

/* Before every operation: fresh public keys, nothing of the last one. */
static bool
begin(struct pgp *pgp, GError **error)
{
	bool changed;

	if (!pgp_home_refresh(&pgp->home, &changed, error))
		return false;
	if (changed)
		g_hash_table_remove_all(pgp->keys);
	g_hash_table_remove_all(pgp->primaries);
	g_ptr_array_set_size(pgp->loop.keys, 0);
	pgp->loop.done = false;
	return true;
}

static gpgme_error_t
run(struct pgp *pgp, gpgme_error_t started)
{
	return pgp_loop_wait(&pgp->loop, started, pgp->limit);
}

bool
pgp_timed_out(const struct pgp *pgp)
{
	return pgp->loop.timed_out;
}

static bool
later(GError **error, const char *what, gpgme_error_t code)
{
	return fault_set(error, FAULT_LATER, "OpenPGP: %s: %s", what,
		code ? gpgme_strerror(code) : "no answer from gpg-agent in time");
}

static gpgme_key_t
signing_key(struct pgp *pgp, const char *fingerprint, GError **error)
{
	gpgme_key_t key;
	gpgme_error_t code;

	if (!begin(pgp, error))
		return NULL;
	key = g_hash_table_lookup(pgp->keys, fingerprint);
	if (key != NULL)
		return key;
	code = run(pgp,
		gpgme_op_keylist_start(pgp->context, fingerprint, 1));
	if (code != 0 || pgp->loop.keys->len != 1) {
		later(error, "the mailbox's secret key is not at hand",
			pgp->loop.timed_out ? 0
				: code	    ? code
					    : gpg_error(GPG_ERR_NO_SECKEY));
		return NULL;
	}
	key = pgp->loop.keys->pdata[0];
	gpgme_key_ref(key);
	g_hash_table_insert(pgp->keys, g_strdup(fingerprint), key);
	return key;
}

bool
pgp_has_secret(struct pgp *pgp, const char *fingerprint, GError **error)
{
	g_hash_table_remove(pgp->keys, fingerprint);
	return signing_key(pgp, fingerprint, error) != NULL;
}

GByteArray *
pgp_export(struct pgp *pgp, const char *fingerprint, GError **error)
{
	struct channel out = {0};
	gpgme_data_t data;
	gpgme_error_t code;
	GByteArray *array = NULL;

	if (!begin(pgp, error))
		return NULL;
	data = data_into(&out, 1 << 20);
	gpgme_set_armor(pgp->context, 0);
	code = run(pgp,
		gpgme_op_export_start(pgp->context, fingerprint,
			GPGME_EXPORT_MODE_MINIMAL, data));
	gpgme_set_armor(pgp->context, 1);
	if (code != 0 || out.into->size == 0)
		fault_set(error, FAULT_SETUP,
			"OpenPGP: key %s is not in state_dir/gnupg",
			fingerprint);
	else {
		array = g_byte_array_sized_new(out.into->size);
		g_byte_array_set_size(array, out.into->size);
		bytes_read(out.into, 0, array->data, array->len);
	}
	gpgme_data_release(data);
	bytes_free(out.into);
	return array;
}

bool
pgp_candidates(struct pgp *pgp, const GPtrArray *certificates, GError **error)
{
	g_autoptr(GByteArray) all = g_byte_array_new();

	for (guint i = 0; certificates != NULL && i < certificates->len; i++) {
		const struct certificate *c = certificates->pdata[i];

		g_byte_array_append(all, c->packets->data, c->packets->len);
	}
	return pgp_home_write(pgp->home.candidate_file, all->data, all->len, error);
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
	if (!begin(pgp, error))
		return false;
	if (run(pgp, gpgme_op_keylist_start(pgp->context, NULL, 1)) == 0 &&
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
	const struct channel *out)
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

/* Whether the agent is to blame: it cannot be the message's doing. */
static bool
is_agent_trouble(gpgme_error_t code)
{
	switch (gpgme_err_code(code)) {
	case GPG_ERR_NO_AGENT:
	case GPG_ERR_AGENT:
	case GPG_ERR_CANCELED:
	case GPG_ERR_FULLY_CANCELED:
	case GPG_ERR_BAD_PASSPHRASE:
	case GPG_ERR_NO_PIN_ENTRY:
	case GPG_ERR_TIMEOUT:
	case GPG_ERR_ENOMEM:
	case GPG_ERR_EMFILE:
		return true;
	default:
		return gpgme_err_source(code) == GPG_ERR_SOURCE_GPGAGENT &&
			gpgme_err_code(code) != GPG_ERR_NO_SECKEY;
	}
}

bool
pgp_decrypt(struct pgp *pgp, const struct bytes *sealed,
	const char *session_key, struct opened *opened, GError **error)
{
	struct channel in = {0}, out = {0};
	gpgme_decrypt_result_t result;
	gpgme_data_t from, into;
	gpgme_error_t code;
	bool good = true;

	if (!begin(pgp, error))
		return false;
	gpgme_set_ctx_flag(pgp->context, "override-session-key",
		session_key ? session_key : "");
	from = data_from(&in, sealed);
	into = data_into(&out, MIN(pgp->max_plain,
				       MAX(BOMB_FLOOR,
					       sealed->size * BOMB_FACTOR)));
	code = run(pgp,
		gpgme_op_decrypt_verify_start(pgp->context, from, into));
	result = gpgme_op_decrypt_result(pgp->context);
	if (pgp->loop.timed_out)
		good = later(error, "decrypting", 0);
	else if (code == 0 && result && result->recipients &&
		out.into->size > 0) {
		opened->session_key = g_strdup(result->session_key);
		take_signatures(pgp, opened);
		opened->plain = g_steal_pointer(&out.into);
	} else if (!out.too_much && is_agent_trouble(code) &&
		may_be_ours(result))
		good = later(error, "decrypting", code);
	else {
		/* decided before the next operation overwrites the result */
		opened->failure = g_strdup(
			decryption_failure(code, result, &out));
		good = out.too_much || agent_answers(pgp, error);
	}
	gpgme_data_release(from);
	gpgme_data_release(into);
	bytes_free(out.into);
	return good;
}

bool
pgp_verify(struct pgp *pgp, const struct bytes *signed_bytes,
	const struct bytes *signature, struct opened *opened, GError **error)
{
	struct channel text = {0}, sig = {0}, out = {0};
	gpgme_data_t text_data, sig_data = NULL, out_data = NULL;
	gpgme_error_t code;
	bool timed_out;

	if (!begin(pgp, error))
		return false;
	text_data = data_from(&text, signed_bytes);
	if (signature != NULL) {
		sig_data = data_from(&sig, signature);
		code = run(pgp, gpgme_op_verify_start(pgp->context, sig_data,
					text_data, NULL));
	} else {
		out_data = data_into(&out, signed_bytes->size + 65536);
		code = run(pgp, gpgme_op_verify_start(pgp->context, text_data,
					NULL, out_data));
	}
	timed_out = pgp->loop.timed_out;
	if (!timed_out)
		take_signatures(pgp, opened);
	if (opened->signature == SIGNATURE_NONE)
		opened->signature = SIGNATURE_BAD;
	if (!timed_out && code == 0 && out.into != NULL && out.into->size > 0)
		opened->plain = g_steal_pointer(&out.into);
	gpgme_data_release(text_data);
	if (sig_data != NULL)
		gpgme_data_release(sig_data);
	if (out_data != NULL)
		gpgme_data_release(out_data);
	bytes_free(out.into);
	return timed_out ? later(error, "verifying", 0) : true;
}

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

static bool
choose_signer(struct pgp *pgp, const char *signer, GError **error)
{
	gpgme_key_t key = signing_key(pgp, signer, error);

	gpgme_signers_clear(pgp->context);
	return key != NULL && gpgme_signers_add(pgp->context, key) == 0;
}

struct bytes *
pgp_seal(struct pgp *pgp, const char *signer, const GPtrArray *fingerprints,
	const struct certificate *certificate, const struct bytes *plain,
	GError **error)
{
	struct channel in = {0}, out = {0};
	g_autofree char *list = NULL;
	gpgme_data_t from, into;
	gpgme_error_t code;

	if (!choose_signer(pgp, signer, error) ||
		(list = recipients(pgp, fingerprints, certificate, error)) ==
			NULL ||
		!begin(pgp, error))
		return NULL;
	from = data_from(&in, plain);
	into = data_into(&out, UINT64_MAX / 2);
	code = run(pgp,
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
		later(error, "encrypting", 0);
	else if (is_agent_trouble(code))
		later(error, "encrypting", code);
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
pgp_sign(struct pgp *pgp, const char *signer, const struct bytes *plain,
	char **micalg, GError **error)
{
	struct channel in = {0}, out = {0};
	gpgme_sign_result_t result;
	gpgme_data_t from, into;
	gpgme_error_t code;
	const char *hash = NULL;

	if (!choose_signer(pgp, signer, error) || !begin(pgp, error))
		return NULL;
	from = data_from(&in, plain);
	into = data_into(&out, 1 << 20);
	code = run(pgp, gpgme_op_sign_start(pgp->context, from, into,
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
	later(error, "signing", pgp->loop.timed_out ? 0 : code);
	bytes_free(out.into);
	return NULL;
}

#include "edge/pgp_private.h"

#include "base/fault.h"
#include "base/text.h"

#include <string.h>

static ssize_t
read_bytes(void *handle, void *buffer, size_t size)
{
	struct pgp_channel *channel = handle;
	size_t n = MIN(size, channel->from->size - channel->at);

	if (!bytes_read(channel->from, channel->at, buffer, n))
		return -1;
	channel->at += n;
	return n;
}

static ssize_t
write_bytes(void *handle, const void *buffer, size_t size)
{
	struct pgp_channel *channel = handle;

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

/* Few large reads and writes, and no words left in the buffers. */
static gpgme_data_t
open_data(struct pgp_channel *channel)
{
	gpgme_data_t data;

	if (gpgme_data_new_from_cbs(&data, &callbacks, channel) != 0 ||
		gpgme_data_set_flag(data, "io-buffer-size", "32768") != 0 ||
		gpgme_data_set_flag(data, "sensitive", "1") != 0)
		g_error("gpgme_data_new_from_cbs");
	return data;
}

gpgme_data_t
pgp_data_from(struct pgp_channel *channel, const struct bytes *bytes)
{
	channel->from = bytes;
	return open_data(channel);
}

gpgme_data_t
pgp_data_into(struct pgp_channel *channel, uint64_t max)
{
	channel->into = bytes_new();
	channel->max = max;
	return open_data(channel);
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

	if (strcmp(keyword, "ENC_TO") == 0 ||
		strcmp(keyword, "BEGIN_DECRYPTION") == 0)
		pgp->decrypted = true;
	if (strcmp(keyword, "NEED_PASSPHRASE_SYM") == 0)
		pgp->asked = true;
	if (strcmp(keyword, "VALIDSIG") != 0)
		return 0;
	words = g_strsplit(arguments, " ", 11);
	if (g_strv_length(words) >= 10 && text_is_fingerprint(words[9]))
		g_hash_table_insert(pgp->primaries, g_strdup(words[0]),
			g_strdup(words[9]));
	return 0;
}

/* gpg, so started that its output is nothing but plaintext (gpg_apart.c). */
static char *
find_engine(GError **error)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *folder = self ? g_path_get_dirname(self) : NULL;
	char *path = g_build_filename(folder ? folder : "", "gpg-apart", NULL);

	/* beside the program where it was built, else where it is installed */
	if (g_file_test(path, G_FILE_TEST_IS_EXECUTABLE))
		return path;
	g_free(path);
	path = g_build_filename(PKGLIBEXECDIR, "gpg-apart", NULL);
	if (g_file_test(path, G_FILE_TEST_IS_EXECUTABLE))
		return path;
	fault_set(error, FAULT_SETUP,
		"OpenPGP: %s is missing: install meldpunt again", path);
	g_free(path);
	return NULL;
}

static bool
open_context(struct pgp *pgp, GError **error)
{
	g_autofree char *engine = find_engine(error);

	if (engine == NULL)
		return false;
	gpgme_check_version(NULL);
	if (gpgme_new(&pgp->context) != 0 ||
		gpgme_ctx_set_engine_info(pgp->context, GPGME_PROTOCOL_OpenPGP,
			engine, pgp->home.path) != 0)
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

	pgp->ours = g_hash_table_new(g_str_hash, g_str_equal);
	for (guint i = 0; i < conf->mailboxes->len; i++)
		g_hash_table_add(pgp->ours,
			((struct mailbox *)conf->mailboxes->pdata[i])->key);
	for (guint i = 0; i < conf->staff->len; i++)
		g_hash_table_add(pgp->ours,
			((struct staff *)conf->staff->pdata[i])->key);
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
	g_clear_pointer(&pgp->ours, g_hash_table_unref);
	pgp_home_clear(&pgp->home);
	g_free(pgp);
}

void
pgp_begin(struct pgp *pgp)
{
	g_hash_table_remove_all(pgp->primaries);
	g_ptr_array_set_size(pgp->loop.keys, 0);
	pgp->loop.done = false;
	pgp->decrypted = false;
	pgp->asked = false;
}

gpgme_error_t
pgp_run(struct pgp *pgp, gpgme_error_t started)
{
	return pgp_loop_wait(&pgp->loop, started, pgp->limit);
}

bool
pgp_is_ours(const struct pgp *pgp, const char *fingerprint)
{
	return g_hash_table_contains(pgp->ours, fingerprint);
}

void
pgp_watch(struct pgp *pgp,
	void (*watch)(void *data, const char *key, bool good), void *data)
{
	pgp->watch = watch;
	pgp->watch_data = data;
}

bool
pgp_is_stale(const struct pgp *pgp)
{
	return pgp_home_is_stale(&pgp->home);
}

void
pgp_places(const struct pgp *pgp, const char **home, const char **engine)
{
	*home = pgp->home.path;
	*engine = gpgme_ctx_get_engine_info(pgp->context)->file_name;
}

bool
pgp_timed_out(const struct pgp *pgp)
{
	return pgp->loop.timed_out;
}

bool
pgp_later(GError **error, const char *what, gpgme_error_t code)
{
	return fault_set(error, FAULT_LATER, "OpenPGP: %s: %s", what,
		code ? gpgme_strerror(code) : "no answer from gpg-agent in time");
}

static gpgme_key_t
signing_key(struct pgp *pgp, const char *fingerprint, GError **error)
{
	gpgme_key_t key;
	gpgme_error_t code;

	pgp_begin(pgp);
	key = g_hash_table_lookup(pgp->keys, fingerprint);
	if (key != NULL)
		return key;
	code = pgp_run(pgp,
		gpgme_op_keylist_start(pgp->context, fingerprint, 1));
	if (code != 0 || pgp->loop.keys->len == 0) {
		pgp_later(error, "the mailbox's secret key is not at hand",
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

bool
pgp_expires(struct pgp *pgp, const char *fingerprint, moment *when,
	GError **error)
{
	gpgme_key_t key;
	gpgme_error_t code;

	pgp_begin(pgp);
	code = pgp_run(pgp,
		gpgme_op_keylist_start(pgp->context, fingerprint, 0));
	if (code != 0)
		return pgp_later(error, "looking up a key", code);
	if (pgp->loop.keys->len == 0)
		return fault_set(error, FAULT_SETUP,
			"OpenPGP: key %s is not in state_dir/gnupg",
			fingerprint);
	key = pgp->loop.keys->pdata[0];
	*when = 0;
	for (gpgme_subkey_t sub = key->subkeys; sub; sub = sub->next) {
		moment end = (moment)sub->expires * CLOCK_SECOND;

		/* an old subkey that was replaced is nobody's trouble */
		if (sub != key->subkeys && (sub->revoked || sub->expired))
			continue;
		if (end > 0 && (*when == 0 || end < *when))
			*when = end;
	}
	return true;
}

bool
pgp_can_encrypt(struct pgp *pgp, struct certificate *certificate, bool *can,
	GError **error)
{
	g_autoptr(GPtrArray) one = g_ptr_array_new();
	gpgme_key_t key;

	*can = false;
	g_ptr_array_add(one, certificate);
	if (!pgp_candidates(pgp, one, error))
		return false;
	pgp_begin(pgp);
	pgp_run(pgp, gpgme_op_keylist_start(pgp->context,
			     certificate->fingerprint, 0));
	if (pgp->loop.timed_out)
		return pgp_later(error, "looking up a key", 0);
	key = pgp->loop.keys->len > 0 ? pgp->loop.keys->pdata[0] : NULL;
	*can = key != NULL && key->can_encrypt && !key->expired &&
		!key->revoked && !key->disabled && !key->invalid;
	return true;
}

GByteArray *
pgp_export(struct pgp *pgp, const char *fingerprint, GError **error)
{
	struct pgp_channel out = {0};
	gpgme_data_t data;
	gpgme_error_t code;
	GByteArray *array = NULL;

	pgp_begin(pgp);
	data = pgp_data_into(&out, 1 << 20);
	gpgme_set_armor(pgp->context, 0);
	code = pgp_run(pgp,
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

		/* a stranger's copy of our keys must not meet our own */
		if (g_hash_table_contains(pgp->ours, c->fingerprint))
			continue;
		g_byte_array_append(all, c->packets->data, c->packets->len);
	}
	return pgp_home_write(pgp->home.candidate_file, all->data, all->len, error);
}

bool
pgp_is_agent_trouble(gpgme_error_t code)
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
pgp_choose_signer(struct pgp *pgp, const char *signer, GError **error)
{
	gpgme_key_t key = signing_key(pgp, signer, error);

	gpgme_signers_clear(pgp->context);
	return key != NULL && gpgme_signers_add(pgp->context, key) == 0;
}

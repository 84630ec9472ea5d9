#include "edge/pgp.h"

#include "base/fault.h"
#include "base/secret.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <gpgme.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* A decryption that grows by more than this factor, and past this size, is
 * a bomb (a text log compresses to a tenth or so). */
#define BOMB_FACTOR 100
#define BOMB_FLOOR (UINT64_C(10) << 20)

/* Ends an operation that has passed its deadline, from a thread of its own. */
struct watch {
	GMutex lock;
	GCond changed;
	GThread *thread;
	gpgme_ctx_t context;
	int64_t until; /* ticks; 0: nothing to watch */
	bool fired;
	bool over;
};

struct pgp {
	char *source; /* state_dir/gnupg */
	char *home;   /* ours */
	char *socket_file;
	char *candidate_file;
	char *recipient_file;
	int64_t limit;
	uint64_t max_plain;
	time_t keys_changed;
	gpgme_ctx_t context;
	GHashTable *keys;      /* fingerprint -> gpgme_key_t with secret */
	GHashTable *primaries; /* signing key -> primary, of this operation */
	struct watch watch;
};

/* What a callback reads from or writes to. */
struct channel {
	const struct bytes *from;
	uint64_t at;
	struct bytes *into;
	uint64_t max;
	bool too_much;
};

static void *
keep_watch(void *data)
{
	struct watch *watch = data;

	g_mutex_lock(&watch->lock);
	while (!watch->over) {
		if (watch->until == 0)
			g_cond_wait(&watch->changed, &watch->lock);
		else if (!g_cond_wait_until(&watch->changed, &watch->lock,
				 watch->until)) {
			watch->fired = true;
			watch->until = 0;
			gpgme_cancel_async(watch->context);
		}
	}
	g_mutex_unlock(&watch->lock);
	return NULL;
}

static void
watch_set(struct watch *watch, int64_t until)
{
	g_mutex_lock(&watch->lock);
	if (until != 0)
		watch->fired = false;
	watch->until = until;
	g_cond_signal(&watch->changed);
	g_mutex_unlock(&watch->lock);
}

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

char *
pgp_agent_socket(const char *home, GError **error)
{
	const char *const argv[] = {"gpgconf", "--homedir", home, "--list-dirs",
		"agent-socket", NULL};
	char *path = NULL;
	int status = 0;

	if (g_spawn_sync("/", (char **)argv, NULL,
		    G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL,
		    NULL, &path, NULL, &status, NULL) &&
		status == 0 && path != NULL)
		return g_strchomp(path);
	g_free(path);
	fault_set(error, FAULT_SETUP, "gpgconf does not run: is gpg installed?");
	return NULL;
}

static bool
write_file(const char *path, const void *data, size_t length, GError **error)
{
	g_autoptr(GError) why = NULL;

	if (g_file_set_contents_full(path, data, length,
		    G_FILE_SET_CONTENTS_NONE, 0600, &why))
		return true;
	return fault_set(error, FAULT_LATER, "OpenPGP: %s", why->message);
}

/* The public keys of state_dir's home, if they changed since last time. */
static bool
refresh_keys(struct pgp *pgp, GError **error)
{
	g_autofree char *from =
		g_build_filename(pgp->source, "pubring.kbx", NULL);
	g_autofree char *to = g_build_filename(pgp->home, "pubring.kbx", NULL);
	g_autofree char *data = NULL;
	struct stat status;
	gsize length;

	if (stat(from, &status) != 0)
		return fault_set(error, FAULT_SETUP,
			"OpenPGP: %s: %s (import the mailbox's and the staff's "
			"keys there)", from, g_strerror(errno));
	if (status.st_mtime == pgp->keys_changed)
		return true;
	if (!g_file_get_contents(from, &data, &length, NULL))
		return fault_set(error, FAULT_SETUP, "OpenPGP: %s cannot be "
			"read", from);
	pgp->keys_changed = status.st_mtime;
	g_hash_table_remove_all(pgp->keys);
	return write_file(to, data, length, error);
}

static bool
fill_home(struct pgp *pgp, GError **error)
{
	g_autofree char *conf_file =
		g_build_filename(pgp->home, "gpg.conf", NULL);
	g_autofree char *agent = pgp_agent_socket(pgp->source, error);
	g_autofree char *redirect = NULL;
	g_autofree char *options = NULL;

	if (agent == NULL)
		return false;
	pgp->socket_file = pgp_agent_socket(pgp->home, error);
	if (pgp->socket_file == NULL)
		return false;
	options = g_strdup_printf("no-autostart\nno-auto-key-locate\n"
				  "no-auto-key-retrieve\nno-auto-key-import\n"
				  "disable-dirmngr\ntrust-model always\n"
				  "no-greeting\nno-emit-version\nno-comments\n"
				  "lock-never\nno-random-seed-file\n"
				  "keyring %s\n", pgp->candidate_file);
	redirect = g_strdup_printf("%%Assuan%%\nsocket=%s\n", agent);
	return write_file(conf_file, options, strlen(options), error) &&
		write_file(pgp->candidate_file, "", 0, error) &&
		write_file(pgp->socket_file, redirect, strlen(redirect),
			error) &&
		refresh_keys(pgp, error);
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
			NULL, pgp->home) != 0)
		return fault_set(error, FAULT_SETUP, "OpenPGP: no gpg found");
	gpgme_set_pinentry_mode(pgp->context, GPGME_PINENTRY_MODE_ERROR);
	gpgme_set_armor(pgp->context, 1);
	gpgme_set_offline(pgp->context, 1);
	gpgme_set_ctx_flag(pgp->context, "export-session-keys", "1");
	gpgme_set_ctx_flag(pgp->context, "full-status", "1");
	gpgme_set_status_cb(pgp->context, note_status, pgp);
	pgp->watch.context = pgp->context;
	pgp->watch.thread = g_thread_new("deadline", keep_watch, &pgp->watch);
	return true;
}

struct pgp *
pgp_open(const struct conf *conf, const char *runtime_dir, const char *name,
	GError **error)
{
	g_autoptr(pgp_auto) pgp = g_new0(struct pgp, 1);
	struct statfs kind;

	g_mutex_init(&pgp->watch.lock);
	g_cond_init(&pgp->watch.changed);
	pgp->limit = conf->openpgp_time;
	pgp->max_plain = conf->plaintext;
	pgp->source = g_build_filename(conf->state_dir, "gnupg", NULL);
	pgp->home = g_build_filename(runtime_dir, name, NULL);
	pgp->candidate_file =
		g_build_filename(pgp->home, "candidates.gpg", NULL);
	pgp->recipient_file =
		g_build_filename(pgp->home, "recipient.gpg", NULL);
	pgp->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
		(GDestroyNotify)gpgme_key_unref);
	pgp->primaries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
		g_free);
	if (statfs(runtime_dir, &kind) != 0 || kind.f_type != TMPFS_MAGIC) {
		fault_set(error, FAULT_SETUP, "runtime_dir %s is not on a "
			"tmpfs: keys would reach a disk", runtime_dir);
		return NULL;
	}
	if (g_mkdir(pgp->home, 0700) != 0 && errno != EEXIST) {
		fault_set(error, FAULT_SETUP, "making %s: %s", pgp->home,
			g_strerror(errno));
		return NULL;
	}
	if (!fill_home(pgp, error) || !open_context(pgp, error))
		return NULL;
	return g_steal_pointer(&pgp);
}

void
pgp_close(struct pgp *pgp)
{
	if (pgp == NULL)
		return;
	if (pgp->watch.thread != NULL) {
		g_mutex_lock(&pgp->watch.lock);
		pgp->watch.over = true;
		g_cond_signal(&pgp->watch.changed);
		g_mutex_unlock(&pgp->watch.lock);
		g_thread_join(pgp->watch.thread);
	}
	if (pgp->context != NULL)
		gpgme_release(pgp->context);
	g_clear_pointer(&pgp->keys, g_hash_table_unref);
	g_clear_pointer(&pgp->primaries, g_hash_table_unref);
	g_mutex_clear(&pgp->watch.lock);
	g_cond_clear(&pgp->watch.changed);
	g_free(pgp->source);
	g_free(pgp->home);
	g_free(pgp->socket_file);
	g_free(pgp->candidate_file);
	g_free(pgp->recipient_file);
	g_free(pgp);
}

/* Around every operation: fresh public keys, and the deadline. */
static bool
begin(struct pgp *pgp, GError **error)
{
	if (!refresh_keys(pgp, error))
		return false;
	g_hash_table_remove_all(pgp->primaries);
	watch_set(&pgp->watch, clock_ticks() + pgp->limit);
	return true;
}

/* True if the operation was ended by its deadline. */
static bool
end(struct pgp *pgp)
{
	watch_set(&pgp->watch, 0);
	return pgp->watch.fired;
}

bool
pgp_timed_out(const struct pgp *pgp)
{
	return pgp->watch.fired;
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
	gpgme_key_t key = g_hash_table_lookup(pgp->keys, fingerprint);
	gpgme_error_t code;

	if (key != NULL)
		return key;
	if (!begin(pgp, error))
		return NULL;
	code = gpgme_get_key(pgp->context, fingerprint, &key, 1);
	if (end(pgp) || code != 0) {
		later(error, "the mailbox's secret key is not at hand",
			pgp->watch.fired ? 0 : code);
		return NULL;
	}
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
	code = gpgme_op_export(pgp->context, fingerprint,
		GPGME_EXPORT_MODE_MINIMAL, data);
	gpgme_set_armor(pgp->context, 1);
	if (end(pgp) || code != 0 || out.into->size == 0)
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
	return write_file(pgp->candidate_file, all->data, all->len, error);
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
	gpgme_key_t key = NULL;
	gpgme_error_t code;
	bool any = false;

	if (!begin(pgp, error))
		return false;
	code = gpgme_op_keylist_start(pgp->context, NULL, 1);
	while (code == 0 && gpgme_op_keylist_next(pgp->context, &key) == 0) {
		any = true;
		gpgme_key_unref(key);
	}
	gpgme_op_keylist_end(pgp->context);
	if (end(pgp) || !any)
		return fault_set(error, FAULT_LATER,
			"OpenPGP: gpg-agent does not answer for our keys");
	return true;
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
	bool good = true, timed_out;

	if (!begin(pgp, error))
		return false;
	gpgme_set_ctx_flag(pgp->context, "override-session-key",
		session_key ? session_key : "");
	from = data_from(&in, sealed);
	into = data_into(&out, MIN(pgp->max_plain,
				       MAX(BOMB_FLOOR,
					       sealed->size * BOMB_FACTOR)));
	code = gpgme_op_decrypt_verify(pgp->context, from, into);
	timed_out = end(pgp);
	result = gpgme_op_decrypt_result(pgp->context);
	if (timed_out)
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
		code = gpgme_op_verify(pgp->context, sig_data, text_data, NULL);
	} else {
		out_data = data_into(&out, signed_bytes->size + 65536);
		code = gpgme_op_verify(pgp->context, text_data, NULL, out_data);
	}
	timed_out = end(pgp);
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
		if (!write_file(pgp->recipient_file,
			    certificate->packets->data,
			    certificate->packets->len, error))
			return NULL;
		return g_strdup_printf("--file\n%s\n", pgp->recipient_file);
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
	code = gpgme_op_encrypt_sign_ext(pgp->context, NULL, list,
		GPGME_ENCRYPT_ALWAYS_TRUST | GPGME_ENCRYPT_NO_ENCRYPT_TO |
			GPGME_ENCRYPT_NO_COMPRESS,
		from, into);
	gpgme_data_release(from);
	gpgme_data_release(into);
	if (certificate != NULL)
		unlink(pgp->recipient_file);
	if (end(pgp))
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
	bool timed_out;

	if (!choose_signer(pgp, signer, error) || !begin(pgp, error))
		return NULL;
	from = data_from(&in, plain);
	into = data_into(&out, 1 << 20);
	code = gpgme_op_sign(pgp->context, from, into, GPGME_SIG_MODE_DETACH);
	timed_out = end(pgp);
	result = gpgme_op_sign_result(pgp->context);
	gpgme_data_release(from);
	gpgme_data_release(into);
	if (!timed_out && code == 0 && result && result->signatures)
		hash = gpgme_hash_algo_name(result->signatures->hash_algo);
	if (hash != NULL) {
		g_autofree char *lower = g_ascii_strdown(hash, -1);

		*micalg = g_strdup_printf("pgp-%s", lower);
		return out.into;
	}
	later(error, "signing", timed_out ? 0 : code);
	bytes_free(out.into);
	return NULL;
}

#include "meldpunt/key_home.h"

#include "base/fault.h"
#include "edge/privileges.h"

#include <gio/gio.h>
#include <string.h>
#include <stdbool.h>
#include <unistd.h>

/* In the child, before gpg runs. */
static void
become_user(gpointer user)
{
	if (!privileges_become(user, NULL))
		_exit(127);
}

/*
 * Runs gpg with data as its input; what it prints, or NULL.  The input
 * travels through a pipe, so that gpg needs no right to the file.
 */
static GBytes *
run_for_bytes(const struct key_home *home, const char *const *arguments,
	const char *data, gsize length, GError **error)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_autoptr(GSubprocessLauncher) launcher = NULL;
	g_autoptr(GSubprocess) gpg = NULL;
	g_autoptr(GBytes) input = g_bytes_new_static(data, length);
	g_autoptr(GBytes) output = NULL;
	g_autoptr(GBytes) errors = NULL;
	g_autofree char *complaint = NULL;

	g_ptr_array_add(argv, (char *)"gpg");
	g_ptr_array_add(argv, (char *)"--homedir");
	g_ptr_array_add(argv, (char *)home->path);
	g_ptr_array_add(argv, (char *)"--batch");
	g_ptr_array_add(argv, (char *)"--quiet");
	for (; *arguments != NULL; arguments++)
		g_ptr_array_add(argv, (char *)*arguments);
	g_ptr_array_add(argv, NULL);
	launcher = g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDIN_PIPE |
		G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
	g_subprocess_launcher_set_cwd(launcher, "/");
	g_subprocess_launcher_set_child_setup(launcher, become_user,
		(gpointer)home->user, NULL);
	gpg = g_subprocess_launcher_spawnv(launcher,
		(const char *const *)argv->pdata, NULL);
	if (gpg != NULL &&
		g_subprocess_communicate(gpg, input, NULL, &output, &errors,
			NULL) &&
		g_subprocess_get_successful(gpg))
		return g_steal_pointer(&output);
	if (errors != NULL)
		complaint = g_strndup(g_bytes_get_data(errors, NULL),
			g_bytes_get_size(errors));
	fault_set(error, FAULT_SETUP, "gpg failed: %s",
		complaint ? g_strdelimit(g_strchomp(complaint), "\n", ' ')
			  : "is it installed?");
	return NULL;
}

static char *
run_gpg(const struct key_home *home, const char *const *arguments,
	const char *data, gsize length, GError **error)
{
	g_autoptr(GBytes) out =
		run_for_bytes(home, arguments, data, length, error);

	return out ? g_strndup(g_bytes_get_data(out, NULL),
			     g_bytes_get_size(out))
		   : NULL;
}

/* The word behind a status keyword. */
static char *
status_word(const char *lines, const char *keyword, int n)
{
	g_autofree char *start = g_strdup_printf("[GNUPG:] %s ", keyword);
	const char *found = strstr(lines, start);
	g_auto(GStrv) words = NULL;

	if (found == NULL)
		return NULL;
	words = g_strsplit_set(found + strlen(start), " \n", n + 2);
	return g_strdup(words[n]);
}

char *
key_home_import(const struct key_home *home, const char *file, GError **error)
{
	const char *const arguments[] = {"--status-fd=1", "--import", NULL};
	g_autofree char *data = NULL;
	g_autofree char *lines = NULL;
	g_autoptr(GError) why = NULL;
	char *fingerprint;
	gsize length;

	if (!g_file_get_contents(file, &data, &length, &why)) {
		fault_set(error, FAULT_SETUP, "key file: %s", why->message);
		return NULL;
	}
	lines = run_gpg(home, arguments, data, length, error);
	explicit_bzero(data, length);
	if (lines == NULL)
		return NULL;
	fingerprint = status_word(lines, "IMPORT_OK", 1);
	if (fingerprint == NULL)
		fault_set(error, FAULT_SETUP, "%s holds no OpenPGP key", file);
	return fingerprint;
}

char *
key_home_generate(const struct key_home *home, const char *name,
	const char *address, GError **error)
{
	g_autofree char *user_id = g_strdup_printf("%s <%s>", name, address);
	/* a second key of the same name is what renewal needs: --yes */
	const char *const arguments[] = {"--status-fd=1", "--yes",
		"--pinentry-mode=loopback", "--passphrase-fd=0",
		"--quick-generate-key", user_id, "future-default", "default",
		"2y", NULL};
	const char *secret = home->passphrase ? home->passphrase : "";
	g_autofree char *lines =
		run_gpg(home, arguments, secret, strlen(secret), error);
	char *fingerprint;

	if (lines == NULL)
		return NULL;
	fingerprint = status_word(lines, "KEY_CREATED", 1);
	if (fingerprint == NULL)
		fault_set(error, FAULT_SETUP, "gpg has made no key");
	return fingerprint;
}

char *
key_home_find(const struct key_home *home, const char *address)
{
	g_autofree char *by_address = g_strdup_printf("<%s>", address);
	const char *const arguments[] = {"--with-colons", "--list-secret-keys",
		by_address, NULL};
	g_autofree char *lines = run_gpg(home, arguments, NULL, 0, NULL);
	g_auto(GStrv) list = g_strsplit(lines ? lines : "", "\n", -1);
	bool usable = false;

	for (char **p = list; *p != NULL; p++) {
		g_auto(GStrv) fields = g_strsplit(*p, ":", -1);

		if (g_strv_length(fields) < 10)
			continue;
		if (strcmp(fields[0], "sec") == 0)
			usable = strpbrk(fields[1], "erd") == NULL;
		else if (usable && strcmp(fields[0], "fpr") == 0)
			return g_strdup(fields[9]);
	}
	return NULL;
}

bool
key_home_look(const struct key_home *home, const char *fingerprint,
	struct key_facts *facts, GError **error)
{
	const char *const public[] = {"--with-colons", "--fixed-list-mode",
		"--list-keys", fingerprint, NULL};
	const char *const secret[] = {
		"--with-colons", "--list-secret-keys", fingerprint, NULL};
	g_autofree char *lines = run_gpg(home, public, NULL, 0, error);
	g_autofree char *kept = NULL;
	g_auto(GStrv) words = NULL;
	const char *found;

	*facts = (struct key_facts){0};
	if (lines == NULL)
		return false;
	found = strstr(lines, "pub:");
	words = g_strsplit(found ? found : "", ":", 20);
	if (g_strv_length(words) < 18)
		return fault_set(error, FAULT_SETUP, "key %s is not in %s",
			fingerprint, home->path);
	facts->usable = strchr("erdi", words[1][0]) == NULL ||
		words[1][0] == '\0';
	facts->created = g_ascii_strtoll(words[5], NULL, 10);
	facts->expires = g_ascii_strtoll(words[6], NULL, 10);
	facts->algorithm = *words[16] ? g_strdup(words[16])
				      : g_strdup_printf("rsa%s", words[2]);
	kept = run_gpg(home, secret, NULL, 0, NULL);
	facts->secret = kept != NULL && strstr(kept, "sec:") != NULL;
	return true;
}

GBytes *
key_home_export(const struct key_home *home, const char *fingerprint,
	bool armored, GError **error)
{
	const char *const arguments[] = {armored ? "--armor" : "--no-armor",
		"--export-options=export-clean", "--export", fingerprint, NULL};
	GBytes *key = run_for_bytes(home, arguments, NULL, 0, error);

	if (key == NULL || g_bytes_get_size(key) > 0)
		return key;
	g_bytes_unref(key);
	fault_set(error, FAULT_SETUP, "key %s is not in %s", fingerprint,
		home->path);
	return NULL;
}

char *
key_home_clearsign(const struct key_home *home, const char *fingerprint,
	const char *text, GError **error)
{
	const char *const arguments[] = {"--local-user", fingerprint,
		"--clear-sign", NULL};

	return run_gpg(home, arguments, text, strlen(text), error);
}

bool
key_home_certify(const struct key_home *home, const char *by,
	const char *fingerprint, GError **error)
{
	const char *const arguments[] = {"--yes", "--pinentry-mode=loopback",
		"--passphrase-fd=0", "--local-user", by, "--quick-sign-key",
		fingerprint, NULL};
	const char *secret = home->passphrase ? home->passphrase : "";
	g_autofree char *done =
		run_gpg(home, arguments, secret, strlen(secret), error);

	return done != NULL;
}

void
key_home_close(const struct key_home *home)
{
	const char *const argv[] = {"gpgconf", "--homedir", home->path, "--kill",
		"gpg-agent", NULL};

	g_spawn_sync("/", (char **)argv, NULL, G_SPAWN_SEARCH_PATH, become_user,
		(gpointer)home->user, NULL, NULL, NULL, NULL);
}

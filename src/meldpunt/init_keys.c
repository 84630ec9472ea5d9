#include "meldpunt/init_keys.h"

#include "base/fault.h"
#include "edge/privileges.h"

#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

/* In the child, before gpg runs. */
static void
become_user(gpointer user)
{
	if (!privileges_become(user, NULL))
		_exit(127);
}

/*
 * Runs gpg with data as its input; its status lines, or NULL.  The input
 * travels through a pipe, so that gpg needs no right to the file.
 */
static char *
run_gpg(const struct key_home *home, const char *const *arguments,
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
	g_ptr_array_add(argv, (char *)"--status-fd=1");
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
		return g_strndup(g_bytes_get_data(output, NULL),
			g_bytes_get_size(output));
	if (errors != NULL)
		complaint = g_strndup(g_bytes_get_data(errors, NULL),
			g_bytes_get_size(errors));
	fault_set(error, FAULT_SETUP, "gpg failed: %s",
		complaint ? g_strdelimit(g_strchomp(complaint), "\n", ' ')
			  : "is it installed?");
	return NULL;
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
	const char *const arguments[] = {"--import", NULL};
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
	const char *const arguments[] = {"--pinentry-mode=loopback",
		"--passphrase=", "--quick-generate-key", user_id, "future-default",
		"default", "2y", NULL};
	g_autofree char *lines = run_gpg(home, arguments, NULL, 0, error);
	char *fingerprint;

	if (lines == NULL)
		return NULL;
	fingerprint = status_word(lines, "KEY_CREATED", 1);
	if (fingerprint == NULL)
		fault_set(error, FAULT_SETUP, "gpg has made no key");
	return fingerprint;
}

void
key_home_close(const struct key_home *home)
{
	const char *const argv[] = {"gpgconf", "--homedir", home->path, "--kill",
		"gpg-agent", NULL};

	g_spawn_sync("/", (char **)argv, NULL, G_SPAWN_SEARCH_PATH, become_user,
		(gpointer)home->user, NULL, NULL, NULL, NULL);
}

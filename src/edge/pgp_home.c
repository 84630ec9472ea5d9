#include "edge/pgp_home.h"

#include "base/fault.h"
#include "edge/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

char *
pgp_home_agent_socket(const char *home, GError **error)
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

bool
pgp_home_write(const char *path, const void *data, size_t length,
	GError **error)
{
	/* GLib's own writer leaves the tail of a longer file that was there */
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		0600);
	bool good = fd >= 0 && write(fd, data, length) == (ssize_t)length;
	int cause = errno;

	if (fd >= 0)
		close(fd);
	if (good)
		return true;
	return fault_set(error, FAULT_LATER, "OpenPGP: %s: %s", path,
		g_strerror(cause));
}

static bool
copy_keyring(struct pgp_home *home, GError **error)
{
	g_autofree char *from =
		g_build_filename(home->source, "pubring.kbx", NULL);
	g_autofree char *to = g_build_filename(home->path, "pubring.kbx", NULL);
	g_autofree char *data = NULL;
	struct stat status;
	gsize length;

	/* gpg takes it away for a moment before it puts a new one there */
	if (stat(from, &status) != 0 || access(from, R_OK) != 0)
		return fault_set(error, FAULT_LATER,
			"OpenPGP: %s: %s (import the mailbox's and the staff's "
			"keys there)", from, g_strerror(errno));
	home->keys_changed = status.st_mtim;
	if (!g_file_get_contents(from, &data, &length, NULL))
		return fault_set(error, FAULT_LATER,
			"OpenPGP: %s cannot be read", from);
	return pgp_home_write(to, data, length, error);
}

bool
pgp_home_is_stale(const struct pgp_home *home)
{
	g_autofree char *from =
		g_build_filename(home->source, "pubring.kbx", NULL);
	struct stat status;

	/* with one that cannot be read nobody would be better off */
	return stat(from, &status) == 0 && access(from, R_OK) == 0 &&
		memcmp(&status.st_mtim, &home->keys_changed,
			sizeof(status.st_mtim)) != 0;
}

static bool
fill(struct pgp_home *home, GError **error)
{
	g_autofree char *conf_file =
		g_build_filename(home->path, "gpg.conf", NULL);
	g_autofree char *agent = pgp_home_agent_socket(home->source, error);
	g_autofree char *redirect = NULL;
	g_autofree char *socket_file = NULL;
	g_autofree char *options = NULL;

	if (agent == NULL)
		return false;
	socket_file = pgp_home_agent_socket(home->path, error);
	if (socket_file == NULL)
		return false;
	options = g_strdup_printf("no-autostart\nno-auto-key-locate\n"
				  "no-auto-key-retrieve\nno-auto-key-import\n"
				  "disable-dirmngr\ntrust-model always\n"
				  "no-greeting\nno-emit-version\nno-comments\n"
				  "lock-never\nno-random-seed-file\n"
				  "pinentry-mode cancel\n"
				  "keyring %s\n", home->candidate_file);
	/* a socket file that names another (libassuan) */
	redirect = g_strdup_printf("%%Assuan%%\nsocket=%s\n", agent);
	return pgp_home_write(conf_file, options, strlen(options), error) &&
		pgp_home_write(home->candidate_file, "", 0, error) &&
		pgp_home_write(socket_file, redirect, strlen(redirect),
			error) &&
		copy_keyring(home, error);
}

bool
pgp_home_open(struct pgp_home *home, const struct conf *conf,
	const char *runtime_dir, const char *name, GError **error)
{
	struct statfs kind;

	home->source = g_build_filename(conf->state_dir, "gnupg", NULL);
	home->path = g_build_filename(runtime_dir, name, NULL);
	home->candidate_file =
		g_build_filename(home->path, "candidates.gpg", NULL);
	home->recipient_file =
		g_build_filename(home->path, "recipient.gpg", NULL);
	if (statfs(runtime_dir, &kind) != 0 || kind.f_type != TMPFS_MAGIC)
		return fault_set(error, FAULT_SETUP, "runtime_dir %s is not on "
			"a tmpfs: keys would reach a disk", runtime_dir);
	if (g_mkdir(home->path, 0700) != 0 && errno != EEXIST)
		return fault_set(error, FAULT_SETUP, "making %s: %s",
			home->path, g_strerror(errno));
	return fill(home, error);
}

void
pgp_home_clear(struct pgp_home *home)
{
	if (home->path != NULL)
		privileges_remove(home->path);
	g_free(home->source);
	g_free(home->path);
	g_free(home->candidate_file);
	g_free(home->recipient_file);
}

#include "edge/privileges.h"

#include "base/fault.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWN_DIRECTORY "/dev/shm/meldpunt-" /* where none is configured */

static struct passwd *
find_user(const char *name, GError **error)
{
	struct passwd *user = getpwnam(name);

	if (user != NULL && user->pw_uid != 0)
		return user;
	fault_set(error, FAULT_SETUP,
		"user \"%s\" does not exist or is root: make it with "
		"systemd-sysusers or adduser --system", name);
	return NULL;
}

bool
privileges_make_dir(const char *path, const char *user, GError **error)
{
	struct passwd *owner;

	if (mkdir(path, 0700) != 0) {
		if (errno == EEXIST)
			return true;
		return fault_set(error, FAULT_SETUP, "making %s: %s", path,
			g_strerror(errno));
	}
	if (geteuid() != 0)
		return true;
	owner = find_user(user, error);
	if (owner == NULL)
		return false;
	if (chown(path, owner->pw_uid, owner->pw_gid) != 0)
		return fault_set(error, FAULT_SETUP, "%s: %s", path,
			g_strerror(errno));
	return true;
}

bool
privileges_give_group(const char *path, const char *user, GError **error)
{
	struct passwd *reader;
	struct stat status;

	/* a file that is the user's already, or the operator's own affair */
	if (geteuid() != 0 || stat(path, &status) != 0 || status.st_uid != 0 ||
		status.st_gid != 0)
		return true;
	reader = find_user(user, error);
	if (reader == NULL)
		return false;
	if (chown(path, 0, reader->pw_gid) != 0 || chmod(path, 0640) != 0)
		return fault_set(error, FAULT_SETUP, "%s: %s", path,
			g_strerror(errno));
	return true;
}

bool
privileges_become(const char *name, GError **error)
{
	struct passwd *user;

	if (geteuid() != 0)
		return true;
	user = find_user(name, error);
	if (user == NULL)
		return false;
	if (initgroups(user->pw_name, user->pw_gid) != 0 ||
		setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
		setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0)
		return fault_set(error, FAULT_SETUP, "becoming user %s: %s",
			name, g_strerror(errno));
	g_setenv("USER", name, TRUE);
	return true;
}

bool
privileges_drop(const struct conf *conf, GError **error)
{
	bool root = geteuid() == 0;

	if (!privileges_make_dir(conf->state_dir, conf->user, error) ||
		!privileges_become(conf->user, error))
		return false;
	if (root)
		g_setenv("HOME", conf->state_dir, TRUE);
	return true;
}

static bool
is_ours_alone(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) &&
		status.st_uid == geteuid() && (status.st_mode & 077) == 0;
}

void
privileges_sweep(const char *directory)
{
	static const char *const left[] = {"recipient.gpg", "candidates.gpg",
		NULL};
	g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
	const char *name;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
		for (int i = 0; left[i] != NULL; i++) {
			g_autofree char *path = g_build_filename(directory,
				name, left[i], NULL);

			unlink(path);
		}
}

void
privileges_remove(const char *directory)
{
	g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
	const char *name;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(directory, name, NULL);

		unlink(path);
	}
	rmdir(directory);
}

void
privileges_clear(const char *directory)
{
	g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
	const char *name;

	/* what the operator or systemd gave is theirs to clear */
	if (!g_str_has_prefix(directory, OWN_DIRECTORY))
		return;
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(directory, name, NULL);

		if (g_str_has_prefix(name, "worker-"))
			privileges_remove(path);
	}
	rmdir(directory);
}

char *
privileges_runtime_dir(const struct conf *conf, GError **error)
{
	const char *given = g_getenv("RUNTIME_DIRECTORY");
	char *path;

	if (*conf->runtime_dir != '\0')
		path = g_strdup(conf->runtime_dir);
	else if (given != NULL && *given != '\0')
		path = g_strdup(given);
	else
		path = g_strdup_printf(OWN_DIRECTORY "%u-%08x",
			(unsigned int)geteuid(), g_str_hash(conf->state_dir));
	if (mkdir(path, 0700) != 0 && errno != EEXIST) {
		fault_set(error, FAULT_SETUP, "making runtime directory %s: %s",
			path, g_strerror(errno));
		g_free(path);
		return NULL;
	}
	if (!is_ours_alone(path)) {
		fault_set(error, FAULT_SETUP, "runtime directory %s must "
			"belong to the daemon's user alone (mode 0700)", path);
		g_free(path);
		return NULL;
	}
	return path;
}

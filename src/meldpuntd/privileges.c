#include "meldpuntd/privileges.h"

#include "base/fault.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool
privileges_drop(const struct conf *conf, GError **error)
{
	struct passwd *user;

	if (geteuid() != 0)
		return true;
	user = getpwnam(conf->user);
	if (user == NULL || user->pw_uid == 0)
		return fault_set(error, FAULT_SETUP,
			"user \"%s\" does not exist or is root: make it with "
			"systemd-sysusers or adduser --system", conf->user);
	if (mkdir(conf->state_dir, 0700) == 0 &&
		chown(conf->state_dir, user->pw_uid, user->pw_gid) != 0)
		return fault_set(error, FAULT_SETUP, "%s: %s", conf->state_dir,
			g_strerror(errno));
	if (initgroups(user->pw_name, user->pw_gid) != 0 ||
		setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
		setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0)
		return fault_set(error, FAULT_SETUP, "becoming user %s: %s",
			conf->user, g_strerror(errno));
	g_setenv("HOME", conf->state_dir, TRUE);
	g_setenv("USER", conf->user, TRUE);
	return true;
}

static bool
is_ours_alone(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) &&
		status.st_uid == geteuid() && (status.st_mode & 077) == 0;
}

/* What an earlier daemon left; only names that are ours, no recursion. */
static void
sweep(const char *directory)
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
		path = g_strdup_printf("/dev/shm/meldpunt-%u-%08x",
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
	sweep(path);
	return path;
}

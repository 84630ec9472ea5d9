#include "edge/pgp_agent.h"

#include "base/fault.h"
#include "edge/pgp_home.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The keygrips of these keys, as gpg lists them. */
static GPtrArray *
find_keygrips(const char *home, const char *fingerprint, const char *address)
{
	g_autofree char *by_address = g_strdup_printf("<%s>", address);
	const char *const argv[] = {"timeout", "10", "gpg", "--homedir", home, "--batch",
		"--no-autostart", "--with-colons", "--with-keygrip",
		"--list-keys", fingerprint, by_address, NULL};
	GPtrArray *grips = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *listing = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_spawn_sync(NULL, (char **)argv, NULL,
		    G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL,
		    NULL, &listing, NULL, NULL, NULL))
		return grips;
	lines = g_strsplit(listing, "\n", -1);
	for (char **p = lines; *p != NULL; p++) {
		g_auto(GStrv) fields = NULL;

		if (!g_str_has_prefix(*p, "grp:"))
			continue;
		fields = g_strsplit(*p, ":", -1);
		if (g_strv_length(fields) > 9 && *fields[9] != '\0')
			g_ptr_array_add(grips, g_strdup(fields[9]));
	}
	return grips;
}

static int
reach(const char *home, GError **error)
{
	g_autofree char *path = pgp_home_agent_socket(home, error);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval patience = {.tv_sec = 2};
	int fd;

	if (path == NULL)
		return -1;
	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	fault_set(error, FAULT_LATER, "gpg-agent: %s", g_strerror(errno));
	close(fd);
	return -1;
}

/* One line of the Assuan protocol: true for OK, false for ERR or nothing. */
static bool
answered_ok(int fd)
{
	char line[1024];
	size_t length = 0;

	while (length < sizeof(line) - 1 &&
		read(fd, line + length, 1) == 1) {
		if (line[length++] != '\n')
			continue;
		if (line[0] != 'S' && line[0] != '#')
			break;
		length = 0; /* a status or a comment */
	}
	return length >= 2 && memcmp(line, "OK", 2) == 0;
}

static bool
preset(int fd, const char *grip, const char *passphrase)
{
	GString *line = g_string_sized_new(2048);
	bool good;

	g_string_printf(line, "PRESET_PASSPHRASE %s -1 ", grip);
	for (const char *p = passphrase; *p != '\0'; p++)
		g_string_append_printf(line, "%02X", (unsigned char)*p);
	g_string_append_c(line, '\n');
	good = line->len < 1000 &&
		send(fd, line->str, line->len, MSG_NOSIGNAL) ==
			(ssize_t)line->len &&
		answered_ok(fd);
	explicit_bzero(line->str, line->len);
	g_string_free(line, TRUE);
	return good;
}

bool
pgp_agent_unlock(const char *home, const char *fingerprint,
	const char *address, const char *passphrase, GError **error)
{
	g_autoptr(GPtrArray) grips =
		find_keygrips(home, fingerprint, address);
	int fd = reach(home, error);
	bool good = fd >= 0 && answered_ok(fd);

	for (guint i = 0; good && i < grips->len; i++)
		good = preset(fd, grips->pdata[i], passphrase);
	if (fd >= 0)
		close(fd);
	if (good && grips->len > 0)
		return true;
	return *error == NULL &&
		fault_set(error, FAULT_SETUP, "gpg-agent does not take the "
			"passphrase of key %s", fingerprint);
}

bool
pgp_agent_runs(const char *home)
{
	int fd = reach(home, NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

void
pgp_agent_end(const char *home)
{
	static const char kill_agent[] = "KILLAGENT\n";
	int fd = reach(home, NULL);

	if (fd < 0)
		return;
	if (answered_ok(fd) &&
		send(fd, kill_agent, strlen(kill_agent), MSG_NOSIGNAL) > 0)
		answered_ok(fd);
	close(fd);
	/* at its end it removes its socket: not the one that comes after it */
	for (int i = 0; i < 60 && (fd = reach(home, NULL)) >= 0; i++) {
		close(fd);
		g_usleep(50 * 1000);
	}
}

/*
 * Of (protected openpgp-s2k3-... ((sha1 SALT COUNT) ...), which may be written
 * as text or in libgcrypt's canonical form: the first long number.
 */
static unsigned int
hash_count_of(const char *path)
{
	g_autofree char *data = NULL;
	const char *mark, *end;
	gsize length;

	if (!g_file_get_contents(path, &data, &length, NULL))
		return 0;
	end = data + length;
	mark = memmem(data, length, "openpgp-s2k3", strlen("openpgp-s2k3"));
	for (const char *p = mark; p != NULL && p < end && p < mark + 128; p++) {
		size_t digits = 0;

		while (p + digits < end && g_ascii_isdigit(p[digits]))
			digits++;
		if (digits > 4 && p + digits < end &&
			strchr("\")", p[digits]) != NULL)
			return strtoul(p, NULL, 10);
	}
	return 0;
}

unsigned int
pgp_agent_hash_count(const char *home)
{
	g_autofree char *folder =
		g_build_filename(home, "private-keys-v1.d", NULL);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	unsigned int most = 0;
	const char *name;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(folder, name, NULL);

		most = MAX(most, hash_count_of(path));
	}
	return most;
}

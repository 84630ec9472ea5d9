#include "base/secret.h"

#include "base/fault.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void
secret_free(char *secret)
{
	if (secret == NULL)
		return;
	explicit_bzero(secret, strlen(secret));
	g_free(secret);
}

static char *
locate(const char *path)
{
	const char *directory = g_getenv("CREDENTIALS_DIRECTORY");
	g_autofree char *base = g_path_get_basename(path);
	g_autofree char *credential = NULL;

	if (directory == NULL)
		return g_strdup(path);
	credential = g_build_filename(directory, base, NULL);
	if (access(credential, R_OK) == 0)
		return g_steal_pointer(&credential);
	return g_strdup(path);
}

bool
secret_is_readable(const char *path)
{
	g_autofree char *place = locate(path);

	return access(place, R_OK) == 0;
}

static char *
first_line(char *text)
{
	text[strcspn(text, "\r\n")] = '\0';
	return text;
}

static const char help[] = " (let the daemon's group read it: chgrp, chmod 640; "
	"or name it in LoadCredential= of the unit)";

char *
secret_read_file(const char *path, GError **error)
{
	g_autofree char *place = locate(path);
	char buffer[8192] = "";
	struct stat status;
	ssize_t n;
	int fd = open(place, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &status) < 0) {
		fault_set(error, FAULT_SETUP, "secret file %s: %s%s", place,
			g_strerror(errno), errno == EACCES ? help : "");
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	n = read(fd, buffer, sizeof(buffer) - 1);
	close(fd);
	if (!S_ISREG(status.st_mode))
		fault_set(error, FAULT_SETUP, "secret file %s: not a file",
			place);
	else if (status.st_mode & S_IROTH)
		fault_set(error, FAULT_SETUP,
			"secret file %s: everybody can read it (chmod 600 it)",
			place);
	else if (n <= 0 || *first_line(buffer) == '\0')
		fault_set(error, FAULT_SETUP, "secret file %s: empty", place);
	else {
		char *secret = g_strdup(buffer);

		explicit_bzero(buffer, sizeof(buffer));
		return secret;
	}
	explicit_bzero(buffer, sizeof(buffer));
	return NULL;
}

char *
secret_read_command(const char *command, GError **error)
{
	const char *argv[] = {"timeout", "30", "/bin/sh", "-c", command, NULL};
	char *output = NULL, *secret;
	int status = 0;

	if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL,
		    NULL, &output, NULL, &status, NULL) ||
		status != 0 || *first_line(output) == '\0') {
		secret_free(output);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 124)
			fault_set(error, FAULT_LATER,
				"token_command took longer than 30 seconds");
		else
			fault_set(error, FAULT_LATER, "token_command failed or "
				"printed nothing (exit status %d)",
				WIFEXITED(status) ? WEXITSTATUS(status) : -1);
		return NULL;
	}
	secret = g_strdup(output);
	secret_free(output);
	return secret;
}

void
secret_random(void *buffer, size_t length)
{
	if (getrandom(buffer, length, 0) != (ssize_t)length)
		g_error("getrandom: %s", g_strerror(errno));
}

char *
secret_token(void)
{
	uint8_t bytes[20];

	secret_random(bytes, sizeof(bytes));
	return text_base32(bytes, sizeof(bytes));
}

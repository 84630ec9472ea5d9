/*
 * Runs gpg so that nothing but plaintext reaches its output.  GPGME takes
 * gpg's standard output for the plaintext, and gpg prints a listing there of
 * any key packet that a hostile message holds beside its text: words of a
 * stranger under somebody's seal and signature.  Here plaintext gets a
 * descriptor of its own (gpg's special file name "-&N"), and whatever else
 * gpg prints is gone.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	char apart[16], gpg[] = "gpg";
	int fd, null;

	for (int i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], "--output") != 0 ||
			strcmp(argv[i + 1], "-") != 0)
			continue;
		fd = dup(STDOUT_FILENO);
		null = open("/dev/null", O_WRONLY);
		if (fd < 0 || null < 0 || dup2(null, STDOUT_FILENO) < 0)
			return 2;
		close(null);
		snprintf(apart, sizeof(apart), "-&%d", fd);
		argv[i + 1] = apart;
		break;
	}
	argv[0] = gpg;
	execv(GPG, argv);
	return 127;
}

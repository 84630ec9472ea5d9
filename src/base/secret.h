/*
 * Secrets and randomness.  A secret is a string that is wiped before it is
 * freed.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Wipes and frees; accepts NULL. */
void secret_free(char *secret);
typedef char secret_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(secret_auto, secret_free)

/*
 * The first line of a file, which must be a regular file that others may not
 * read.  A bare name is looked up in $CREDENTIALS_DIRECTORY first
 * (systemd.exec(5)).
 */
char *secret_read_file(const char *path, GError **error);

/* True if who we are can read it, or a credential stands in for it. */
bool secret_is_readable(const char *path);

/* The first line that a shell command prints within 30 s. */
char *secret_read_command(const char *command, GError **error);

/* From getrandom(2); aborts rather than give less. */
void secret_random(void *buffer, size_t length);

/* 160 random bits in base32. */
char *secret_token(void);

#endif

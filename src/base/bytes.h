/*
 * Message bytes outside the heap: an anonymous file (memfd_create) that
 * processes hand to each other.  Nothing of it ever reaches a disk's file
 * system; it goes when the last descriptor closes.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct bytes {
	int fd;
	uint64_t size; /* what has been written so far */
};

/* Aborts if the kernel has no memory or descriptor left. */
struct bytes *bytes_new(void);

/* Takes over fd and asks the kernel for its size; NULL if it is no memfd. */
struct bytes *bytes_adopt(int fd);

/* Accepts NULL. */
void bytes_free(struct bytes *bytes);
typedef struct bytes bytes_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(bytes_auto, bytes_free)

/* At the end; false only when the kernel refuses (no space). */
bool bytes_append(struct bytes *bytes, const void *data, size_t length);

/* A heap copy of at most length bytes at offset, NUL behind it. */
char *bytes_copy(const struct bytes *bytes, uint64_t offset, uint64_t length);

/* Exactly length bytes at offset into buffer; false if there are fewer. */
bool bytes_read(const struct bytes *bytes, uint64_t offset, void *buffer,
	size_t length);

/* True if a line is longer than so many bytes. */
bool bytes_has_line(const struct bytes *bytes, size_t longer_than);

/* From here on nobody can change it (WRITE, GROW, SHRINK, SEAL). */
bool bytes_seal(struct bytes *bytes);

/* A new memfd with length bytes of this one from offset. */
struct bytes *bytes_slice(const struct bytes *bytes, uint64_t offset,
	uint64_t length);

/* The 32 bytes of SHA-256 over length bytes at offset. */
void bytes_sha256(const struct bytes *bytes, uint64_t offset, uint64_t length,
	uint8_t digest[32]);

#endif

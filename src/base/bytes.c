#include "base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 65536

struct bytes *
bytes_new(void)
{
	struct bytes *bytes = g_new0(struct bytes, 1);

	bytes->fd = memfd_create("meldpunt", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (bytes->fd < 0)
		g_error("memfd_create: %s", g_strerror(errno));
	return bytes;
}

struct bytes *
bytes_adopt(int fd)
{
	struct bytes *bytes;
	struct stat status;

	if (fcntl(fd, F_GET_SEALS) < 0 || fstat(fd, &status) < 0)
		return NULL;
	bytes = g_new0(struct bytes, 1);
	bytes->fd = fd;
	bytes->size = status.st_size;
	return bytes;
}

void
bytes_free(struct bytes *bytes)
{
	if (bytes == NULL)
		return;
	close(bytes->fd);
	g_free(bytes);
}

bool
bytes_append(struct bytes *bytes, const void *data, size_t length)
{
	const char *p = data;

	while (length > 0) {
		ssize_t n = pwrite(bytes->fd, p, length, bytes->size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes->size += n;
		p += n;
		length -= n;
	}
	return true;
}

bool
bytes_read(const struct bytes *bytes, uint64_t offset, void *buffer,
	size_t length)
{
	char *p = buffer;

	while (length > 0) {
		ssize_t n = pread(bytes->fd, p, length, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		offset += n;
		p += n;
		length -= n;
	}
	return true;
}

char *
bytes_copy(const struct bytes *bytes, uint64_t offset, uint64_t length)
{
	char *copy;

	offset = MIN(offset, bytes->size);
	length = MIN(length, bytes->size - offset);
	/* zeroes, not what the heap held, should the file be shorter */
	copy = g_malloc0(length + 1);
	bytes_read(bytes, offset, copy, length);
	return copy;
}

bool
bytes_seal(struct bytes *bytes)
{
	return fcntl(bytes->fd, F_ADD_SEALS,
		       F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK |
			       F_SEAL_SEAL) == 0;
}

struct bytes *
bytes_slice(const struct bytes *bytes, uint64_t offset, uint64_t length)
{
	struct bytes *slice = bytes_new();
	char buffer[CHUNK];

	while (length > 0) {
		size_t n = MIN(length, sizeof(buffer));

		if (!bytes_read(bytes, offset, buffer, n) ||
			!bytes_append(slice, buffer, n))
			break;
		offset += n;
		length -= n;
	}
	explicit_bzero(buffer, sizeof(buffer));
	return slice;
}

void
bytes_sha256(const struct bytes *bytes, uint64_t offset, uint64_t length,
	uint8_t digest[32])
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	char buffer[CHUNK];
	gsize size = 32;

	while (length > 0) {
		size_t n = MIN(length, sizeof(buffer));

		if (!bytes_read(bytes, offset, buffer, n))
			break;
		g_checksum_update(sum, (const guchar *)buffer, n);
		offset += n;
		length -= n;
	}
	explicit_bzero(buffer, sizeof(buffer));
	g_checksum_get_digest(sum, digest, &size);
}

bool
bytes_has_line(const struct bytes *bytes, size_t longer_than)
{
	size_t line = 0;

	for (uint64_t at = 0; at < bytes->size; at += 65536) {
		size_t n = MIN(bytes->size - at, 65536);
		g_autofree char *some = bytes_copy(bytes, at, n);

		for (size_t i = 0; i < n; i++) {
			line = some[i] == '\n' ? 0 : line + 1;
			if (line > longer_than)
				return true;
		}
	}
	return false;
}

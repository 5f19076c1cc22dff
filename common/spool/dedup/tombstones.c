#include "spool/dedup/tombstones.h"
#include "base/io.h"
#include "spool/file/gzip.h"

#include <errno.h>
#include <stdlib.h>

enum { AT_ONCE = 4096 }; /* entries */
static const char NAME[] = HS_TOMBSTONES_FILE;

static void pack(const struct hs_tombstone *id, uint8_t out[static HS_TOMBSTONES_ENTRY])
{
	memcpy(out, id->id.bytes, HS_DEDUP_KEY_BYTES);
	for (int i = 0; i < 4; i++)
		out[HS_DEDUP_KEY_BYTES + i] = (uint8_t)(id->spooled_s >> 8 * i);
}

static void unpack(const uint8_t in[static HS_TOMBSTONES_ENTRY], struct hs_tombstone *id)
{
	memcpy(id->id.bytes, in, HS_DEDUP_KEY_BYTES);
	id->spooled_s = 0;
	for (int i = 0; i < 4; i++)
		id->spooled_s |= (uint32_t)in[HS_DEDUP_KEY_BYTES + i] << 8 * i;
}

static uint64_t whole(uint64_t size)
{
	return size - size % HS_TOMBSTONES_ENTRY;
}

static enum hs_result append(int fd, const struct hs_tombstone *ids, size_t count)
{
	struct hs_buf text = { 0 };
	struct stat st;
	enum hs_result r = HS_OK;

	if (hs_io_fstat(fd, &st) < 0)
		return HS_E_IO;
	for (size_t i = 0; i < count; i++) {
		uint8_t entry[HS_TOMBSTONES_ENTRY];

		pack(&ids[i], entry);
		hs_buf_put(&text, (const char *)entry, sizeof entry);
	}
	if (!hs_buf_ok(&text))
		r = HS_E_MEMORY;
	else if (hs_io_write_at(fd, text.p, text.n, whole((uint64_t)st.st_size)) < 0)
		r = hs_io_result(errno);
	else if (hs_io_sync_data(fd) < 0)
		r = HS_E_SYNC;
	hs_buf_free(&text);
	return r;
}

enum hs_result hs_tombstones_make(int private_dir)
{
	enum hs_result r;
	struct stat st;
	int fd;

	if (hs_io_stat(private_dir, NAME, &st) == 0)
		return HS_OK;
	fd = hs_io_open_or_make(private_dir, NAME, 0600);
	if (fd < 0)
		return hs_io_result(errno);
	r = hs_io_sync_dir(private_dir) < 0 ? hs_io_result(errno) : HS_OK;
	hs_io_close(fd);
	return r;
}

enum hs_result hs_tombstones_put(int private_dir, const struct hs_tombstone *ids, size_t count)
{
	enum hs_result r;
	int fd;

	if (count == 0)
		return HS_OK;
	fd = hs_io_open_or_make(private_dir, NAME, 0600);
	if (fd < 0)
		return hs_io_result(errno);
	r = hs_io_sync_dir(private_dir) < 0 ? hs_io_result(errno) : append(fd, ids, count);
	hs_io_close(fd);
	return r;
}

enum hs_result hs_tombstones_size(int private_dir, uint64_t *size)
{
	struct stat st;

	*size = 0;
	if (hs_io_stat(private_dir, NAME, &st) < 0)
		return errno == ENOENT ? HS_OK : HS_E_IO;
	*size = whole((uint64_t)st.st_size);
	return HS_OK;
}

enum hs_result hs_tombstones_sum(int private_dir, uint64_t most, struct hs_tombstones_sum *sum)
{
	enum { ROOM = AT_ONCE * HS_TOMBSTONES_ENTRY };
	int fd = hs_io_open_read(private_dir, NAME);
	char *room = malloc(ROOM);
	ssize_t got = room == NULL ? -1 : ROOM;
	enum hs_result r = HS_OK;

	*sum = (struct hs_tombstones_sum){ 0 };
	if (fd < 0 && errno != ENOENT)
		r = HS_E_IO;
	while (fd >= 0 && got == ROOM && sum->count < most) {
		uint64_t left = most - sum->count;

		got = hs_io_read_at(fd, room, left < AT_ONCE ? (size_t)left * HS_TOMBSTONES_ENTRY : ROOM,
		                    sum->count * HS_TOMBSTONES_ENTRY);
		if (got < 0)
			break;
		sum->check = hs_crc32(sum->check, hs_slice(room, (size_t)whole((uint64_t)got)));
		sum->count += (uint64_t)got / HS_TOMBSTONES_ENTRY;
	}
	if (room == NULL)
		r = HS_E_MEMORY;
	else if (got < 0)
		r = HS_E_IO;
	free(room);
	if (fd >= 0)
		hs_io_close(fd);
	return r;
}

static enum hs_result read_entries(int fd, uint8_t *room, uint64_t *known,
                                   bool (*each)(void *context, const struct hs_tombstone *id), void *context)
{
	ssize_t got;

	while ((got = hs_io_read_at(fd, (char *)room, AT_ONCE * HS_TOMBSTONES_ENTRY, *known)) >= HS_TOMBSTONES_ENTRY) {
		for (ssize_t at = 0; at + HS_TOMBSTONES_ENTRY <= got; at += HS_TOMBSTONES_ENTRY) {
			struct hs_tombstone id;

			unpack(room + at, &id);
			if (!each(context, &id))
				return HS_OK;
			*known += HS_TOMBSTONES_ENTRY;
		}
	}
	return got < 0 ? HS_E_IO : HS_OK;
}

enum hs_result hs_tombstones_each(int private_dir, uint64_t *known,
                                  bool (*each)(void *context, const struct hs_tombstone *id), void *context)
{
	int fd = hs_io_open_read(private_dir, NAME);
	uint8_t *room;
	enum hs_result r;

	if (fd < 0)
		return errno == ENOENT ? HS_OK : HS_E_IO;
	room = malloc(AT_ONCE * HS_TOMBSTONES_ENTRY);
	r = room == NULL ? HS_E_MEMORY : read_entries(fd, room, known, each, context);
	free(room);
	hs_io_close(fd);
	return r;
}

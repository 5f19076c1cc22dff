#include "store/failed.h"
#include "store/io.h"

#include <errno.h>
#include <sys/file.h>

enum { LOCK_MS = 10000, POLL_MS = 2 };
static const char NAME[] = "failed.jsonl", LOCK[] = "failed.lock";

enum hs_result hs_failed_lock(const struct hs_place *place, int *lock)
{
	int64_t deadline = hs_io_now_monotonic() + LOCK_MS;
	enum hs_result r = HS_OK;

	*lock = hs_io_open_or_make(place->run_dir, LOCK, 0600);
	if (*lock < 0)
		return hs_io_result(errno);
	while (r == HS_OK && hs_io_lock(*lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			r = HS_E_IO;
		else if (hs_io_now_monotonic() > deadline)
			r = HS_E_BUSY;
		else
			hs_io_pause(POLL_MS);
	}
	if (r != HS_OK)
		hs_io_close(*lock);
	return r;
}

/* A kill in mid-write leaves a fragment: it gets a line of its own. */
static enum hs_result end_fragment(int fd, uint64_t *size)
{
	struct stat st;
	char last;

	if (hs_io_fstat(fd, &st) < 0)
		return HS_E_IO;
	*size = (uint64_t)st.st_size;
	if (*size == 0)
		return HS_OK;
	if (hs_io_read_at(fd, &last, 1, *size - 1) != 1)
		return HS_E_IO;
	if (last == '\n')
		return HS_OK;
	return hs_io_write_at(fd, "\n", 1, (*size)++) < 0 ? hs_io_result(errno) : HS_OK;
}

static enum hs_result append_locked(const struct hs_place *place, struct hs_slice line)
{
	int fd = hs_io_open_or_make(place->dir, NAME, (mode_t)place->settings->spool_mode);
	enum hs_result r;
	uint64_t size;

	if (fd < 0)
		return hs_io_result(errno);
	r = end_fragment(fd, &size);
	if (r == HS_OK) {
		if (hs_io_write_at(fd, line.p, line.n, size) < 0)
			r = hs_io_result(errno);
		else if (hs_io_sync_data(fd) < 0)
			r = HS_E_SYNC;
		if (r != HS_OK)
			hs_io_truncate(fd, size);
	}
	if (r == HS_OK && size == 0 && hs_io_sync_dir(place->dir) < 0)
		r = HS_E_IO;
	hs_io_close(fd);
	return r;
}

enum hs_result hs_failed_append(const struct hs_place *place, struct hs_slice line)
{
	int lock;
	enum hs_result r = hs_failed_lock(place, &lock);

	if (r != HS_OK)
		return r;
	r = append_locked(place, line);
	hs_io_close(lock);
	return r;
}

/* It is the last member, and no quote stands bare in a string before it. */
struct hs_slice hs_failed_record(struct hs_slice line)
{
	static const char NAME_OF_IT[] = ",\"record\":{";
	const char *p = line.n == 0 ? NULL : memmem(line.p, line.n, NAME_OF_IT, sizeof NAME_OF_IT - 1);

	if (p == NULL || line.p[line.n - 1] != '}')
		return HS_SLICE_NONE;
	p += sizeof NAME_OF_IT - 2;
	return hs_slice(p, (size_t)(line.p + line.n - 1 - p));
}

#include "spool/admin/suppression_file.h"
#include "base/file_replace.h"
#include "base/io.h"
#include "spool/file/gzip.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char NAME[] = HS_SUPPRESSION_LIST_FILE, NEW[] = "suppressed-new";
static const char MAGIC[] = "HSSUPP2\n";
enum { MAGIC_BYTES = sizeof MAGIC - 1, CHECK_BYTES = 8 };
_Static_assert((int)MAGIC_BYTES + (int)CHECK_BYTES == (int)HS_SUPPRESSION_LIST_EMPTY, "an empty list is its head");

struct head {
	char text[HS_SUPPRESSION_LIST_EMPTY + 1];
};

static struct head head_of(const char *salt, struct hs_slice hashes)
{
	uint32_t check = hashes.n == 0 ? 0 : hs_crc32(hs_crc32(0, hs_slice(salt, HS_SALT)), hashes);
	struct head head;

	snprintf(head.text, sizeof head.text, "%s%08" PRIx32, MAGIC, check);
	return head;
}

static bool is_cut(uint64_t bytes)
{
	return bytes < HS_SUPPRESSION_LIST_EMPTY || (bytes - HS_SUPPRESSION_LIST_EMPTY) % HS_SUPPRESSION_LIST_HASH != 0;
}

/* Reads the file to memory: access to a mapping fails if the file is cut. */
static enum hs_result read_all(int fd, size_t size, struct hs_buf *file)
{
	char *to = hs_buf_reserve(file, size);
	ssize_t got = 1;

	if (to == NULL)
		return HS_E_MEMORY;
	while (file->n < size && got > 0) {
		got = hs_io_read_at(fd, file->p + file->n, size - file->n, file->n);
		if (got > 0)
			file->n += (size_t)got;
	}
	return file->n == size ? HS_OK : HS_E_IO;
}

enum hs_result hs_suppression_file_read(int private_dir, struct hs_buf *file, bool *there)
{
	int fd = hs_io_open_read(private_dir, NAME);
	enum hs_result r;
	struct stat st;

	hs_buf_reset(file);
	*there = fd >= 0;
	if (fd < 0)
		return errno == ENOENT ? HS_OK : HS_E_IO;
	if (hs_io_fstat(fd, &st) < 0)
		r = HS_E_IO;
	else if (is_cut((uint64_t)st.st_size))
		r = HS_E_SUPPRESSED;
	else
		r = read_all(fd, (size_t)st.st_size, file);
	hs_io_close(fd);
	if (r == HS_OK && memcmp(file->p, MAGIC, MAGIC_BYTES) != 0)
		r = HS_E_SPOOL_VERSION;
	return r;
}

struct hs_slice hs_suppression_file_hashes(const struct hs_buf *file)
{
	return file->n <= HS_SUPPRESSION_LIST_EMPTY
	           ? HS_SLICE_NONE
	           : hs_slice(file->p + HS_SUPPRESSION_LIST_EMPTY, file->n - HS_SUPPRESSION_LIST_EMPTY);
}

bool hs_suppression_file_is_intact(const struct hs_buf *file, const char salt[static HS_SALT])
{
	struct head head = head_of(salt, hs_suppression_file_hashes(file));

	return file->n >= HS_SUPPRESSION_LIST_EMPTY && memcmp(file->p, head.text, HS_SUPPRESSION_LIST_EMPTY) == 0;
}

enum hs_result hs_suppression_file_replace(int private_dir, const char *salt, struct hs_slice hashes)
{
	struct hs_file_replace f = { private_dir, NAME, private_dir, NEW, 0600, false, -1 };
	struct head head = head_of(salt, hashes);
	enum hs_result r = hs_file_replace_begin(&f);

	if (r == HS_OK && (hs_io_write_at(f.fd, head.text, HS_SUPPRESSION_LIST_EMPTY, 0) < 0 ||
	                   (hashes.n > 0 && hs_io_write_at(f.fd, hashes.p, hashes.n, HS_SUPPRESSION_LIST_EMPTY) < 0)))
		r = hs_io_result(errno);
	return hs_file_replace_end(&f, r);
}

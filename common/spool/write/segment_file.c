#include "spool/write/segment_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

uint64_t hs_segment_most(const struct hs_segment *s)
{
	return s->rotate_size + s->rotate_size / 2;
}

/* --- descriptors ------------------------------------------------------------ */

struct hs_file *hs_segment_file_use(const struct hs_segment *s)
{
	atomic_fetch_add(&s->file->users, 1);
	return s->file;
}

void hs_segment_file_drop(struct hs_file *file)
{
	if (file != NULL && atomic_fetch_sub(&file->users, 1) == 1) {
		hs_io_close(file->fd);
		free(file);
	}
}

enum hs_result hs_segment_file_hold(struct hs_segment *s, int fd, uint64_t size)
{
	struct hs_file *file = malloc(sizeof *file);

	if (file == NULL) {
		hs_io_close(fd);
		return HS_E_MEMORY;
	}
	if (s->dir->settings->durability != HS_DURABILITY_FSYNC)
		size = 0; /* without durability nothing is synced, and nothing promised */
	*file = (struct hs_file){ .fd = fd, .generation = s->stream->generation, .blind = size, .users = 1 };
	hs_segment_file_drop(s->file);
	s->file = file;
	return HS_OK;
}

/* --- the name ----------------------------------------------------------------- */

static enum hs_result open_failed(int error)
{
	return error == ELOOP || error == EISDIR || error == ENXIO ? HS_E_SPOOL_FILE
	       : error == EACCES                                   ? HS_E_SPOOL_OWNER
	                                                           : hs_io_result(error);
}

static enum hs_result check_file(int fd, struct stat *st)
{
	if (hs_io_fstat(fd, st) < 0)
		return HS_E_IO;
	if (!S_ISREG(st->st_mode))
		return HS_E_SPOOL_FILE;
	return st->st_uid == geteuid() ? HS_OK : HS_E_SPOOL_OWNER;
}

enum hs_result hs_segment_file_open(const struct hs_segment *s, int *fd, struct stat *st)
{
	enum hs_result result;

	*fd = hs_io_open(s->dir->fd, s->file_name);
	if (*fd < 0)
		return errno == ENOENT ? HS_OK : open_failed(errno);
	result = check_file(*fd, st);
	if (result != HS_OK) {
		hs_io_close(*fd);
		*fd = -1;
	}
	return result;
}

enum hs_result hs_segment_file_make(const struct hs_segment *s, int *fd, struct stat *st)
{
	enum hs_result result;

	*fd = hs_io_make(s->dir->fd, s->file_name, (mode_t)s->dir->settings->spool_mode);
	if (*fd < 0)
		return open_failed(errno);
	if (hs_io_fstat(*fd, st) == 0 && hs_io_sync_dir(s->dir->fd) == 0)
		return HS_OK;
	result = hs_io_result(errno);
	hs_io_unlink(s->dir->fd, s->file_name);
	hs_io_close(*fd);
	return result;
}

enum hs_result hs_segment_file_look_up(const struct hs_segment *s, bool *ours, uint64_t *size)
{
	struct stat st;

	*ours = false;
	if (hs_io_stat(s->dir->fd, s->file_name, &st) < 0)
		return errno == ENOENT ? HS_OK : hs_io_result(errno);
	*ours = (uint64_t)st.st_ino == s->stream->inode;
	*size = (uint64_t)st.st_size;
	return HS_OK;
}

enum hs_result hs_segment_file_reopen(struct hs_segment *s, bool *ours, uint64_t *size)
{
	enum hs_result result = hs_segment_file_look_up(s, ours, size);
	struct stat st;
	int fd;

	if (result != HS_OK || !*ours || (s->file != NULL && s->file->generation == s->stream->generation))
		return result;
	result = hs_segment_file_open(s, &fd, &st);
	*ours = result == HS_OK && fd >= 0 && (uint64_t)st.st_ino == s->stream->inode;
	if (*ours)
		return hs_segment_file_hold(s, fd, (uint64_t)st.st_size);
	if (fd >= 0)
		hs_io_close(fd);
	return result;
}

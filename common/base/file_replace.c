#include "base/file_replace.h"

enum hs_result hs_file_replace_begin(struct hs_file_replace *f)
{
	f->fd = -1;
	if (hs_io_unlink(f->temporary_dir, f->temporary) < 0 && errno != ENOENT) /* left by a kill */
		return hs_io_result(errno);
	f->fd = hs_io_make(f->temporary_dir, f->temporary, f->mode);
	return f->fd < 0 ? hs_io_result(errno) : HS_OK;
}

static void close_it(struct hs_file_replace *f)
{
	if (f->fd >= 0)
		hs_io_close(f->fd);
	f->fd = -1;
}

void hs_file_replace_cancel(struct hs_file_replace *f)
{
	if (f->fd >= 0)
		hs_io_unlink(f->temporary_dir, f->temporary);
	close_it(f);
}

static enum hs_result synced(const struct hs_file_replace *f, enum hs_result written)
{
	return written == HS_OK && hs_io_sync_data(f->fd) < 0 ? HS_E_SYNC : written;
}

enum hs_result hs_file_replace_publish(struct hs_file_replace *f, enum hs_result written)
{
	if (written == HS_OK && hs_io_rename(f->temporary_dir, f->temporary, f->dir, f->name) < 0)
		written = hs_io_result(errno);
	if (written != HS_OK) {
		hs_file_replace_cancel(f);
		return written;
	}
	close_it(f);
	return !f->sync_later && hs_io_sync_dir(f->dir) < 0 ? hs_io_result(errno) : HS_OK;
}

enum hs_result hs_file_replace_end(struct hs_file_replace *f, enum hs_result written)
{
	return hs_file_replace_publish(f, synced(f, written));
}

enum hs_result hs_file_replace_first(struct hs_file_replace *f, enum hs_result written, bool *made)
{
	enum hs_result result = synced(f, written);

	*made = result == HS_OK && hs_io_link(f->temporary_dir, f->temporary, f->dir, f->name) == 0;
	if (result == HS_OK && !*made && (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS))
		*made = hs_io_rename(f->temporary_dir, f->temporary, f->dir, f->name) == 0; /* no links here */
	if (result == HS_OK && !*made && errno != EEXIST)
		result = hs_io_result(errno);
	hs_file_replace_cancel(f);
	return result == HS_OK && hs_io_sync_dir(f->dir) < 0 ? hs_io_result(errno) : result;
}

enum hs_result hs_file_replace_text(int dir, const char *name, const char *temporary, mode_t mode, struct hs_slice text)
{
	struct hs_file_replace f = {
		.dir = dir, .name = name, .temporary_dir = dir, .temporary = temporary, .mode = mode
	};
	enum hs_result result = hs_file_replace_begin(&f);

	if (result == HS_OK && hs_io_write_at(f.fd, text.p, text.n, 0) < 0)
		result = hs_io_result(errno);
	return hs_file_replace_end(&f, result);
}

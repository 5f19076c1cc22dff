#include "spool/position/rewrite_copy.h"
#include "base/array.h"

#include <stdlib.h>

enum hs_result hs_rewrite_copy_begin(struct hs_rewrite_copy *c, const struct hs_spool_dir *dir, const char *name,
                                     enum hs_file_writer_form form)
{
	enum hs_result result;

	*c = (struct hs_rewrite_copy)HS_REWRITE_COPY_NONE;
	c->file.temporary_dir = dir->run_dir;
	c->file.temporary = name;
	c->file.mode = (mode_t)dir->settings->spool_mode;
	result = hs_file_replace_begin(&c->file);
	return result == HS_OK ? hs_file_writer_start(&c->writer, c->file.fd, form) : result;
}

void hs_rewrite_copy_drop(struct hs_rewrite_copy *c)
{
	hs_file_replace_cancel(&c->file);
	hs_file_writer_free(&c->writer);
	free(c->removed);
	*c = (struct hs_rewrite_copy)HS_REWRITE_COPY_NONE;
}

enum hs_result hs_rewrite_copy_keep(struct hs_rewrite_copy *c, struct hs_slice line, bool whole)
{
	enum hs_result result = hs_file_writer_put(&c->writer, line);

	return result == HS_OK && whole ? hs_file_writer_put(&c->writer, HS_SLICE("\n")) : result;
}

enum hs_result hs_rewrite_copy_omit(struct hs_rewrite_copy *c, uint64_t offset, uint64_t bytes)
{
	struct hs_range *last = c->count == 0 ? NULL : &c->removed[c->count - 1];

	if (last != NULL && last->offset + last->bytes == offset) {
		last->bytes += bytes;
		return HS_OK;
	}
	if (!HS_ARRAY_ROOM(&c->removed, c->count, &c->cap))
		return HS_E_MEMORY;
	c->removed[c->count++] = (struct hs_range){ offset, bytes };
	return HS_OK;
}

enum hs_result hs_rewrite_copy_replace(const struct hs_rewrite_copy *c, struct hs_rewrite_log *rewrites,
                                       const char *stream, const struct hs_sealed *sealed, uint64_t inode)
{
	struct hs_rewrite edit = { stream, *sealed, inode, c->file.temporary, c->removed, c->count };

	return hs_rewrite_log_replace(rewrites, &edit);
}

enum hs_result hs_rewrite_copy_publish(struct hs_rewrite_copy *c, int dir, const char *name)
{
	c->file.dir = dir;
	c->file.name = name;
	return hs_file_replace_publish(&c->file, HS_OK);
}

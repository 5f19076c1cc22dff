#include "spool/position/rewrite_copy.h"
#include "base/array.h"

#include <stdlib.h>

enum hs_result hs_rewrite_copy_begin(struct hs_rewrite_copy *copy, const struct hs_spool_dir *dir, const char *name,
                                     enum hs_file_writer_form form)
{
	enum hs_result result;

	*copy = (struct hs_rewrite_copy)HS_REWRITE_COPY_NONE;
	copy->file.temporary_dir = dir->run_dir;
	copy->file.temporary = name;
	copy->file.mode = (mode_t)dir->settings->spool_mode;
	result = hs_file_replace_begin(&copy->file);
	return result == HS_OK ? hs_file_writer_start(&copy->writer, copy->file.fd, form) : result;
}

void hs_rewrite_copy_drop(struct hs_rewrite_copy *copy)
{
	hs_file_replace_cancel(&copy->file);
	hs_file_writer_free(&copy->writer);
	free(copy->removed);
	*copy = (struct hs_rewrite_copy)HS_REWRITE_COPY_NONE;
}

enum hs_result hs_rewrite_copy_keep(struct hs_rewrite_copy *copy, struct hs_slice line, bool whole)
{
	enum hs_result result = hs_file_writer_put(&copy->writer, line);

	return result == HS_OK && whole ? hs_file_writer_put(&copy->writer, HS_SLICE("\n")) : result;
}

enum hs_result hs_rewrite_copy_keep_from(struct hs_rewrite_copy *copy, const struct hs_line_reader *lines,
                                         struct hs_slice line, bool whole)
{
	const struct hs_line_member *member = &lines->member;
	bool in_member = copy->writer.gzip != NULL && member->bytes.p != NULL;
	enum hs_result result = HS_OK;

	if (in_member && lines->at - line.n - whole == member->from) {
		result = hs_file_writer_cut(&copy->writer);
		copy->kept_from = member->from;
	}
	if (result == HS_OK)
		result = hs_rewrite_copy_keep(copy, line, whole);
	if (result == HS_OK && in_member && lines->at == member->to && copy->kept_from == member->from)
		result = hs_file_writer_member(&copy->writer, member->bytes);
	return result;
}

enum hs_result hs_rewrite_copy_omit(struct hs_rewrite_copy *copy, uint64_t offset, uint64_t bytes)
{
	struct hs_range *last = copy->count == 0 ? NULL : &copy->removed[copy->count - 1];

	copy->kept_from = UINT64_MAX;
	if (last != NULL && last->offset + last->bytes == offset) {
		last->bytes += bytes;
		return HS_OK;
	}
	if (!HS_ARRAY_ROOM(&copy->removed, copy->count, &copy->cap))
		return HS_E_MEMORY;
	copy->removed[copy->count++] = (struct hs_range){ offset, bytes };
	return HS_OK;
}

enum hs_result hs_rewrite_copy_replace(const struct hs_rewrite_copy *copy, struct hs_rewrite_log *rewrites,
                                       const char *stream, const struct hs_sealed *sealed, const struct stat *read)
{
	struct hs_rewrite edit = { stream, *sealed, *read, copy->file.temporary, copy->removed, copy->count };

	return hs_rewrite_log_replace(rewrites, &edit);
}

enum hs_result hs_rewrite_copy_publish(struct hs_rewrite_copy *copy, int dir, const char *name)
{
	copy->file.dir = dir;
	copy->file.name = name;
	return hs_file_replace_publish(&copy->file, HS_OK);
}

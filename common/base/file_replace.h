/*
 * file_replace: gives a file new contents in one step.
 *
 *	make a temporary file, write, sync it, rename it, sync the directory
 *
 * After a kill or a power cut the file has its old contents or the new ones, whole. The
 * next hs_file_replace_begin of the same name removes a temporary file that a kill left, so two
 * processes must not use one temporary name at the same time.
 */
#ifndef HS_FILE_REPLACE_H
#define HS_FILE_REPLACE_H

#include "base/io.h"

struct hs_file_replace {
	int dir; /* of the file */
	const char *name;
	int temporary_dir;     /* on the same file system */
	const char *temporary; /* both names must stay valid until the end */
	mode_t mode;           /* of the new file */
	bool sync_later;       /* the caller syncs the directory, once for many files */
	int fd;                /* of the temporary file, from begin to the end; otherwise -1 */
};

/* Makes the temporary file; the caller writes it through f->fd. HS_OK, or as hs_io_result. */
enum hs_result hs_file_replace_begin(struct hs_file_replace *f);

/*
 * Puts the temporary file in place, durably, if `written` is HS_OK; otherwise removes it and
 * returns `written`. Closes f->fd. HS_OK, HS_E_SYNC, or as hs_io_result: then the old file is
 * there, unless only the directory could not be synced: then the new one is.
 */
enum hs_result hs_file_replace_end(struct hs_file_replace *f, enum hs_result written);

/* Like hs_file_replace_end, for a temporary file that is synced already. */
enum hs_result hs_file_replace_publish(struct hs_file_replace *f, enum hs_result written);

/* Like hs_file_replace_end, but a file that exists stays: *made is false if there is one, and HS_OK. */
enum hs_result hs_file_replace_first(struct hs_file_replace *f, enum hs_result written, bool *made);

/* Closes and removes the temporary file, if there is one. */
void hs_file_replace_cancel(struct hs_file_replace *f);

/* Does all of this for a small file. The temporary file is in the same directory. */
enum hs_result hs_file_replace_text(int dir, const char *name, const char *temporary, mode_t mode,
                                    struct hs_slice text);

#endif

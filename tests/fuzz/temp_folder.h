/* temp_folder: a folder for the spool of one process, in memory where there is room: each run syncs dozens of files. */
#ifndef HS_FUZZ_TEMP_FOLDER_H
#define HS_FUZZ_TEMP_FOLDER_H

#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

static char fuzz_folder[PATH_MAX];

static int fuzz_folder_remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path);
}

static void fuzz_folder_remove(void)
{
	nftw(fuzz_folder, fuzz_folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void fuzz_folder_path(char path[static 2 * PATH_MAX], const char *below)
{
	snprintf(path, 2 * PATH_MAX, "%s/%s", fuzz_folder, below);
}

static void fuzz_folder_make_dir(const char *below)
{
	char path[2 * PATH_MAX];

	fuzz_folder_path(path, below);
	MUST(mkdir(path, 0700) == 0);
}

static void fuzz_folder_put(const char *below, struct hs_slice text)
{
	char path[2 * PATH_MAX];
	int fd;

	fuzz_folder_path(path, below);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	MUST(fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n);
	close(fd);
}

static inline struct stat fuzz_folder_stat(const char *below)
{
	char path[2 * PATH_MAX];
	struct stat st;

	fuzz_folder_path(path, below);
	MUST(stat(path, &st) == 0);
	return st;
}

/* Makes a new empty spool, with its private folder and cursors/. The last one is removed at the end. */
static void fuzz_folder_begin(void)
{
	if (fuzz_folder[0] == '\0') {
		const char *above = getenv("TMPDIR"); /* run.sh removes it after an abort */

		if (above == NULL)
			above = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

		snprintf(fuzz_folder, sizeof fuzz_folder, "%s/hookspool-fuzz.XXXXXX", above);
		MUST(mkdtemp(fuzz_folder) != NULL);
		atexit(fuzz_folder_remove);
	}
	fuzz_folder_remove();
	fuzz_folder_make_dir("");
	fuzz_folder_make_dir(".hookspool");
	fuzz_folder_make_dir(".hookspool/cursors");
}

#endif

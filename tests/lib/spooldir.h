/*
 * spooldir: a spool's directory in a temporary one, and the questions that a test asks of it. The
 * files are read without the store's help. Whatever fails fails the test.
 */
#ifndef HS_TEST_SPOOLDIR_H
#define HS_TEST_SPOOLDIR_H

#include "spool/spool.h"

#include <limits.h>
#include <sys/stat.h>
#include <sys/types.h>

struct spooldir {
	char above[PATH_MAX / 2]; /* the temporary directory */
	char path[PATH_MAX];      /* the spool, in it; not made yet */
	struct hs_settings *settings;
};

/* Settings, one a line; spool_dir, auth = none and, unless given, min_free = 0 are added. */
void spooldir_make(struct spooldir *d, const char *settings);
/* Does nothing if it is zeroed, or was removed. */
void spooldir_remove(struct spooldir *d);

/* For a struct hs_opened_spool that is not open: 0 would be a descriptor, which hs_spool_dir_close closes. */
#define SPOOLDIR_CLOSED \
	{ \
		.dir = {.fd = -1, .private_dir = -1, .run_dir = -1 } \
	}

/* Makes the spool's directory and opens it; the caller closes the descriptor. */
int spooldir_open(const struct spooldir *d);

/* --- files ----------------------------------------------------------------------- */

/*
 * Waits until a change to a file gets another time than one made before: before Linux 6.13, and on some file
 * systems, all changes within a tick of the kernel's clock have one.
 */
void file_time_passes(void);

/* The path of a file of the spool, in one of four static buffers in turn. */
const char *spooldir_path(const struct spooldir *d, const char *name);
/* The path of a file beside the directory; valid until the call after the next. */
const char *spooldir_beside(const struct spooldir *d, const char *name);
/* Makes a file beside the directory, or overwrites it. */
void spooldir_write_beside(const struct spooldir *d, const char *name, mode_t mode, const char *text);
/* Settings of commands for this spool, beside it; puts their path into `config`. */
void spooldir_configure(const struct spooldir *d, char *config, size_t size);
void spooldir_mkdir(const struct spooldir *d, const char *name);
/* The whole text of a file of the spool (".hookspool/run/state"), unzipped if it is a .gz. */
struct hs_buf spooldir_read(const struct spooldir *d, const char *name);
/* The bytes of a file as they are; a .gz stays compressed. */
struct hs_buf spooldir_read_raw(const struct spooldir *d, const char *name);
/* Writes a file, which may exist; appends to one, which need not; cuts one. */
void spooldir_write(const struct spooldir *d, const char *name, struct hs_slice text);
void spooldir_add(const struct spooldir *d, const char *name, struct hs_slice text);
void spooldir_cut(const struct spooldir *d, const char *name, off_t size);
/* Makes a file one that nobody has written to for years, so that it is not taken for one that is being copied. */
void spooldir_age(const struct spooldir *d, const char *name);
/* Changes the lowest bit of a byte, counted from 0. */
void spooldir_flip(const struct spooldir *d, const char *name, size_t byte);
void spooldir_rename(const struct spooldir *d, const char *from, const char *to);
void spooldir_unlink(const struct spooldir *d, const char *name);
bool spooldir_exists(const struct spooldir *d, const char *name);
off_t spooldir_size(const struct spooldir *d, const char *name);
struct stat spooldir_stat(const struct spooldir *d, const char *name);
ino_t spooldir_inode(const struct spooldir *d, const char *name);

/* The number of names in a directory ("" or ".hookspool") that begin like this. */
size_t spooldir_names(const struct spooldir *d, const char *directory, const char *begin);
/* The nth name of the spool that begins like this, in the order of names; from 0. */
const char *spooldir_name(const struct spooldir *d, const char *begin, size_t nth);

/* --- what is in it ---------------------------------------------------------------- */

/* The number of lines in all segments of the events, the open one included; a broken line fails. */
size_t spooldir_lines(const struct spooldir *d);
/* How often an event ("acme/c") is in them. */
size_t spooldir_count(const struct spooldir *d, const char *word);

/* Expects each of the words exactly once. */
#define assert_once(d, words) spooldir_assert_once((d), (words), __FILE__, __LINE__)
void spooldir_assert_once(const struct spooldir *d, const char *words, const char *file, int line);

/* Expects whole lines of JSON, numbers that rise with the names, and no file that waits for cleaning. */
#define assert_sound(d) spooldir_assert_sound((d), __FILE__, __LINE__)
void spooldir_assert_sound(const struct spooldir *d, const char *file, int line);

/* --- the shared state --------------------------------------------------------------- */

/* Maps the shared state as it is, in use or not; spooldir_state_done unmaps it. */
struct hs_shared_state *spooldir_state(const struct spooldir *d);
void spooldir_state_done(struct hs_shared_state *state);

/* How many summaries, of any spool, this process has mapped. */
int summaries_mapped(void);

#endif

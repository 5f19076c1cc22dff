/*
 * spooldir: a spool in a temporary directory, and the questions a test asks of it. What
 * is in the files is read without the store's help.
 */
#ifndef HS_TEST_SPOOLDIR_H
#define HS_TEST_SPOOLDIR_H

#include "spool/spool.h"

#include <limits.h>
#include <sys/types.h>

struct spooldir {
	char above[PATH_MAX / 2]; /* the temporary directory */
	char path[PATH_MAX];      /* the spool, in it; not made yet */
	struct hs_settings *settings;
};

/* These settings, one a line, and min_free = 0; cmocka's assertions fail if they are bad. */
void spooldir_make(struct spooldir *d, const char *settings);
void spooldir_remove(struct spooldir *d);

/* --- appending --------------------------------------------------------------- */

enum { EVENTS_MOST = 4096 };

/* Records made of words: "a b acme/c" are three events, the last one of tenant acme. */
struct events {
	struct hs_buf lines;
	struct hs_record record[EVENTS_MOST];
	size_t count;
};

/* The caller frees it with events_free. A word that begins with '!' gets another id each time. */
struct events *events_new(const char *words);
void events_free(struct events *e);

enum { PATIENCE_MS = 20000 };

/* One append; *duplicate may be NULL. */
enum hs_result spooldir_append(struct hs_spool *spool, const char *words, uint64_t *duplicate);

/* The same in a process of its own, which opens the spool and closes it. */
enum hs_result spooldir_append_apart(struct spooldir *d, const char *words, uint64_t *duplicate);

/* --- processes ----------------------------------------------------------------- */

/* Runs it in a child, which exits with what it returns. */
pid_t child_start(int (*run)(void *context), void *context);

/* The exit status, or -1 if it was killed. */
int child_wait(pid_t pid);

/* Polls until it is so, for PATIENCE_MS; whether it came to be. */
bool wait_until(bool (*is_so)(void *context), void *context);

/* --- files ----------------------------------------------------------------------- */

/* The whole text of a file of the spool (".hookspool/run/state"), unzipped if it is a .gz. */
struct hs_buf spooldir_read(const struct spooldir *d, const char *name);
/* Makes or replaces a file; appends to one; cuts one. */
void spooldir_write(const struct spooldir *d, const char *name, struct hs_slice text);
void spooldir_add(const struct spooldir *d, const char *name, struct hs_slice text);
void spooldir_cut(const struct spooldir *d, const char *name, off_t size);
void spooldir_rename(const struct spooldir *d, const char *from, const char *to);
void spooldir_unlink(const struct spooldir *d, const char *name);
bool spooldir_exists(const struct spooldir *d, const char *name);
off_t spooldir_size(const struct spooldir *d, const char *name);
ino_t spooldir_inode(const struct spooldir *d, const char *name);

/* How many names of the directory ("" or ".hookspool") begin like this. */
size_t spooldir_names(const struct spooldir *d, const char *directory, const char *begin);
/* The nth name of the spool that begins like this, in the order of names; from 0. */
const char *spooldir_name(const struct spooldir *d, const char *begin, size_t nth);

/* --- what is in it ---------------------------------------------------------------- */

/* Lines of all segments of the events, the open one included; fails at a broken line. */
size_t spooldir_lines(const struct spooldir *d);
/* How often an event ("acme/c") stands in them. */
size_t spooldir_count(const struct spooldir *d, const char *word);

/* Expects that each of the words stands there exactly once. */
#define assert_once(d, words) spooldir_assert_once((d), (words), __FILE__, __LINE__)
void spooldir_assert_once(const struct spooldir *d, const char *words, const char *file, int line);

/*
 * Expects whole lines of JSON in all of it, no number twice, names in the order of
 * numbers, and nothing left to be cleaned.
 */
#define assert_sound(d) spooldir_assert_sound((d), __FILE__, __LINE__)
void spooldir_assert_sound(const struct spooldir *d, const char *file, int line);

/* --- the shared state --------------------------------------------------------------- */

/* Maps it, as it is, without asking whether it is in use. */
struct hs_shared_state *spooldir_state(const struct spooldir *d);
void spooldir_state_done(struct hs_shared_state *state);

#endif

/*
 * temp_spool: the one open spool of a test, `s`, and what is done with it:
 *
 *	make("rotate_min_gap = 0\n");
 *	put("a b");
 *	rotate();
 *	assert_all("a b");
 *
 * Words are those of events.h. Whatever fails fails the test.
 */
#ifndef HS_TEST_TEMP_SPOOL_H
#define HS_TEST_TEMP_SPOOL_H

#include "spool/read/reader.h"
#include "tests/lib/events.h"
#include "tests/lib/processes.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

extern struct temp_spool {
	struct spooldir d;
	struct hs_spool *spool;
	struct hs_reader *reader;              /* NULL until open_reader */
	char got[4096];                        /* the words of the lines that were read last: "a b" */
	struct hs_retention_counts maintained; /* by the last maintain */
} s;

/* Removes the spool that is there, then makes a directory for another and opens it. */
void make(const char *settings);
/* A set-up: make, without a gap between rotations. */
int begin(void **state);
/* A tear-down. */
int finish(void **state);
/* Closes the spool, as the end of a process does. An open reader stays, as another process. */
void stop(void);
/* Stops, then opens it again. */
void restart(void);

/* --- writing ---------------------------------------------------------------- */

/* Appends events, of which `known` are there already. */
#define put_in(spool, words, known) temp_spool_put((spool), (words), (known), __FILE__, __LINE__)
#define put_known(words, known) put_in(s.spool, (words), (known))
#define put(words) put_known((words), 0)
void temp_spool_put(struct hs_spool *spool, const char *words, uint64_t known, const char *file, int line);

/* An append that may fail. */
enum hs_result append(const char *words);

void rotate(void);
/* A sealed segment of these events. */
void seal(const char *words);
void maintain(void);

/* --- reading ---------------------------------------------------------------- */

/* Reads the whole spool into s.got, by a reader of its own; expects the end. */
void read_all(void);

/* Opens the reader anew, before the oldest event. */
void open_reader(void);
void close_reader(void);
/* Reads lines into s.got until something else comes, at most `most`; returns the last that came. */
enum hs_read read_some(unsigned most);

/* Expects that the reader finds these, then the end; opens it if it is not open. */
#define assert_read(words) temp_spool_assert_read((words), __FILE__, __LINE__)
void temp_spool_assert_read(const char *words, const char *file, int line);

/* Expects these in the whole spool, in this order. */
#define assert_all(words) temp_spool_assert_all((words), __FILE__, __LINE__)
void temp_spool_assert_all(const char *words, const char *file, int line);

/* The position after that many lines, with its line before it remembered. */
struct hs_position position_after(unsigned lines);

/* Makes or moves a cursor. */
void save_cursor(const char *name, struct hs_position p);

/* The number of ids that the index knows. */
uint64_t ids_known(void);

/* The number of faults that verify finds; none is repaired. */
uint64_t problems(void);
/* Expects none, and prints those that there are. */
void assert_no_problems(void);

#endif

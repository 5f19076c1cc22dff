/*
 * events: records made of words. "a b acme/c" makes three: one each with the message ids a, b and
 * c, the last one of tenant acme. A word that begins with '!' gets a new id each time. "anna@d" is an event d of the
 * user anna.
 */
#ifndef HS_TEST_EVENTS_H
#define HS_TEST_EVENTS_H

#include "tests/lib/spooldir.h"

enum { EVENTS_MOST = 4096 };

struct events {
	struct hs_buf lines;
	struct hs_record record[EVENTS_MOST];
	size_t count;
};

/* The caller frees it with events_free. */
struct events *events_new(const char *words);
void events_free(struct events *e);

/* The argument of hs_spool_append, with soon() as its deadline; it points into *e. */
struct hs_append events_batch(const struct events *e, uint64_t *duplicate);

/* "PREFIX0 PREFIX1 …", the numbers from `from` to `to` - 1, in one of two static buffers in turn. */
const char *many(const char *prefix, int from, int to);

/* The message id of a record's line: "c". It points into the line. */
struct hs_slice word_of(struct hs_slice line);

/* Appends them as one batch; *duplicate, how many were there already, may be NULL. */
enum hs_result events_append(struct hs_spool *spool, const char *words, uint64_t *duplicate);

/* Erases the user; returns how many of the events are gone. */
uint64_t events_erase(struct hs_spool *spool, const struct spooldir *d, const char *user);

/* Appends in a process of its own, which opens the spool and closes it. */
enum hs_result events_append_apart(struct spooldir *d, const char *words, uint64_t *duplicate);

#endif

/*
 * verify: reads a whole spool and says what is wrong with it; and mends it.
 *
 * Looked at: every line is one JSON object, strictly; no event stands twice within the
 * window; the numbers of the sealed segments have no gap (the oldest may have been
 * deleted); the index knows every event; no erase was begun and not finished;
 * nothing is lost that cannot be made anew (loss.h). A server may be
 * at work meanwhile.
 */
#ifndef HS_VERIFY_H
#define HS_VERIFY_H

#include "spool/dedup/index.h"

#define HS_VERIFY_COPY "clean" /* below .hookspool/run: a segment that is being mended */

enum hs_problem {
	HS_PROBLEM_LINE,       /* not a JSON object */
	HS_PROBLEM_TORN,       /* a sealed segment that does not end with a newline */
	HS_PROBLEM_DAMAGED,    /* a .gz that cannot be read to its end */
	HS_PROBLEM_BESIDE,     /* a .gz beside its segment that does not hold the same */
	HS_PROBLEM_NUMBER,     /* a segment whose number another one has */
	HS_PROBLEM_TWICE,      /* an event that stands in the spool already */
	HS_PROBLEM_ERASED,     /* an event that was to be erased: `hookspool erase` was interrupted */
	HS_PROBLEM_BEGUN,      /* a plan, or a receipt, of an erase that was interrupted */
	HS_PROBLEM_GAP,        /* a number that is missing */
	HS_PROBLEM_INDEX,      /* an event that the index does not know */
	HS_PROBLEM_LOST,       /* a file that cannot be made anew */
	HS_PROBLEM_STRANGE,    /* a directory, symbolic link, FIFO … with a segment's name */
	HS_PROBLEM_UNREADABLE, /* a segment that this user may not read */
	HS_PROBLEM_FUTURE,     /* a stamp that the clock has not reached, see clock.h */
	HS_PROBLEMS
};

/* What a problem is, in a few words. */
const char *hs_problem_text(enum hs_problem p);

/* False: it is to be known, and nothing needs to be mended. */
bool hs_problem_is_fault(enum hs_problem p);

struct hs_verified {
	uint64_t segments, lines, bytes; /* bytes of lines, uncompressed */
	uint64_t problem[HS_PROBLEMS];
	uint64_t mended; /* segments that were replaced by a clean copy */
};

struct hs_verifier {
	void *context;
	/* One problem: in which file, at which line (from 1; 0: no line). May be NULL. */
	void (*report)(void *context, enum hs_problem p, const char *file, uint64_t line);
	/* Now and then: how many bytes of files were read, of how many. May be NULL. */
	void (*progress)(void *context, uint64_t done, uint64_t all);
	/*
	 * Replaces each broken sealed segment by a copy of its good lines, under the same
	 * number; the original is kept as .hookspool/broken-NAME, and of another time
	 * as broken-2-NAME and so on. The index is made anew. A kill
	 * leaves the one or the other, whole, and the next run finishes. Positions stay right, see
	 * rewrite_log.h: of a .gz that cannot be read to its end all that comes after is noted as gone.
	 */
	bool mend;
};

/*
 * Both streams, by their segments in order (HS_EVENTS first); `index` NULL: duplicates
 * are off. HS_OK whatever was found; HS_E_IO, HS_E_FULL, HS_E_SYNC, one of class busy, HS_E_MEMORY
 * if the work could not be done.
 */
enum hs_result hs_verify(struct hs_segment *segments, struct hs_index *index, const struct hs_verifier *examiner,
                         struct hs_verified *found);

#endif

/*
 * verify: reads a whole spool, reports what is wrong with it, and repairs it if asked to.
 *
 * It checks that every line is one JSON object, strictly; that no event is there twice within
 * dedup_window; that the numbers of sealed segments of events have no gap (the oldest may be deleted); that
 * the index knows every event; that no erase is unfinished; and that no file is lost that cannot
 * be rebuilt (loss.h). Handlers may be at work meanwhile. Events that are there twice, were
 * erased, or are not in the index are reported after the other problems of their stream.
 */
#ifndef HS_VERIFY_H
#define HS_VERIFY_H

#include "spool/dedup/index.h"

#define HS_VERIFY_COPY "clean" /* below .hookspool/run: the clean copy of a segment */

enum hs_problem {
	HS_PROBLEM_LINE,       /* not a JSON object */
	HS_PROBLEM_TORN,       /* a sealed segment does not end with a newline */
	HS_PROBLEM_DAMAGED,    /* a .gz has members that cannot be read, or a rest */
	HS_PROBLEM_BESIDE,     /* a .gz differs from the plain segment beside it */
	HS_PROBLEM_NUMBER,     /* two segments have one number */
	HS_PROBLEM_TWICE,      /* an event is in the spool already */
	HS_PROBLEM_ERASED,     /* an erased event is in the spool */
	HS_PROBLEM_BEGUN,      /* an erase has left a plan, or a "begun" without a "done" */
	HS_PROBLEM_GAP,        /* a number is missing */
	HS_PROBLEM_INDEX,      /* the index does not know an event */
	HS_PROBLEM_LOST,       /* a file that cannot be rebuilt is lost */
	HS_PROBLEM_PART,       /* this is a backup that was interrupted: it may lack events */
	HS_PROBLEM_STRANGE,    /* a directory, symbolic link, FIFO … has a segment's name */
	HS_PROBLEM_UNREADABLE, /* this user may not read a segment */
	HS_PROBLEM_SUMMARY,    /* a summary that says something else than its segment */
	HS_PROBLEM_FUTURE,     /* a segment has a later stamp than the clock, see clock.h */
	HS_PROBLEMS
};

/* Describes a problem in a few words. */
const char *hs_problem_text(enum hs_problem p);

/* False: the problem is worth knowing, but nothing needs repair. */
bool hs_problem_is_fault(enum hs_problem p);

struct hs_verified {
	uint64_t segments, lines, bytes; /* bytes: of lines, uncompressed */
	uint64_t problem[HS_PROBLEMS];
	uint64_t mended; /* segments that were replaced by a clean copy */
};

struct hs_verifier {
	void *context;
	/* Called for each problem, with the file and the line (from 1; 0: no line). May be NULL. */
	void (*report)(void *context, enum hs_problem p, const char *file, uint64_t line);
	/* Called now and then with the bytes of files that were read, and of all. May be NULL. */
	void (*progress)(void *context, uint64_t done, uint64_t all);
	/*
	 * Replaces each broken sealed segment by a copy of its good lines, with the same number, and
	 * rebuilds the index. The original stays as .hookspool/broken-NAME, a later one as
	 * broken-2-NAME and so on. A kill leaves either file, whole; the next run finishes. Positions
	 * stay valid (rewrite_log.h); what cannot be read of a .gz counts as removed.
	 */
	bool mend;
};

/*
 * Verifies both streams: segments[HS_STREAMS], HS_EVENTS first; `index` is NULL if
 * dedup_window is 0. HS_OK whatever was found; otherwise the work could not be done: HS_E_IO,
 * HS_E_FULL, HS_E_SYNC, HS_E_CLOCK, HS_E_READ_ONLY, HS_E_MEMORY, one of class busy or of HS_E_SPOOL_.
 */
enum hs_result hs_verify(struct hs_segment *segments, struct hs_index *index, const struct hs_verifier *verifier,
                         struct hs_verified *found);

#endif

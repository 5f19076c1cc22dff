/*
 * progress: a line on a terminal that says how far work is that takes more than two seconds; and the
 * signals that end such work in good order.
 */
#ifndef HS_PROGRESS_H
#define HS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct hs_progress {
	int64_t begun_ms, next_ms;
	uint64_t from; /* the segment where reading began; 0: not known yet */
	bool terminal; /* standard error is one, and the line may be shown */
	bool shown;
};

void hs_progress_begin(struct hs_progress *p);

/* Shows the line, unless the last one was shown just now. */
__attribute__((format(printf, 2, 3))) void hs_progress_show(struct hs_progress *p, const char *format, ...);

/* Removes the line. Call it before anything else is printed. */
void hs_progress_clear(struct hs_progress *p);

/* Removes the line for good: from now on the output shows that work goes on. */
void hs_progress_end(struct hs_progress *p);

/* Prints ", 40 s left" to the text, or "" while that cannot be estimated. */
enum { HS_PROGRESS_LEFT = 40 };
void hs_progress_left(const struct hs_progress *p, uint64_t done, uint64_t all, char text[HS_PROGRESS_LEFT]);

/* From now on SIGINT and SIGTERM are only remembered; a blocked read(2) ends with EINTR. */
void hs_stop_catch(void);
bool hs_stop_asked(void);

/* Ends the process by the signal that came, if one did, as a shell expects. */
void hs_stop_finish(void);

/* Shows "17 % of 3.4 MB", followed by `what` and the time left. all must not be 0. */
void hs_progress_part(struct hs_progress *p, uint64_t done, uint64_t all, const char *what);

#endif

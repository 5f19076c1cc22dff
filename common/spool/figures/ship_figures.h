/*
 * ship_figures: what `hookspool ship` has done since it was started: .hookspool/ship, which it replaces once a minute
 * and at its end. One line, here wrapped:
 *
 *	{"at":"2026-11-29T10:15:00.123Z","stored":812,…,"oldest_ms":40,"lately":12,"lately_ms":60000,
 *	 "server":"n1 2.12.3","leader":"n2"}
 *
 * Each row of HS_SHIP_FIGURES is a member of that object, of `stats --json`, and of the figures for monitors.
 */
#ifndef HS_SHIP_FIGURES_H
#define HS_SHIP_FIGURES_H

#include "base/result.h"
#include "spool/shared/metrics.h"
#include "spool/shared/spool_dir.h"

/*  X(name, kind, help) */
#define HS_SHIP_FIGURES(X) \
	X(stored, COUNTER, "records that the stream has stored or had already, since ship was started") \
	X(duplicates, COUNTER, "records that the stream did not store twice") \
	X(sequence_zero, COUNTER, "answers that another copy is under way, which is perhaps never stored") \
	X(timeouts, COUNTER, "messages without an answer in time") \
	X(doubts, COUNTER, "records that were perhaps stored, so that the stream was asked") \
	X(asks, COUNTER, "times that the stream was asked what it has") \
	X(rewinds, COUNTER, "times that ship went back because the stream had forgotten records") \
	X(set_aside, COUNTER, "records that were too long, and are dead letters") \
	X(in_flight, GAUGE, "records that have no answer, or wait for the answer of one before them")

struct hs_ship_figures {
	int64_t at_ms; /* when they were written, since 1970; 0: never */
#define HS_SHIP_FIGURES_MEMBER(name, kind, help) uint64_t name;
	HS_SHIP_FIGURES(HS_SHIP_FIGURES_MEMBER)
#undef HS_SHIP_FIGURES_MEMBER
	uint64_t oldest_ms;         /* since the oldest record without an answer was first sent; 0: there is none */
	uint64_t lately, lately_ms; /* records stored in the last period, and its length; 0 ms: none has ended */
	char server[128];           /* the name and version of the server that ship is connected to */
	char leader[64];            /* the stream's leader when it was last asked; "": not known */
};

struct hs_ship_figure_info {
	const char *name, *help;
	enum hs_metric_kind kind;
	size_t offset; /* of a uint64_t in struct hs_ship_figures */
};

enum {
#define HS_SHIP_FIGURES_COUNT_ONE(name, kind, help) +1
	HS_SHIP_FIGURES_ROWS = 0 HS_SHIP_FIGURES(HS_SHIP_FIGURES_COUNT_ONE)
#undef HS_SHIP_FIGURES_COUNT_ONE
};
extern const struct hs_ship_figure_info hs_ship_figure_info[HS_SHIP_FIGURES_ROWS];

static inline uint64_t hs_ship_figure(const struct hs_ship_figures *figures, size_t row)
{
	uint64_t value;

	memcpy(&value, (const char *)figures + hs_ship_figure_info[row].offset, sizeof value);
	return value;
}

/* Replaces the file; "at" in it is the present, not at_ms. HS_OK, HS_E_MEMORY, or as hs_file_replace_text. */
enum hs_result hs_ship_figures_save(const struct hs_ship_figures *figures, const struct hs_spool_dir *dir);

/* Reads the file; all is 0 if it cannot be read or has no time. A figure that is missing in it is 0. */
void hs_ship_figures_read(struct hs_ship_figures *figures, int private_dir);

#endif

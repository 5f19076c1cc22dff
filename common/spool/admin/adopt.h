/*
 * adopt: makes a directory that came from elsewhere a spool that can be served: a restored backup, a
 * copy, a mirror that takes over, or a spool that lost its .hookspool.
 *
 * It raises the epoch, so that a position saved elsewhere is followed only if the line before it is
 * here, too; takes lines out of the open segment that must not come in with it (open_copy.h); finds the
 * numbers from the files; and reports which cursors fit and what is lost. If interrupted it can be run
 * again: until it finishes, the spool's id is marked as not settled.
 */
#ifndef HS_ADOPT_H
#define HS_ADOPT_H

#include "base/result.h"
#include "config/settings.h"
#include "spool/position/rewrite_log.h"

enum hs_adopt_from { HS_ADOPT_LEAVE, HS_ADOPT_OLDEST, HS_ADOPT_NOW, HS_ADOPT_SINCE };

/* The outcome for a cursor. */
enum hs_adopted {
	HS_ADOPTED_FITS,    /* it stays where it is */
	HS_ADOPTED_SET,     /* it did not fit, and was set as `from` says */
	HS_ADOPTED_MISFIT,  /* another line is there, or none: left as it is, and not followed */
	HS_ADOPTED_UNKNOWN, /* whether it fits is unknown: likewise */
	HS_ADOPTED_DAMAGED, /* its file is damaged: likewise */
	HS_ADOPTED_HELD,    /* another process holds it: left as it is */
};

struct hs_adopter {
	enum hs_adopt_from from; /* for cursors that do not fit */
	int64_t from_ms;         /* since 1970, for HS_ADOPT_SINCE */
	bool accept_loss; /* replace lost files by empty ones; take a backup that is not whole, and doubtful lines */
	void *context;
	/* Called for each cursor. May be NULL. */
	void (*cursor)(void *context, const char *name, enum hs_adopted what, struct hs_position position);
};

struct hs_adoption {
	struct hs_history before, now; /* before.epoch 0: there was none */
	uint64_t segments;             /* sealed, of the events */
	struct hs_position end;        /* of the events */
	uint64_t repeated;             /* lines of open segments that were taken out (open_copy.h) … */
	uint64_t dropped;              /* … and open segments of which no line remained */
	uint64_t letters;              /* dead letters of erased or suppressed people that were taken out */
	uint64_t doubtful;             /* lines of which this is unknown: nothing was done, unless accept_loss is set */
	bool stale;                    /* erased ids are lost, so lines of the open segment may be of them: likewise */
	uint64_t fit, left, set;       /* cursors */
	uint64_t imports;              /* checkpoints of imports that were dropped */
	unsigned lost;                 /* see loss.h */
	bool busy;                     /* another process uses the spool: nothing was done */
	bool backup;                   /* the directory was made by `hookspool backup` … */
	bool unfinished;               /* … and is not whole: nothing was done, unless accept_loss is set */
};

/*
 * Adopts the spool of the settings. HS_OK, also if `done` says that nothing, or not all, was done;
 * HS_E_SPOOL_DIR if there is no such directory; HS_E_FULL, HS_E_READ_ONLY, HS_E_SYNC, HS_E_IO,
 * HS_E_CLOCK, HS_E_MEMORY, one of class busy or of HS_E_SPOOL_: run it again.
 */
enum hs_result hs_adopt(const struct hs_settings *settings, const struct hs_adopter *adopter, struct hs_adoption *done);

#endif

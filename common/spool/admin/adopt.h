/*
 * adopt: makes a directory that came from elsewhere a spool that can be served: a restored
 * backup, a copy, a mirror that takes over, or a spool that lost its .hookspool.
 *
 * It raises the epoch, so that no position that was saved elsewhere is followed unless the
 * line before it stands here; finds out the numbers from the files; says of each cursor
 * whether it fits, and of what is lost. Interrupted anywhere it can be run again: until it is
 * through, the spool's id says that it is not settled.
 */
#ifndef HS_ADOPT_H
#define HS_ADOPT_H

#include "base/result.h"
#include "config/settings.h"
#include "spool/position/rewrite_log.h"

enum hs_adopt_from { HS_ADOPT_LEAVE, HS_ADOPT_OLDEST, HS_ADOPT_NOW, HS_ADOPT_SINCE };

/* What became of a cursor. */
enum hs_adopted {
	HS_ADOPTED_FITS,    /* it goes on where it stands */
	HS_ADOPTED_SET,     /* it did not fit, and begins where `from` says */
	HS_ADOPTED_MISFIT,  /* another line stands there, or none: left as it is, and not followed */
	HS_ADOPTED_UNKNOWN, /* nobody can tell: the same */
	HS_ADOPTED_DAMAGED, /* the same */
	HS_ADOPTED_HELD,    /* somebody uses it */
};

struct hs_adopter {
	enum hs_adopt_from from; /* for cursors that do not fit */
	int64_t from_ms;         /* of SINCE */
	bool accept_loss;        /* begin anew with what is lost */
	void *context;
	void (*cursor)(void *context, const char *name, enum hs_adopted what,
	               struct hs_position position); /* for each; may be NULL */
};

struct hs_adoption {
	struct hs_history before, now; /* before.epoch 0: it had none */
	uint64_t segments;             /* sealed ones of the events */
	struct hs_position end;
	uint64_t dropped;        /* open segments that only repeated a sealed one */
	uint64_t fit, left, set; /* cursors */
	uint64_t imports;        /* checkpoints that were dropped */
	unsigned lost;           /* see loss.h */
	bool busy;               /* somebody uses the spool: nothing was done */
	bool backup;             /* it was a backup of `hookspool backup` … */
	bool unfinished;         /* … that is not whole: nothing was done, unless the loss is accepted */
};

/*
 * HS_OK, also when `done` says that it was not done, or not all of it; HS_E_SPOOL_DIR if there
 * is no such directory; HS_E_FULL, HS_E_SYNC, HS_E_IO, one of class busy, HS_E_MEMORY or another
 * result of opening: then run it again.
 */
enum hs_result hs_adopt(const struct hs_settings *settings, const struct hs_adopter *adopter, struct hs_adoption *done);

#endif

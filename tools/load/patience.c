#include "tools/load/patience.h"
#include "base/io.h"
#include "tools/report/terminal.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum {
	WAIT_FIRST_MS = 500,  /* before the second try; then doubled … */
	WAIT_MOST_MS = 30000, /* … up to this */
	ONCE_MS = 60000,      /* --once gives up after this */
	DENIED_MS = 60000,    /* between tries when only a person can help */
	NOTE_MS = 60000,      /* a line a minute while it waits */
	SLICE_MS = 100,       /* of a wait, to see a signal */
};

static bool is_asked_to_stop(const struct hs_patience *p)
{
	return p->stop != NULL && p->stop(p->context);
}

static void complain(const struct hs_patience *p, const struct hs_target *target, enum hs_target_result result)
{
	bool full = result == HS_TARGET_FULL;

	/* what the database has not told is a want of memory here; its libraries say these words for it */
	if (full && (target->message[0] == '\0' || strcmp(target->message, "out of memory") == 0))
		hs_terminal_printf(
		    stderr,
		    "hookspool %s: out of memory; raise the limit of this program, or of the database: the "
		    "records wait in the spool\n",
		    p->command);
	else
		hs_terminal_printf(stderr, "hookspool %s: %s: %s%s\n", p->command, hs_target_meaning(result),
		                   target->message,
		                   full ? "; make room, or raise its limit: the records wait in the spool" : "");
}

static int code_of(enum hs_target_result result)
{
	switch (result) {
	case HS_TARGET_AWAY: return EX_UNAVAILABLE;
	case HS_TARGET_DENIED: return EX_NOPERM;
	case HS_TARGET_UNFIT: return EX_DATAERR;
	case HS_TARGET_AGAIN:
	case HS_TARGET_UNTOLD:
	case HS_TARGET_FULL: return EX_IOERR;
	default: return EX_SOFTWARE;
	}
}

static void sleep_ms(const struct hs_patience *p, int64_t ms)
{
	for (; ms > 0 && !is_asked_to_stop(p); ms -= SLICE_MS)
		hs_io_wait_readable(-1, ms < SLICE_MS ? ms : SLICE_MS);
}

static bool needs_person(enum hs_target_result result)
{
	return result == HS_TARGET_DENIED || result == HS_TARGET_UNFIT;
}

static bool gives_up(const struct hs_patience *p, enum hs_target_result result, int64_t now)
{
	bool at_once = needs_person(result) || result == HS_TARGET_UNTOLD;

	return result == HS_TARGET_BROKEN || (p->once && (at_once || now - p->begun_ms >= ONCE_MS));
}

int hs_patience_wait(struct hs_patience *p, const struct hs_target *target, enum hs_target_result result)
{
	int64_t now = hs_io_now_monotonic();

	if (p->begun_ms == 0)
		p->begun_ms = now;
	if (gives_up(p, result, now)) {
		complain(p, target, result);
		return code_of(result);
	}
	if (p->noted_ms == 0 || p->noted != result || now - p->noted_ms >= NOTE_MS) {
		complain(p, target, result);
		p->noted_ms = now;
		p->noted = result;
	}
	if (p->next_ms == 0)
		p->next_ms = p->wait_ms > 0 ? p->wait_ms : WAIT_FIRST_MS;
	else
		p->next_ms = p->next_ms < WAIT_MOST_MS / 2 ? 2 * p->next_ms : WAIT_MOST_MS;
	sleep_ms(p, needs_person(result) && p->wait_ms == 0 ? DENIED_MS : p->next_ms);
	return is_asked_to_stop(p) ? HS_PATIENCE_STOPPED : 0;
}

void hs_patience_end(const struct hs_patience *p)
{
	if (p->noted_ms != 0)
		fprintf(stderr, "hookspool %s: %s again, after %.1f s\n", p->command,
		        p->noted == HS_TARGET_UNTOLD ? "dead letters are written" : "the database takes records",
		        (double)(hs_io_now_monotonic() - p->begun_ms) / 1000);
}

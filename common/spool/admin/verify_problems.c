#include "spool/admin/verify.h"

const char *hs_problem_text(enum hs_problem p)
{
	static const char *const text[HS_PROBLEMS] = {
		[HS_PROBLEM_LINE] = "not a JSON object",
		[HS_PROBLEM_TORN] = "ends in mid-line",
		[HS_PROBLEM_DAMAGED] = "compressed file is damaged",
		[HS_PROBLEM_BESIDE] =
		    ("not the same as the plain segment beside it, which counts: move it out of the spool and "
		     "compare the two, unless gzip is at work"),
		[HS_PROBLEM_NUMBER] = "another segment has its number, and both are needed: run hookspool repair",
		[HS_PROBLEM_TWICE] = "event stands in the spool already",
		[HS_PROBLEM_ERASED] = "event was to be erased: run hookspool erase again",
		[HS_PROBLEM_BEGUN] = "erase was begun and not finished: run it again",
		[HS_PROBLEM_GAP] = "segment before this one is missing",
		[HS_PROBLEM_INDEX] = "event unknown to the index",
		[HS_PROBLEM_LOST] = "lost: restore .hookspool from a backup, or run hookspool adopt",
		[HS_PROBLEM_PART] =
		    ("the backup is not whole: run hookspool backup again where it came from, or take what "
		     "there is with hookspool adopt --accept-loss"),
		[HS_PROBLEM_STRANGE] = "no plain file, passed over: move it out of the spool",
		[HS_PROBLEM_UNREADABLE] = "cannot be read: chown it to the user who runs the handler, mode 0600",
		[HS_PROBLEM_SUMMARY] = "its summary says something else: run hookspool repair, then hookspool maintain",
		[HS_PROBLEM_FUTURE] = "stamp is from the future: the next segment's first record tells its age",
	};

	return text[p];
}

bool hs_problem_is_fault(enum hs_problem p)
{
	return p != HS_PROBLEM_FUTURE;
}

/*
 * report: what `hookspool check` finds: a line each, or a JSON array.
 */
#ifndef HS_REPORT_H
#define HS_REPORT_H

#include "core/buf.h"

enum hs_verdict { HS_CHECK_OK, HS_CHECK_WARN, HS_CHECK_FAIL };

struct hs_report {
	bool json, colours;
	unsigned count[HS_CHECK_FAIL + 1]; /* of each verdict */
	struct hs_buf text;                /* JSON so far */
};

/*
 * One finding: what was looked at ("space"), how it is, and the remedy: lines of their own
 * for more than one ("Apache: …\nlighttpd: …"), "" if there is nothing to add.
 */
__attribute__((format(printf, 3, 4)))
void hs_report_ok(struct hs_report *r, const char *what, const char *format, ...);
__attribute__((format(printf, 4, 5)))
void hs_report_warn(struct hs_report *r, const char *what, const char *remedy,
                    const char *format, ...);
__attribute__((format(printf, 4, 5)))
void hs_report_fail(struct hs_report *r, const char *what, const char *remedy,
                    const char *format, ...);

/* Prints what is not yet printed, and returns the memory. */
void hs_report_end(struct hs_report *r);

#endif

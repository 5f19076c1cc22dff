/*
 * findings: what `hookspool check` finds: a line each, or a JSON array; or one line for a monitor,
 * as Nagios' plugins print it: the worst finding, and figures behind a bar.
 */
#ifndef HS_FINDINGS_H
#define HS_FINDINGS_H

#include "base/buf.h"

#include <stdint.h>

enum hs_verdict { HS_CHECK_OK, HS_CHECK_WARN, HS_CHECK_FAIL };

struct hs_findings {
	bool json, colours;
	unsigned count[HS_CHECK_FAIL + 1]; /* of each verdict */
	bool nagios;
	struct hs_buf text;                /* JSON so far; nagios: the findings of the worst verdict */
	struct hs_buf figures;             /* nagios */
};

/*
 * One finding: what was looked at ("space"), how it is, and the remedy: lines of their own
 * for more than one ("Apache: …\nlighttpd: …"), "" if there is nothing to add.
 */
__attribute__((format(printf, 3, 4)))
void hs_findings_ok(struct hs_findings *r, const char *what, const char *format, ...);
__attribute__((format(printf, 4, 5)))
void hs_findings_warn(struct hs_findings *r, const char *what, const char *remedy,
                    const char *format, ...);
__attribute__((format(printf, 4, 5)))
void hs_findings_fail(struct hs_findings *r, const char *what, const char *remedy,
                    const char *format, ...);

/* A figure for a monitor: free=1234B. Other reports leave it out. */
void hs_findings_figure(struct hs_findings *r, const char *label, uint64_t value, const char *unit);

/* Nagios' exit code: 0 OK, 1 WARNING, 2 CRITICAL. */
int hs_findings_nagios_exit(const struct hs_findings *r);

/* Prints what is not yet printed, and returns the memory. */
void hs_findings_end(struct hs_findings *r);

#endif

/*
 * findings: prints what `hookspool check` finds: one line each, a JSON array, or one line for a
 * monitor, as Nagios' plugins print it: the worst finding, a bar, and figures.
 */
#ifndef HS_FINDINGS_H
#define HS_FINDINGS_H

#include "base/buf.h"

#include <stdint.h>

enum hs_verdict { HS_CHECK_OK, HS_CHECK_WARN, HS_CHECK_FAIL };

struct hs_findings {
	bool json, colours;
	unsigned count[HS_CHECK_FAIL + 1]; /* number of findings by verdict */
	bool nagios;
	struct hs_buf text;    /* JSON so far; nagios: the findings of the worst verdict */
	struct hs_buf figures; /* nagios */
};

/*
 * Adds a finding: its subject ("space"), its state, and the remedy: a line each if there are
 * several ("Apache: …\nlighttpd: …"), "" for none.
 */
__attribute__((format(printf, 3, 4))) void hs_findings_ok(struct hs_findings *r, const char *what, const char *format,
                                                          ...);
__attribute__((format(printf, 4, 5))) void hs_findings_warn(struct hs_findings *r, const char *what, const char *remedy,
                                                            const char *format, ...);
__attribute__((format(printf, 4, 5))) void hs_findings_fail(struct hs_findings *r, const char *what, const char *remedy,
                                                            const char *format, ...);

/* Adds a figure for a monitor: free=1234B. The other forms omit it. */
void hs_findings_figure(struct hs_findings *r, const char *label, uint64_t value, const char *unit);

/* Nagios' exit code: 0 OK, 1 WARNING, 2 CRITICAL. */
int hs_findings_nagios_exit(const struct hs_findings *r);

/* Prints the rest and frees the memory. unknown: a check could not run, which a monitor must not take for OK. */
void hs_findings_end(struct hs_findings *r, bool unknown);

#endif

#include "tools/probe/check_sandbox.h"
#include "base/landlock.h"

#include <stdio.h>

#ifdef HS_SECCOMP
static const bool HAS_SECCOMP = true;
#else
static const bool HAS_SECCOMP = false;
#endif

void hs_check_sandbox(struct hs_findings *report, const struct hs_settings *settings)
{
	static const char *const modes[] = { "auto", "off", "strict" };
	int version = hs_landlock_version();
	bool whole = HAS_SECCOMP && version >= HS_LANDLOCK_LEAST;
	char landlock[32] = "no Landlock";

	if (version >= HS_LANDLOCK_LEAST)
		snprintf(landlock, sizeof landlock, "Landlock %d", version);
	if (settings->sandbox == HS_SANDBOX_OFF)
		hs_findings_ok(report, "sandbox", "off");
	else if (whole || settings->sandbox == HS_SANDBOX_AUTO)
		hs_findings_ok(report, "sandbox", "%s: %s, %s", modes[settings->sandbox], landlock,
		               HAS_SECCOMP ? "seccomp" : "no seccomp");
	else
		hs_findings_fail(report, "sandbox",
		                 "set sandbox = auto, or use Linux 5.19 or newer and build with libseccomp",
		                 "strict, but there is %s, %s: the handler does not start", landlock,
		                 HAS_SECCOMP ? "seccomp" : "no seccomp");
}

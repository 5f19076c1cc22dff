/*
 * check_sandbox: tells how far the handler of this build can confine itself on this machine.
 */
#ifndef HS_CHECK_SANDBOX_H
#define HS_CHECK_SANDBOX_H

#include "config/settings.h"
#include "tools/report/findings.h"

/* Adds one finding. It fails if the setting is strict and the kernel or the build lacks something. */
void hs_check_sandbox(struct hs_findings *report, const struct hs_settings *settings);

#endif

/*
 * runtime: settings with the spool they describe, replaced as a whole when they are read again.
 * Whoever works with one shares it, and drops it when it is done.
 */
#ifndef HS_RUNTIME_H
#define HS_RUNTIME_H

#include "config/settings.h"
#include "spool/spool.h"

#include <stdatomic.h>

struct hs_runtime {
	struct hs_settings *settings;
	struct hs_spool *spool;
	_Atomic int users;
};

/* With one user. The settings become its own. NULL: out of memory; they are still the caller's. */
struct hs_runtime *hs_runtime_new(struct hs_settings *settings);

/* One user more, or less; the last one takes it with him. NULL stays NULL. */
struct hs_runtime *hs_runtime_share(struct hs_runtime *runtime);
void hs_runtime_drop(struct hs_runtime *runtime);

#endif

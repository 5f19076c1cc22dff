/*
 * runtime: settings with the spool that they describe, replaced as a whole when they are reloaded. A
 * thread shares the runtime while it works with it, and then drops it.
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

/* Returns a runtime with one user, which owns the settings. NULL: out of memory; the caller still owns them. */
struct hs_runtime *hs_runtime_new(struct hs_settings *settings);

/* Add and remove a user. Dropping the last one frees the runtime. NULL is fine. */
struct hs_runtime *hs_runtime_share(struct hs_runtime *runtime);
void hs_runtime_drop(struct hs_runtime *runtime);

#endif

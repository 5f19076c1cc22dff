/*
 * service: settings with the spool they describe, replaced as a whole when they are read again.
 * Whoever works with one shares it, and drops it when it is done.
 */
#ifndef HS_SERVICE_H
#define HS_SERVICE_H

#include "core/settings.h"
#include "store/spool.h"

#include <stdatomic.h>

struct hs_service {
	struct hs_settings *settings;
	struct hs_spool *spool;
	_Atomic int users;
};

/* With one user. The settings become its own. NULL: out of memory; they are still the caller's. */
struct hs_service *hs_service_new(struct hs_settings *settings);

/* One user more, or less; the last one takes it with him. NULL stays NULL. */
struct hs_service *hs_service_share(struct hs_service *s);
void hs_service_drop(struct hs_service *s);

#endif

#include "cgi/server/runtime.h"
#include "base/log.h"

#include <stdlib.h>

struct hs_runtime *hs_runtime_new(struct hs_settings *settings)
{
	struct hs_runtime *runtime = calloc(1, sizeof *runtime);

	if (runtime != NULL)
		runtime->spool = hs_spool_new(settings);
	if (runtime == NULL || runtime->spool == NULL) {
		free(runtime);
		return NULL;
	}
	runtime->settings = settings;
	runtime->users = 1;
	hs_log_level((enum hs_level)settings->log_level);
	return runtime;
}

struct hs_runtime *hs_runtime_share(struct hs_runtime *runtime)
{
	if (runtime != NULL)
		atomic_fetch_add(&runtime->users, 1);
	return runtime;
}

void hs_runtime_drop(struct hs_runtime *runtime)
{
	if (runtime == NULL || atomic_fetch_sub(&runtime->users, 1) != 1)
		return;
	hs_spool_free(runtime->spool);
	hs_settings_free(runtime->settings);
	free(runtime);
}

#include "cgi/server/runtime.h"
#include "base/log.h"

#include <stdlib.h>

struct hs_runtime *hs_runtime_new(struct hs_settings *settings)
{
	struct hs_runtime *s = calloc(1, sizeof *s);

	if (s != NULL)
		s->spool = hs_spool_new(settings);
	if (s == NULL || s->spool == NULL) {
		free(s);
		return NULL;
	}
	s->settings = settings;
	s->users = 1;
	hs_log_level((enum hs_level)settings->log_level);
	return s;
}

struct hs_runtime *hs_runtime_share(struct hs_runtime *s)
{
	if (s != NULL)
		atomic_fetch_add(&s->users, 1);
	return s;
}

void hs_runtime_drop(struct hs_runtime *s)
{
	if (s == NULL || atomic_fetch_sub(&s->users, 1) != 1)
		return;
	hs_spool_free(s->spool);
	hs_settings_free(s->settings);
	free(s);
}

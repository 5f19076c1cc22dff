#include "tools/load/label_watch.h"
#include "base/io.h"
#include "config/settings_file.h"

#include <string.h>
#include <unistd.h>

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       memcmp(&a->st_mtim, &b->st_mtim, sizeof a->st_mtim) == 0 &&
	       memcmp(&a->st_ctim, &b->st_ctim, sizeof a->st_ctim) == 0;
}

bool hs_label_watch_finds(struct hs_label_watch *w)
{
	bool has_path = w->path[0] != '\0', found;
	struct hs_settings_error error;
	struct hs_settings *settings;
	struct stat now = { .st_size = 0 }; /* before it is read: what changes meanwhile is noticed the next time */

	if (has_path && hs_io_stat_outside(w->path, &now) < 0)
		return false;
	if (w->is_known && is_same(&now, &w->read))
		return false;
	settings = hs_settings_load(w->config, environ, w->path, sizeof w->path, &error);
	found = settings != NULL && hs_settings_have_tenants(settings);
	w->is_known = settings != NULL && has_path;
	w->read = now;
	hs_settings_free(settings);
	return found;
}

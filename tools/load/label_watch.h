/*
 * label_watch: whether the settings have labels of tenants by now. A loader that began when there were none takes
 * every record, so it must end before it writes one of a tenant.
 */
#ifndef HS_LABEL_WATCH_H
#define HS_LABEL_WATCH_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

struct hs_label_watch {
	const char *config; /* as --config; NULL: not given. The other members begin as 0 */
	char path[PATH_MAX];
	struct stat read; /* the file when it was read last */
	bool is_known;    /* it was */
};

/*
 * True if there are labels now. The handler reads the settings after they are changed, and spools a tenant's record
 * after that: who asks after reading a record learns of the label. A file that cannot be read now has none.
 */
bool hs_label_watch_finds(struct hs_label_watch *watch);

#endif

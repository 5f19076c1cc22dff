/*
 * erase_requests: carries out what `hookspool erase` has left for the database (spool/admin/erase_requests.h).
 *
 * A request is due once everything before its segment `next` is in the database: whatever the erase removes from the
 * spool was loaded by then, or never will be. Each person is a transaction; the file goes after the last commit.
 */
#ifndef HS_LOAD_ERASE_REQUESTS_H
#define HS_LOAD_ERASE_REQUESTS_H

#include "spool/shared/spool_dir.h"
#include "tools/load/loader.h"

enum { HS_LOAD_REQUESTS_LOOK_MS = 1000 };

struct hs_load_requests {
	const struct hs_spool_dir *dir;
	struct hs_loader *loader;
	const char *database; /* name of position and cursor */
	const char *place;    /* where the database is, in a line */
	const char *tenant;   /* whose records are loaded; "": those without one; NULL: there are no tenants */
	bool ignore_deletes;
	bool quiet;
	const char *command; /* for messages */
	int64_t looked_ms;   /* 0: not yet */
	uint64_t unusable;   /* requests that were told of */
};

/*
 * Makes the marker, durably: from now on each erase leaves a request. 0, or an exit code after a message: 2 if another
 * tenant's records are in the same tables.
 */
int hs_load_requests_begin(struct hs_load_requests *requests);

/*
 * Carries out the requests that are due, if everything before `done` is in the database and nothing waits. 0, or an
 * exit code after a message. A request that cannot be used is told of once, and stays.
 */
int hs_load_requests_look(struct hs_load_requests *requests, struct hs_position done);

/* Milliseconds until the next look. */
int64_t hs_load_requests_due(const struct hs_load_requests *requests);

#endif

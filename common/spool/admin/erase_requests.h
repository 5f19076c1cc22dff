/*
 * erase_requests: how an erase reaches the databases of `hookspool load`.
 *
 *	.hookspool/loads/NAME                  a database has been loaded under this name: "loaded PLACE", and where
 *	                                       there are tenants a second line, "tenant LABEL" ("-": none)
 *	.hookspool/loads/NAME@erase-ID         a request: a copy of the plan ID (erase_plan.h)
 *
 * A loader makes the marker, durably, before its first commit. An erase writes a request for each marker
 * after its plan and before it removes the first line. The loader carries a request out once it has
 * passed the last segment that the erase cleans, so that nothing it reads later is from before the erase, and
 * removes the file after the commit. All of it can be repeated: an erase that is finished later writes the
 * same file again, and a loader that is killed between commit and removal deletes nothing more the second time.
 *
 * The rows that go are those that were spooled up to a limit of the plan. If an erase finds an event of a person that
 * is later, as after a clock that was ahead, it leaves one more request before it removes the event's line, with a
 * later limit and another ID: the loader may be at work on the first one, and will remove it.
 *
 * A loader that starts during an erase may have made its marker too late for it, and takes the plan by itself.
 *
 * No name of a cursor has an '@'. Requests hold ids of people; their mode is 0600.
 */
#ifndef HS_ERASE_REQUESTS_H
#define HS_ERASE_REQUESTS_H

#include "spool/admin/erase_plan.h"
#include "spool/position/cursor.h"

enum { HS_ERASE_REQUEST_NAME = HS_CURSOR_NAME_MAX + HS_ERASE_PLAN_ID + 16 };

struct hs_erase_request {
	char name[HS_ERASE_REQUEST_NAME];      /* of the file, in HS_LOADS_FOLDER */
	char database[HS_CURSOR_NAME_MAX + 1]; /* name of its position and cursor */
	int64_t since_ms;                      /* when it was written */
};

#define HS_LOADS_FOLDER "loads"

/* The contents of a marker. */
struct hs_erase_marker {
	const char *database;  /* its name */
	struct hs_slice place; /* a line that tells where the database and its tables are */
	const char *tenant;    /* whose records are loaded; "": those without one; NULL: there are no tenants */
};

/*
 * Makes the marker of a database, and requests of the plans that are there. *before gets the place of the marker that
 * was there, if it was another one: no request reaches that any more. The caller holds the cursor of this name. HS_OK,
 * HS_E_SYNC, HS_E_MEMORY, or as hs_io_result.
 */
enum hs_result hs_erase_requests_mark(const struct hs_spool_dir *dir, const struct hs_erase_marker *marker,
                                      struct hs_buf *before);

/*
 * Finds a marker of the same place and another tenant, perhaps of the same name; *other gets its name, or stays empty.
 * HS_OK, HS_E_IO or HS_E_MEMORY.
 */
enum hs_result hs_erase_requests_find_other(int private_dir, const struct hs_erase_marker *marker,
                                            struct hs_buf *other);

/* True if it has one, as far as can be seen. The name is a cursor's. */
bool hs_erase_requests_is_marked(int private_dir, const char *database);

/*
 * Writes a request of the plan for each marker, and calls told(context, database) for it. The caller holds the
 * lock of hs_rewriter_lock. HS_OK, HS_E_SYNC, HS_E_MEMORY, or as hs_io_result: some may be there.
 */
enum hs_result hs_erase_requests_put(const struct hs_spool_dir *dir, const struct hs_erase_plan *plan,
                                     void (*told)(void *context, const char *database), void *context);

/*
 * Writes for each marker a request of the people for whom the plan's limit is too early (hs_erase_plan_is_late). As
 * hs_erase_requests_put.
 */
enum hs_result hs_erase_requests_put_late(const struct hs_spool_dir *dir, const struct hs_erase_plan *plan);

/* Finds the requests that wait, by database and name; the caller frees *list. HS_OK, HS_E_IO or HS_E_MEMORY. */
enum hs_result hs_erase_requests_list(int private_dir, struct hs_erase_request **list, size_t *count);

/* Adds the people of a request to plan->people. Results and errno as hs_erase_plan_read_copy. */
enum hs_result hs_erase_requests_read(int private_dir, const char *name, struct hs_erase_plan *plan);

/* Removes a request, durably. HS_OK or HS_E_IO. */
enum hs_result hs_erase_requests_remove(int private_dir, const char *name);

/*
 * Removes marker and requests of a database that is given up; *dropped counts the requests. HS_OK, HS_E_IO or
 * HS_E_MEMORY.
 */
enum hs_result hs_erase_requests_forget(int private_dir, const char *database, size_t *dropped);

#endif

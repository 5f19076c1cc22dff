/* erase_waiting: the databases whose loader has not carried out requests of `hookspool erase` (erase_requests.h). */
#ifndef HS_ERASE_WAITING_H
#define HS_ERASE_WAITING_H

#include "base/json_writer.h"
#include "spool/admin/erase_requests.h"

struct hs_erase_waiting {
	struct {
		char database[HS_CURSOR_NAME_MAX + 1];
		size_t requests;
		int64_t since_ms; /* of the oldest */
	} * list;                 /* by name */
	size_t count;
};

/* HS_OK, also for a member of the spool's group, who may not look; HS_E_IO or HS_E_MEMORY. */
enum hs_result hs_erase_waiting_read(struct hs_erase_waiting *waiting, const struct hs_spool_dir *dir);
void hs_erase_waiting_free(struct hs_erase_waiting *waiting);

/* Appends a line for each. */
void hs_erase_waiting_put(const struct hs_erase_waiting *waiting, struct hs_buf *out);

/* Writes the member "erase_requests" of an object, an array; nothing if none waits. */
void hs_erase_waiting_json(const struct hs_erase_waiting *waiting, struct hs_json_writer *w);

#endif

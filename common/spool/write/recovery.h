/*
 * recovery: what is found in a spool's folders when its state is not known, and the
 * copying of what is whole in a segment that was set aside.
 */
#ifndef HS_RECOVERY_H
#define HS_RECOVERY_H

#include "spool/file/segment_list.h"
#include "spool/shared/spool_dir.h"

/* What the folders tell about a stream. */
struct hs_found {
	int64_t sealed_ms; /* highest stamp of a sealed segment; 0: there is none */
	struct hs_aside {
		uint64_t number, keep; /* of an aside file; number 0: there is none */
		int64_t sealed_ms;     /* with this stamp what is kept of it will be sealed */
		bool sealed;           /* its sealed segment is complete */
	} aside;
};

/* HS_OK or HS_E_IO. Leftovers of interrupted copies are removed. */
enum hs_result hs_recovery_look(const struct hs_spool_dir *dir, const char *stream, struct hs_found *found);

/* The name of an aside file. */
void hs_recovery_name(const char *stream, const struct hs_aside *aside, char out[static HS_SEALED_NAME]);

/*
 * Copies the whole lines among the first `keep` bytes of the aside file to a new sealed
 * segment with its stamp (no segment, if there are none), syncs it and its name, and
 * removes the aside file; if the segment is there already, only that. What is not a
 * whole line is left in .hookspool/torn, the last such text only. *sealed tells whether
 * the number is used up. HS_OK, HS_E_IO, HS_E_FULL or HS_E_MEMORY.
 */
enum hs_result hs_recovery_finish(const struct hs_spool_dir *dir, const char *stream, const struct hs_aside *aside,
                                  bool *sealed);

/*
 * How many bytes from `from` to `to` are whole lines that are JSON objects, up to the
 * first that is not. HS_OK, HS_E_IO or HS_E_MEMORY.
 */
enum hs_result hs_recovery_scan(int fd, uint64_t from, uint64_t to, uint64_t *whole);

#endif

/*
 * recovery: looks through a spool's directories when its state is not known, and copies the whole
 * lines of a segment that was set aside.
 */
#ifndef HS_RECOVERY_H
#define HS_RECOVERY_H

#include "spool/file/segment_list.h"
#include "spool/shared/spool_dir.h"

/* The directories' view of a stream. */
struct hs_found {
	int64_t sealed_ms; /* highest stamp of a sealed segment; 0: there is none */
	struct hs_aside {
		uint64_t number, keep; /* of an aside file; number 0: there is none */
		int64_t sealed_ms;     /* stamp of the sealed segment that its whole lines go to */
		bool sealed;           /* its sealed segment is complete */
	} aside;
};

/* Looks, and removes what an interrupted copy has left. HS_OK, or as hs_io_result. */
enum hs_result hs_recovery_look(const struct hs_spool_dir *dir, const char *stream, struct hs_found *found);

/* The name of an aside file. */
void hs_recovery_name(const char *stream, const struct hs_aside *aside, char out[static HS_SEALED_NAME]);

/*
 * Copies the whole lines among the first `keep` bytes of the aside file to a new sealed segment with
 * its stamp, syncs it and its name, and removes the aside file; if the segment is there already, only
 * removes that. Without whole lines there is no segment. What is not a whole line goes to
 * .hookspool/torn, in place of earlier such text. *sealed: the number is used up. HS_OK, HS_E_SYNC,
 * or as hs_io_result.
 */
enum hs_result hs_recovery_finish(const struct hs_spool_dir *dir, const char *stream, const struct hs_aside *aside,
                                  bool *sealed);

/*
 * Sets *whole to the offset, at most `to`, up to which the file has whole lines that are JSON objects
 * from offset `from` on. HS_OK, HS_E_IO or HS_E_MEMORY.
 */
enum hs_result hs_recovery_scan(int fd, uint64_t from, uint64_t to, uint64_t *whole);

#endif

/*
 * incoming: segments that another program is copying into the spool under a number that is in use. They get one, and
 * are read, once they are whole (foreign_segments.h): until then a list of segments does not have them.
 */
#ifndef HS_INCOMING_H
#define HS_INCOMING_H

#include "spool/shared/spool_dir.h"

/*
 * Waits until each of them is whole, and takes them in, so that an erase or a repair that lists the segments after
 * this passes over none. `must_stop`, which may be NULL, is asked again and again; true ends the wait. HS_OK;
 * HS_E_REWRITTEN: after a minute one is still being copied, which is logged; or results of hs_segment_settle.
 */
enum hs_result hs_incoming_await(const struct hs_spool_dir *dir, bool (*must_stop)(void *context), void *context);

#endif

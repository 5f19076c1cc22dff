/*
 * foreign_segments: sealed segments that somebody else puts into the spool: a mirror that is made
 * again, a backup that is restored, a file copied by hand.
 *
 * Readers, cursors and the index go by numbers, upwards. So every number below the open
 * segment's (the state's) is settled: one segment has it, and never another one. What is
 * found at or above it is news. It is taken in under the append lock:
 *
 *	news      are synced, for whoever sends an event of theirs again is told that it is kept
 *	open      an open segment without lines gets a number above all of them; one with lines is
 *	          sealed first, under the number that readers know it by
 *	collision a segment whose number is that of another one is read under a free number above
 *	          all others (segment_list.h); its name stays. The one that this spool has sealed keeps
 *	          its number; if that is not known, the one that was there first (st_ctime)
 *	growing   a segment that is just being copied, under its name at that, is not looked into:
 *	          while its last line is not whole, for at most two seconds after the last write
 *
 * The directory's ctime tells that there may be news: it is compared before each append and
 * at each end of a reader, which costs one fstat(2); only if it has changed the directory is
 * read. For it changes in steps of the kernel's tick, a look within SETTLED_MS of it is
 * repeated. Before appends it is read at most every ten times as long as that takes, but at least
 * every 10 ms: so long, at most, the append path may not know of news; who opens a spool that nobody
 * has open looks at once.
 *
 * A number below that nobody else has (what retention had deleted is put back) is no news:
 * consumers have passed it. `hookspool repair` teaches the index its events.
 */
#ifndef HS_FOREIGN_SEGMENTS_H
#define HS_FOREIGN_SEGMENTS_H

#include "spool/file/segment_list.h"
#include "spool/shared/spool_dir.h"

/*
 * All of it under the stream's append lock.
 *
 * May there be news? `urgent`: somebody wants to read, so it counts how it is now.
 */
bool hs_foreign_segments_may_differ(const struct hs_spool_dir *dir, struct hs_stream *f, bool urgent);

/* Reads the directory: is anything to be taken in? HS_OK, HS_E_IO or HS_E_MEMORY. */
enum hs_result hs_foreign_segments_look(const struct hs_spool_dir *dir, const char *stream, struct hs_stream *f,
                                        bool *news);

/*
 * Settles all of them. `keep`: the open segment keeps its number, whoever else has it; *highest
 * is then the highest of all numbers. Otherwise the open segment's number must be above
 * *highest. HS_OK, HS_E_IO, HS_E_SYNC, HS_E_FULL or HS_E_MEMORY.
 */
enum hs_result hs_foreign_segments_take_in(const struct hs_spool_dir *dir, const char *stream, struct hs_stream *f,
                                           bool keep, uint64_t *highest);

/* This spool seals a segment, or has just tried to. */
void hs_foreign_segments_note(struct hs_stream *f, uint64_t number, int64_t sealed_ms);

#endif

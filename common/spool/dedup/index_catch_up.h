/*
 * index_catch_up: reads sealed segments, or their summaries, and tombstones into the id index. See
 * index.h.
 */
#ifndef HS_INDEX_CATCH_UP_H
#define HS_INDEX_CATCH_UP_H

#include "spool/dedup/index_store.h"
#include "spool/dedup/sealed_merge.h"
#include "spool/file/line_reader.h"

struct hs_index_catch_up {
	struct hs_index_store *store;
	struct hs_sealed_ids sealed; /* summaries of segments from the mark on: those are not read */
	int64_t stop_ms;             /* reading stops then, after one more step, and is left for the next call */
	struct hs_dedup_key_maker identifier;
	struct hs_json json;
	struct hs_line_reader lines;
};

/*
 * After hs_sealed_ids_open, with the mark before the open segment: reads each segment that `sealed` has; then the mark
 * is at the start of the open one. HS_OK, HS_E_INDEXING (the time is up; the next call goes on), HS_E_MEMORY, or as
 * hs_io_result.
 */
enum hs_result hs_index_catch_up(struct hs_index_catch_up *c, uint64_t open_number);

/*
 * hs_index_catch_up where only one segment is left, whose stamp is known; lists no directory. Results as above.
 */
enum hs_result hs_index_catch_up_last(struct hs_index_catch_up *c, const struct hs_own *last);

/*
 * Reads the lines of `sealed.missing` out of turn, so that the summaries and the index together know all
 * sealed segments; the mark stays, but notes how far each was read. Results as above; HS_E_INDEXING also if they
 * are many: they are read in turn.
 */
enum hs_result hs_index_catch_up_apart(struct hs_index_catch_up *c);

/*
 * hs_index_catch_up by the summaries alone, after hs_index_catch_up_apart; reads no directory and opens no
 * segment.
 */
enum hs_result hs_index_catch_up_by_summaries(struct hs_index_catch_up *c, uint64_t open_number);

/*
 * Reads the tombstones that are new. Call it after hs_index_catch_up, or after opening all summaries: an
 * id is noted there before its line goes, so one of the two is always met. Results as above.
 */
enum hs_result hs_index_catch_up_erased(struct hs_index_catch_up *c);

/* Tells all processes whether the index is behind, and how far it is; the open segment has this number. */
void hs_index_catch_up_note(const struct hs_index_catch_up *c, uint64_t number, bool behind);

#endif

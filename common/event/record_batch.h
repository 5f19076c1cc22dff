/*
 * record_batch: valid events on their way to the spool: each one a line of the record, with
 * what makes it the same event as another. Deliveries and archives both come this way.
 */
#ifndef HS_RECORD_BATCH_H
#define HS_RECORD_BATCH_H

#include "event/dedup_key.h"
#include "event/flatten.h"

enum {
	HS_RECORD_BATCH_BASE = 1 << 20, /* a request's lines may have this many bytes … */
	HS_RECORD_BATCH_FACTOR = 8,     /* … and so many for each byte of its body */
};

/* One line of the intake. */
struct hs_record {
	size_t n;    /* bytes, its '\n' included; the next record follows at once */
	bool random; /* its id is: delivered again, the event has another */
	uint32_t fingerprint; /* of its type, event and user: another one, and it is another event. Never 0 */
	struct hs_dedup_key id;
};

/* What was taken in. It can be moved elsewhere as a whole, and another put in its place. */
struct hs_record_batch {
	struct hs_buf lines;
	struct hs_record *record; /* a row a line, `count` of them */
	size_t count, cap;
	uint64_t unparsed; /* of these, events with a time stamp that does not parse */
};

/* Empty again, memory kept. All zero is one that has none yet. */
void hs_record_batch_reset(struct hs_record_batch *t);

/* Empty again; lines and rows above `keep` bytes each are returned to the system. */
void hs_record_batch_shrink(struct hs_record_batch *t, size_t keep);

void hs_record_batch_free(struct hs_record_batch *t);

/* Working memory, one a thread, reset and not freed. */
struct hs_record_maker {
	struct hs_flattener flattener;
	struct hs_dedup_key_maker identifier;
	struct hs_record_batch batch;
	size_t most; /* bytes of lines that may be taken in; 0: any */
};

bool hs_record_maker_init(struct hs_record_maker *in); /* false: out of memory; still to be freed */

/* Before events are put. No other intake may have the same, in this process or another. */
void hs_record_maker_seed(struct hs_record_maker *in, uint64_t seed);

void hs_record_maker_free(struct hs_record_maker *in);

/*
 * Empty again, memory kept, with room for the lines of so many bytes of events, mostly; and all
 * of them together may grow to HS_RECORD_BATCH_BASE and HS_RECORD_BATCH_FACTOR times that. 0: to any size.
 * (A line repeats its keys' names and the settings header, so it can be far longer than its event.)
 */
void hs_record_maker_reset(struct hs_record_maker *in, size_t bytes);

/* As hs_record_batch_shrink, with what the flattener and the identifier have grown to. */
void hs_record_maker_shrink(struct hs_record_maker *in, size_t keep);

/*
 * Takes an event that hs_event_read found good, flattened under `names`. HS_OK,
 * HS_E_MEMORY, or why it will not do: HS_E_NAME_LONG, HS_E_RECORD_LARGE; then nothing was
 * taken. After HS_E_MEMORY the intake is fit for nothing but reset, shrink or free.
 */
enum hs_result hs_record_maker_put(struct hs_record_maker *in, const struct hs_event *e,
                             const struct hs_stamp *stamp, enum hs_names names);

#endif

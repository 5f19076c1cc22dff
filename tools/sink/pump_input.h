/*
 * pump_input: the records that a pump (pump.h) reads: the events of a spool from a cursor on, or
 * the dead letters of a cursor.
 */
#ifndef HS_PUMP_INPUT_H
#define HS_PUMP_INPUT_H

#include "spool/position/record_check.h"
#include "tools/sink/dead_letter_source.h"
#include "tools/sink/event_source.h"
#include "tools/sink/sink.h"

/* The result of `choose` for a sink by record. */
struct hs_choice {
	uint64_t key;   /* hs_record_head_user, or another number: records of one key keep their order */
	unsigned group; /* item->rule; below HS_SINK_GROUPS */
};

struct hs_pump_options {
	const char *command;                /* for messages */
	const char *config, *cursor, *from; /* as for hs_event_source_open */
	const char *from_option;            /* that gives `from`, for messages; NULL: from */

	/*
	 * Returns 1 to offer the record, 0 to pass it by, -1: out of memory. Sets the key in any case.
	 * NULL: all records, in one group, in any order.
	 */
	int (*choose)(void *context, struct hs_slice line, struct hs_choice *choice);
	/* NULL: all segments may have a record that is wanted. As for hs_reader_choose. */
	bool (*may_match)(void *context, struct hs_summary_reader *summary);
	void *context;

	bool follow;  /* continue after the current end */
	bool letters; /* the cursor's dead letters instead of the events; by record, no follow */
	bool catch_signals;
	bool tell_empty; /* say so if no event has come yet */
	bool skip_full;  /* no room to repair the open segment: read the others, not fail at once */

	/* Begin with the last `last` wanted records instead: for a new cursor, or without one. */
	bool from_last;
	size_t last;

	int64_t retry_for_ms; /* since a record's first failure */
	int64_t drain_ms;     /* -1: as long as the sink needs */
};

/* Zeroed, and letters.fd, letters.now and letters.lock -1: nothing is open. */
struct hs_pump_input {
	const struct hs_pump_options *options;
	struct hs_event_source source;
	struct hs_dead_letter_source letters; /* with options->letters what is read instead */
	struct hs_record_check check;         /* of the events in hand */
	struct hs_position read;              /* the next record begins here */
	struct hs_position end;               /* without follow: where to stop */
	struct hs_ahead before;               /* what an earlier run has done after the position */
	bool at_end;                          /* nothing more to read for now */
	bool unsure;                          /* on the way back from the end memory was out for a choice */
	uint64_t bytes, passed;               /* read; records that were not chosen */
	uint64_t gone;                        /* segments that were missing before what was read last */
	struct hs_progress progress;
};

/* 0, or an exit code after a message to standard error. The options must outlive it. */
int hs_pump_input_open(struct hs_pump_input *in, const struct hs_pump_options *options);

/*
 * After hs_pump_input_open: finds where to begin and end, and reports it. `start` is what the sink's
 * open has filled in. 0 or an exit code.
 */
int hs_pump_input_begin(struct hs_pump_input *in, const struct hs_sink_start *start);

/* Returns the code. */
int hs_pump_input_close(struct hs_pump_input *in, int code);

/*
 * Before some thousand records are read, or after a while: there may be more than at the last at_end, and what was
 * erased by now is not read.
 */
void hs_pump_input_go_on(struct hs_pump_input *in);

/*
 * Handles what is not a line: a gap, which it reports, a segment that was passed over, the end (at_end), or
 * an error. 0 or an exit code.
 */
int hs_pump_input_no_line(struct hs_pump_input *in, enum hs_read what);

/*
 * The next line of the events, valid until the next call. False: there is none for now (at_end), a
 * segment was passed over, so that the end of the run may have come, or *code is an exit code, after a message.
 */
static inline bool hs_pump_input_line(struct hs_pump_input *in, struct hs_slice *line, int *code)
{
	enum hs_read what;

	while ((what = hs_reader_next(in->source.reader, line)) != HS_READ_LINE) {
		*code = hs_pump_input_no_line(in, what);
		if (*code != 0 || in->at_end || what == HS_READ_SKIPPED)
			return false;
	}
	in->bytes += line->n + 1;
	return true;
}

/* A record for a sink by record. */
struct hs_pump_record {
	struct hs_slice line;             /* valid until the next one is read */
	struct hs_position before, begin; /* of its item */
	struct hs_choice choice;
	unsigned tries; /* of a dead letter */
};

/*
 * Reads a record, of the events or the dead letters. False: it is not wanted or was done by an
 * earlier run, there is none for now, or *code is an exit code, after a message.
 */
bool hs_pump_input_record(struct hs_pump_input *in, struct hs_pump_record *record, int *code);

/* The record that was read last could not be kept: neither the position passes it, nor is its dead letter settled. */
void hs_pump_input_put_back(struct hs_pump_input *in, const struct hs_pump_record *record);

/* From now on hs_pump_input_is_gone looks at the spool again, once for each segment. */
void hs_pump_input_look_again(struct hs_pump_input *in);

/*
 * Sets *gone if the item's record is not in the spool any more: it was erased since it was read, or its dead letter was
 * removed. HS_OK, or a result of reading.
 */
enum hs_result hs_pump_input_is_gone(struct hs_pump_input *in, struct hs_item *item, bool *gone);

/* Has everything been read that the run is for? */
bool hs_pump_input_is_through(const struct hs_pump_input *in);

#endif

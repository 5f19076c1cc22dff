#include "tools/sink/pump.h"
#include "base/io.h"
#include "tools/sink/keyed_scheduler.h"
#include "tools/sink/retry_policy.h"
#include "tools/sink/stop_signals.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	READ_AT_ONCE = HS_EVENT_SOURCE_LINES, /* records, before anything else is done */
	WINDOW = 16384,                       /* records that are read and not settled … */
	WINDOW_BYTES = 64 << 20,              /* … unless they are this long together */
	SAVE_LETTERS_MS = 10000,              /* the whole file is rewritten */
	SAVE_MS = 1000,                       /* a position is saved this often while there is much to do … */
	SAVE_IDLE_MS = 100,                   /* … and no more often than this when there is little */
	SHOW_MS = 200,                        /* the progress is updated this often */
	FIXED_FDS = 3,
};

/* For a sink in order. */
struct in_order {
	struct hs_offered next;            /* it did not fit … */
	bool has_next;                     /* … if there is one */
	struct hs_position offered, acked; /* ends of the last records */
	struct hs_position told;           /* the sink's last acknowledgement */
};

/* For a sink by record. */
struct by_record {
	struct hs_keyed_scheduler *scheduler;
	struct hs_ack_tracker acks;
	struct hs_retry_policy policy;
	int64_t seen_ms; /* what was due by then has been offered */
	uint64_t done;
};

struct saving {
	bool is_due;                 /* there is something to save */
	struct hs_position position; /* in order: the last one */
	int64_t at_ms;
};

struct ending {
	struct hs_stop_signals signals;
	int code;
	bool stopping;
};

struct hs_pump {
	struct hs_pump_options options;
	struct hs_sink *sink;
	struct hs_pump_input in;
	struct in_order order;
	struct by_record record;
	struct saving saving;
	struct ending end;
	struct hs_sink_start start; /* of the sink's open */
	struct pollfd *fds;
};

static int result_code(const struct hs_pump *p, enum hs_result result)
{
	return hs_event_source_result(&p->in.source, result);
}

static void fail(struct hs_pump *p, int code)
{
	if (p->end.code == 0)
		p->end.code = code;
}

/* --- acknowledgements ------------------------------------------------------- */

/* With or without the hash of the line before it. */
static bool is_same(struct hs_position a, struct hs_position b)
{
	return a.number == b.number && a.offset == b.offset && a.edit == b.edit;
}

/* A repeated acknowledgement must not move back before records that were passed by since. */
void hs_pump_ack_to(struct hs_pump *p, struct hs_position position)
{
	if (!is_same(position, p->order.told))
		p->order.acked = p->order.told = position;
}

static void is_settled(struct hs_pump *p, struct hs_item *item)
{
	hs_keyed_scheduler_forget(p->record.scheduler, item);
	hs_ack_tracker_done(&p->record.acks, item);
	p->saving.is_due = true;
}

static void has_failed(struct hs_pump *p, const struct hs_ack *ack)
{
	int code = 0;

	switch (hs_retry_policy_decide(&p->record.policy, ack, &code)) {
	case HS_FATE_PARK: hs_keyed_scheduler_park(p->record.scheduler, ack->item); return;
	case HS_FATE_GONE:
	case HS_FATE_DEAD: is_settled(p, ack->item); return;
	case HS_FATE_ERROR: fail(p, code); return;
	}
}

void hs_pump_ack(struct hs_pump *p, const struct hs_ack *ack)
{
	struct hs_keyed_scheduler *scheduler = p->record.scheduler;
	struct hs_item *item = ack->item;

	hs_keyed_scheduler_answered(scheduler, item);
	switch (ack->outcome) {
	case HS_OUTCOME_DONE:
		p->record.done++;
		is_settled(p, item);
		return;
	case HS_OUTCOME_RETURNED: hs_keyed_scheduler_return(scheduler, item); return;
	case HS_OUTCOME_ALONE:
		item->alone = true;
		item->retry_ms = 0;
		hs_keyed_scheduler_park(scheduler, item);
		return;
	case HS_OUTCOME_RETRY:
	case HS_OUTCOME_REFUSED: has_failed(p, ack); return;
	}
}

/* --- reading ---------------------------------------------------------------- */

static bool is_full(const struct hs_pump *p)
{
	const struct hs_ack_tracker *acks = &p->record.acks;
	size_t window = p->sink->window > 0 ? p->sink->window : WINDOW;

	if (p->sink->in_order)
		return p->order.has_next;
	return acks->open >= window || acks->bytes >= WINDOW_BYTES;
}

static void offer_in_order(struct hs_pump *p)
{
	struct in_order *o = &p->order;

	o->has_next = !p->sink->ops->offer(p->sink, &o->next);
	if (p->sink->wants_positions && !o->has_next)
		o->offered = o->next.after;
}

/* This loop is what `cat` costs a line. */
static void fill_in_order(struct hs_pump *p)
{
	const struct hs_pump_options *options = &p->options;
	struct hs_reader *reader = p->in.source.reader;
	struct hs_offered *next = &p->order.next;
	struct hs_choice choice;

	for (int n = 0; n < READ_AT_ONCE && !p->order.has_next; n++) {
		int wanted = 1;

		if ((!options->follow && hs_reader_has_passed(reader, p->in.end)) ||
		    !hs_pump_input_line(&p->in, &next->line, &p->end.code))
			return;
		if (options->choose != NULL)
			wanted = options->choose(options->context, next->line, &choice);
		if (wanted == 0)
			continue;
		if (wanted < 0) {
			fail(p, EX_OSERR);
			return;
		}
		if (p->sink->wants_positions)
			next->after = p->sink->hashes ? hs_reader_place(reader) : hs_reader_position(reader);
		offer_in_order(p);
	}
}

/* Reads a record, if there is one that is wanted. */
static void read_item(struct hs_pump *p)
{
	struct hs_pump_record record;
	struct hs_item *item;

	if (!hs_pump_input_record(&p->in, &record, &p->end.code))
		return;
	item = hs_ack_tracker_add(&p->record.acks, record.line, record.before);
	if (item != NULL) {
		item->user = record.choice.key;
		item->rule = record.choice.group;
		item->tries_before = record.tries;
		item->begin = record.begin;
		item->seen = record.begin.edit;
		if (hs_keyed_scheduler_put(p->record.scheduler, item))
			return;
		hs_ack_tracker_done(&p->record.acks, item);
	}
	hs_pump_input_put_back(&p->in, &record);
	fail(p, result_code(p, HS_E_MEMORY));
}

/* Reads until enough is in hand, or there is nothing more; not for long at once. */
static void fill(struct hs_pump *p)
{
	struct hs_position read = p->in.read;

	hs_pump_input_go_on(&p->in);
	if (p->sink->in_order) {
		fill_in_order(p);
		return;
	}
	for (int n = 0;
	     n < READ_AT_ONCE && p->end.code == 0 && !p->in.at_end && !is_full(p) && !hs_pump_input_is_through(&p->in);
	     n++)
		read_item(p);
	p->saving.is_due = p->saving.is_due || !is_same(p->in.read, read);
}

/* --- offering ----------------------------------------------------------------- */

/*
 * The next record for the partition that is still in the spool; NULL: none at present. Settles those that were erased
 * while they waited here.
 */
static struct hs_item *next_item(struct hs_pump *p, unsigned partition, int group)
{
	struct hs_keyed_scheduler *scheduler = p->record.scheduler;
	struct hs_item *item;
	bool gone = false;

	while ((item = hs_keyed_scheduler_next(scheduler, partition, group, p->sink->ready_first, p->record.seen_ms)) !=
	       NULL) {
		fail(p, result_code(p, hs_pump_input_is_gone(&p->in, item, &gone)));
		if (p->end.code != 0) {
			hs_keyed_scheduler_put_back(scheduler, item);
			return NULL;
		}
		if (!gone)
			return item;
		hs_keyed_scheduler_given(scheduler, item); /* later ones of its user go on as after an answer */
		hs_keyed_scheduler_answered(scheduler, item);
		p->record.policy.gone++;
		is_settled(p, item);
	}
	return NULL;
}

static void offer_partition(struct hs_pump *p, unsigned partition)
{
	const struct hs_sink_ops *ops = p->sink->ops;
	struct hs_item *item;
	bool gave = false;
	int group = -1;

	while (p->sink->code == 0 && (ops->has_room == NULL || ops->has_room(p->sink, partition)) &&
	       (item = next_item(p, partition, group)) != NULL) {
		struct hs_offered record = { .line = hs_slice(item->line, item->n - 1),
			                     .item = item,
			                     .partition = partition };

		if (!ops->offer(p->sink, &record)) {
			hs_keyed_scheduler_put_back(p->record.scheduler, item);
			break;
		}
		hs_keyed_scheduler_given(p->record.scheduler, item);
		gave = true;
		if (p->sink->by_group)
			group = (int)item->rule;
	}
	if (gave && ops->flush != NULL)
		ops->flush(p->sink, partition);
}

static void flush_in_order(struct hs_pump *p)
{
	if (p->sink->ops->flush != NULL && p->sink->code == 0 && p->sink->ended_by == 0)
		p->sink->ops->flush(p->sink, 0);
}

static void collect(struct hs_pump *p)
{
	p->sink->ops->collect(p->sink, p);
}

static void work_in_order(struct hs_pump *p)
{
	collect(p);
	if (p->end.stopping)
		return;
	if (p->order.has_next) /* there may be room by now */
		offer_in_order(p);
	if (p->order.has_next || (!p->in.at_end && !hs_pump_input_is_through(&p->in)))
		return;
	flush_in_order(p);
	collect(p);
}

static void work(struct hs_pump *p)
{
	if (p->sink->in_order) {
		work_in_order(p);
		return;
	}
	p->record.seen_ms = hs_io_now_monotonic();
	collect(p);
	hs_pump_input_look_again(&p->in);
	hs_keyed_scheduler_returned_all(p->record.scheduler);
	for (unsigned i = 0; i < p->sink->partitions && !p->end.stopping; i++)
		offer_partition(p, i);
}

/* --- saving ------------------------------------------------------------------- */

/* True if everything that was offered is acknowledged. */
static bool is_all_done(const struct hs_pump *p)
{
	if (!p->sink->in_order)
		return p->record.acks.open == 0;
	return !p->order.has_next && is_same(p->order.acked, p->order.offered);
}

/* In order: what was read and not offered counts as done, once all before it is. */
static void note_position(struct hs_pump *p)
{
	struct in_order *o = &p->order;

	if (!p->sink->in_order || !p->sink->wants_positions)
		return;
	if (p->end.code == 0 && p->sink->code == 0 && p->sink->ended_by == 0 && is_all_done(p))
		o->acked = o->offered = hs_reader_position(p->in.source.reader);
	p->saving.is_due = !is_same(o->acked, p->saving.position);
}

/* Called if can_save. */
static enum hs_result save_position(struct hs_pump *p, struct hs_position position, const struct hs_ahead *ahead)
{
	struct hs_cursor *cursor = p->in.source.cursor;

	if (p->sink->ops->save != NULL)
		return p->sink->ops->save(p->sink, position, ahead);
	return p->sink->in_order ? hs_cursor_save(cursor, position) : hs_cursor_save_ahead(cursor, position, ahead);
}

/* 0, or the exit code. */
static int save(struct hs_pump *p)
{
	struct hs_position position = p->order.acked;
	struct hs_ahead ahead = { 0 };
	enum hs_result result = HS_OK;

	if (p->saving.is_due && p->options.letters) {
		result = hs_dead_letter_source_save(&p->in.letters, &p->record.acks);
	} else if (p->saving.is_due) {
		if (!p->sink->in_order) {
			position = hs_ack_tracker_position(&p->record.acks, p->in.read);
			hs_ack_tracker_ahead(&p->record.acks, p->in.read, &p->in.before, &ahead);
		}
		result = save_position(p, position, &ahead);
	}
	if (result == HS_OK) {
		p->saving.is_due = false;
		p->saving.position = position;
	}
	p->saving.at_ms = hs_io_now_monotonic();
	return result_code(p, result);
}

/* Milliseconds until a save is due; -1: there is nothing to save. */
static int64_t until_save(const struct hs_pump *p)
{
	int64_t gap = p->options.letters ? SAVE_LETTERS_MS : p->in.at_end && is_all_done(p) ? SAVE_IDLE_MS : SAVE_MS;
	int64_t least = gap > p->sink->save_ms ? gap : p->sink->save_ms;
	int64_t left = p->saving.at_ms + least - hs_io_now_monotonic();

	return !p->saving.is_due ? -1 : left > 0 ? left : 0;
}

static bool can_save(const struct hs_pump *p)
{
	return !p->sink->no_save && (p->in.source.cursor != NULL || p->options.letters || p->sink->ops->save != NULL);
}

static void save_if_due(struct hs_pump *p)
{
	if (!can_save(p))
		return;
	note_position(p);
	if (p->sink->in_order && !p->in.at_end && hs_io_now_monotonic() - p->saving.at_ms >= SAVE_MS) {
		flush_in_order(p);
		collect(p);
		note_position(p);
	}
	if (until_save(p) == 0)
		fail(p, save(p));
}

/* --- signals and waiting --------------------------------------------------------- */

static int64_t sooner(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static int64_t until_something(const struct hs_pump *p)
{
	const struct hs_sink_ops *ops = p->sink->ops;
	int64_t ms = can_save(p) ? until_save(p) : -1;

	if (ops->due != NULL)
		ms = sooner(ms, ops->due(p->sink));
	if (!p->sink->in_order && !p->end.stopping)
		ms = sooner(ms, hs_keyed_scheduler_due(p->record.scheduler, p->record.seen_ms, hs_io_now_monotonic()));
	if (p->in.progress.terminal)
		ms = sooner(ms, SHOW_MS);
	return p->end.stopping ? sooner(ms, hs_stop_signals_left(&p->end.signals)) : ms;
}

static void wait_for_something(struct hs_pump *p, bool reading)
{
	struct hs_reader *reader = p->in.source.reader;
	int64_t ms = until_something(p);
	size_t n = FIXED_FDS;

	p->fds[0] = (struct pollfd){ p->end.signals.fd, POLLIN, 0 };
	p->fds[1] = (struct pollfd){ -1, POLLIN, 0 };
	p->fds[2] = (struct pollfd){ p->sink->prints && p->end.signals.number == 0 ? STDOUT_FILENO : -1, 0, 0 };
	if (reading && p->in.at_end && p->options.follow) {
		p->fds[1].fd = hs_reader_watch(reader);
		ms = sooner(ms, hs_reader_patience(reader));
	}
	if (p->sink->ops->poll != NULL)
		n += p->sink->ops->poll(p->sink, p->fds + FIXED_FDS);
	poll(p->fds, n, ms < 0 ? -1 : ms > INT_MAX ? INT_MAX : (int)ms);
	if (p->fds[1].revents != 0)
		hs_reader_look(reader);
	if ((p->fds[2].revents & POLLERR) != 0)
		p->end.signals.number = SIGPIPE;
}

/* --- the loop ------------------------------------------------------------------- */

static bool must_stop(struct hs_pump *p)
{
	fail(p, p->sink->code);
	if (p->end.signals.number == 0)
		p->end.signals.number = p->sink->ended_by;
	return p->end.code != 0 || p->end.signals.number != 0 || (hs_pump_input_is_through(&p->in) && is_all_done(p));
}

bool hs_pump_is_asked_to_stop(struct hs_pump *p)
{
	hs_stop_signals_hear(&p->end.signals);
	return p->end.signals.number != 0;
}

static void stop_if_must(struct hs_pump *p)
{
	if (p->end.stopping || !must_stop(p))
		return;
	p->end.stopping = true;
	hs_stop_signals_begin(&p->end.signals, p->options.drain_ms);
}

static void loop(struct hs_pump *p)
{
	for (;;) {
		bool more;

		hs_stop_signals_hear(&p->end.signals);
		stop_if_must(p);
		if (!p->end.stopping)
			fill(p);
		work(p);
		hs_event_source_show(&p->in.source, &p->in.progress, p->in.end, p->in.bytes);
		save_if_due(p);
		stop_if_must(p);
		if (p->end.stopping && p->sink->ops->drain(p->sink, hs_stop_signals_ask(&p->end.signals)))
			break;
		more = !p->end.stopping && !is_full(p);
		if (!p->end.stopping && !more && !p->sink->in_order && hs_keyed_scheduler_is_stuck(p->record.scheduler))
			hs_retry_policy_say_window(&p->record.policy, p->record.acks.open);
		if (!more || p->in.at_end || hs_pump_input_is_through(&p->in)) /* otherwise there is room: read on */
			wait_for_something(p, more);
	}
	fail(p, p->sink->code);
}

int hs_pump_run(struct hs_pump *p)
{
	int saved;

	if (!p->options.follow && !p->options.letters)
		hs_progress_begin(&p->in.progress);
	loop(p);
	hs_progress_clear(&p->in.progress);
	if (!can_save(p))
		return p->end.code;
	note_position(p);
	saved = save(p);
	return p->end.code != 0 ? p->end.code : saved;
}

struct hs_pump_counts hs_pump_counts(const struct hs_pump *p)
{
	return (struct hs_pump_counts){ .done = p->record.done,
		                        .gone = p->record.policy.gone,
		                        .dead = p->record.policy.dead,
		                        .again = p->record.policy.again,
		                        .passed = p->in.passed };
}

/* --- beginning and end --------------------------------------------------------- */

static void begin_by_record(struct hs_pump *p)
{
	const struct hs_pump_options *o = &p->options;

	p->record.policy = (struct hs_retry_policy){ .command = o->command,
		                                     .cursor = o->cursor,
		                                     .noun = p->sink->noun,
		                                     .failed = p->sink->failed,
		                                     .in = &p->in,
		                                     .retry_for_ms = o->retry_for_ms };
	p->record.scheduler = hs_keyed_scheduler_new(p->sink->partitions, p->sink->one_per_key);
}

static int catch_signals(struct hs_pump *p)
{
	return !p->options.catch_signals || p->end.signals.fd >= 0 || hs_stop_signals_catch(&p->end.signals) ? 0
	                                                                                                     : EX_OSERR;
}

int hs_pump_open(struct hs_pump *p)
{
	int code = hs_pump_input_open(&p->in, &p->options);

	if (!p->sink->open_hears_signals)
		hs_stop_signals_let_act(); /* an earlier run of this process may have caught them */
	else if (code == 0)
		code = catch_signals(p);
	if (code == 0 && p->sink->ops->open != NULL)
		code = p->sink->ops->open(p->sink, &p->start);
	if (code == 0)
		code = hs_pump_input_begin(&p->in, &p->start);
	if (code != 0)
		return code;
	p->saving.position = p->order.acked = p->order.offered = hs_reader_position(p->in.source.reader);
	p->saving.at_ms = hs_io_now_monotonic();
	if (!p->sink->in_order)
		begin_by_record(p);
	p->fds = calloc(FIXED_FDS + p->sink->fds, sizeof *p->fds);
	if (p->fds == NULL || (!p->sink->in_order && p->record.scheduler == NULL))
		return result_code(p, HS_E_MEMORY);
	return catch_signals(p);
}

struct hs_pump *hs_pump_new(const struct hs_pump_options *options, struct hs_sink *sink)
{
	struct hs_pump *p = sink == NULL ? NULL : calloc(1, sizeof *p);

	if (p == NULL) {
		hs_sink_close(sink);
		return NULL;
	}
	p->options = *options;
	p->sink = sink;
	sink->progress = &p->in.progress;
	p->in.letters.fd = p->in.letters.now = p->in.letters.lock = -1;
	p->end.signals = (struct hs_stop_signals)HS_STOP_SIGNALS_NONE;
	return p;
}

int hs_pump_close(struct hs_pump *p, int code)
{
	if (p == NULL)
		return code;
	hs_sink_close(p->sink);
	code = hs_pump_input_close(&p->in, code);
	hs_keyed_scheduler_free(p->record.scheduler);
	hs_ack_tracker_free(&p->record.acks);
	hs_retry_policy_free(&p->record.policy);
	hs_stop_signals_free(&p->end.signals);
	free(p->fds);
	free(p);
	return code;
}

const struct hs_pump_input *hs_pump_reads(const struct hs_pump *p)
{
	return &p->in;
}

int hs_pump_ended_by(const struct hs_pump *p)
{
	return p->end.signals.number;
}

#include "tools/sink/keyed_scheduler.h"
#include "base/io.h"
#include "base/timestamp.h"
#include "spool/admin/dead_letters.h"
#include "tools/command.h"
#include "tools/report/terminal.h"
#include "tools/sink/subprocess.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/wait.h>
#include <sysexits.h>

enum {
	DEPTH = 512,            /* records given to a long-lived handler ahead of its answers */
	DEPTH_BYTES = 1 << 18,  /* … unless they are this long together */
	USERS = 1 << 14,        /* a power of two: users that share a number wait for each other */
	RETRY_FIRST_MS = 1000,  /* doubled each time … */
	RETRY_MOST_MS = 600000, /* … up to this; then half of it to all of it, by chance */
	VARIABLE_MAX = 1 << 15, /* bytes of one in the environment; longer ones are left out */
	SILENT_MS = 10000,         /* a handler that takes longer is spoken of */
	CODE_NOT_EXECUTABLE = 126, /* sh(1) */
	CODE_NOT_FOUND = 127,
};

struct queue {
	struct hs_item *head, *tail;
};

/* A process, and the records it has not answered for. */
struct slot {
	struct hs_subprocess worker;
	struct queue given;
	unsigned count;
	unsigned rule;
	int64_t since_ms; /* when it was given something to do, or last answered */
	bool broken;      /* it has said that it will not do: nothing more it says counts */
};

/*
 * Users are told apart by USERS numbers. Of one number, in the order of the spool: what is
 * parked or given comes before what is waiting, and that before what is ready.
 */
struct lane {
	struct queue ready, parked; /* both in the order of the spool */
	struct slot *slot;          /* one; with stream one for each rule */
	struct queue waiting[USERS]; /* for earlier ones of their user */
	uint16_t busy[USERS];        /* how many those are: parked, or with stream given */
	uint16_t parked_of[USERS];
};

/* Which messages about a rule's handler were printed; each is printed once. */
struct said {
	bool again, ended, silent;
};

struct hs_scheduler {
	struct hs_scheduler_options options;
	struct lane *lane;
	struct said said[HS_ROUTING_RULES_MAX];
	unsigned slots; /* of a lane */
	bool stopping, said_full;
	int code;
	int64_t worked_ms; /* what was due by then has been given, or waits for a process */
	struct hs_scheduler_counts counts;
	struct hs_buf text, scratch; /* of a line of failed.jsonl, of an environment */
};

/* --- queues --------------------------------------------------------------- */

static void push(struct queue *q, struct hs_item *item)
{
	item->next = NULL;
	if (q->head == NULL)
		q->head = item;
	else
		q->tail->next = item;
	q->tail = item;
}

/* Takes out the one behind `before` (NULL: the first). */
static struct hs_item *take_behind(struct queue *q, struct hs_item *before)
{
	struct hs_item *item = before == NULL ? q->head : before->next;

	if (before == NULL)
		q->head = item->next;
	else
		before->next = item->next;
	if (q->tail == item)
		q->tail = before;
	item->next = NULL;
	return item;
}

/* Puts all of `first` before `q`. */
static void prepend(struct queue *q, struct queue *first)
{
	if (first->head == NULL)
		return;
	first->tail->next = q->head;
	if (q->head == NULL)
		q->tail = first->tail;
	q->head = first->head;
	*first = (struct queue){ NULL, NULL };
}

static unsigned slot_of(const struct hs_item *item)
{
	return (unsigned)item->user & (USERS - 1);
}

static void push_front(struct queue *q, struct hs_item *item)
{
	struct queue one = { item, item };

	prepend(q, &one);
}

/* --- which record is next ------------------------------------------------- */

static void hold(struct lane *lane, const struct hs_item *item)
{
	lane->busy[slot_of(item)]++;
}

/*
 * A record that its user's later ones waited for is taken or done. They are ready then: with
 * stream only the first of them, since the next must wait for that.
 */
static void let_go(const struct hs_scheduler *l, struct lane *lane, const struct hs_item *item)
{
	struct queue *waiting = &lane->waiting[slot_of(item)];
	struct hs_item *next;

	if (--lane->busy[slot_of(item)] > 0 || waiting->head == NULL)
		return;
	if (!l->options.stream) {
		prepend(&lane->ready, waiting);
		return;
	}
	next = take_behind(waiting, NULL);
	next->is_next = true;
	push_front(&lane->ready, next);
}

/* Is an earlier one of its user parked? */
static bool is_behind(const struct lane *lane, const struct hs_item *item)
{
	if (lane->parked_of[slot_of(item)] == 1)
		return false;
	for (const struct hs_item *i = lane->parked.head; i != item; i = i->next)
		if (slot_of(i) == slot_of(item))
			return true;
	return false;
}

/* A parked one that is due, of the rule (-1: any); out of its queue. NULL: none. */
static struct hs_item *take_parked(const struct hs_scheduler *l, struct lane *lane, int rule)
{
	struct hs_item *before = NULL, *i = lane->parked.head;

	for (; i != NULL; before = i, i = i->next)
		if (i->retry_ms <= l->worked_ms && (rule < 0 || (i->rule == (unsigned)rule && !i->alone)) &&
		    !is_behind(lane, i))
			break;
	if (i == NULL)
		return NULL;
	take_behind(&lane->parked, before);
	lane->parked_of[slot_of(i)]--;
	let_go(l, lane, i);
	return i;
}

/* The first one whose user has none before it: those who must wait make way. */
static struct hs_item *take_ready(struct lane *lane, int rule)
{
	struct hs_item *i;

	for (; (i = lane->ready.head) != NULL; i->is_next = false) {
		struct queue *waiting = &lane->waiting[slot_of(i)];

		if (lane->busy[slot_of(i)] == 0 && (i->is_next || waiting->head == NULL))
			break;
		take_behind(&lane->ready, NULL);
		if (i->is_next)
			push_front(waiting, i);
		else
			push(waiting, i);
	}
	return i == NULL || (rule >= 0 && i->rule != (unsigned)rule) ? NULL : take_behind(&lane->ready, NULL);
}

static struct hs_item *take(const struct hs_scheduler *l, struct lane *lane, int rule)
{
	struct hs_item *item = take_parked(l, lane, rule);

	if (item == NULL)
		item = take_ready(lane, rule);
	if (item != NULL)
		item->is_next = false;
	return item;
}

/* What cannot be given now is next again. */
static void put_back(struct lane *lane, struct hs_item *item)
{
	item->is_next = true;
	push_front(&lane->ready, item);
}

/* --- what a person should know, once --------------------------------------- */

static void say(const struct hs_scheduler *l, unsigned rule, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void say(const struct hs_scheduler *l, unsigned rule, const char *format, ...)
{
	struct hs_slice on = l->options.rules->rule[rule].on;
	va_list arguments;

	fprintf(stderr, "hookspool %s: handler of %.*s: ", l->options.command, (int)on.n, on.p);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

static void say_again(struct hs_scheduler *l, const struct hs_item *item, int code)
{
	struct said *said = &l->said[item->rule];

	if (said->again)
		return;
	said->again = true;
	say(l, item->rule, "it ended with %d: the record is tried again, for %" PRId64 " s (--retry-for); later "
	    "ones of its user wait for it, others do not", code, l->options.retry_for_ms / 1000);
}

static void say_full(struct hs_scheduler *l)
{
	if (l->said_full)
		return;
	l->said_full = true;
	fprintf(stderr, "hookspool %s: failed.jsonl has reached failed_max: no record is given up, each that fails is "
		"tried again; later ones of its user wait for it, others do not. See them: hookspool cat --failed; try "
		"them again: hookspool each --failed; or raise failed_max\n", l->options.command);
}

static void say_ended(struct hs_scheduler *l, const struct slot *slot, int code)
{
	struct said *said = &l->said[slot->rule];

	if (said->ended)
		return;
	said->ended = true;
	say(l, slot->rule, "it ended with %d and left %u records without an answer: with --stream it must read "
	    "to the end of its input, and answer each line with a line", code, slot->count);
}

/* When this handler has been silent for long; never, if there is nothing to say. */
static int64_t silent_ms(const struct hs_scheduler *l, const struct slot *slot)
{
	return slot->worker.pid == 0 || slot->count == 0 || l->said[slot->rule].silent ? INT64_MAX
	                                                                               : slot->since_ms + SILENT_MS;
}

static void say_silent(struct hs_scheduler *l, const struct slot *slot)
{
	l->said[slot->rule].silent = true;
	say(l, slot->rule, l->options.stream
	    ? "no answer for %d s: it must write a line for each one that it reads, and flush it"
	    : "it has been at work for %d s: what comes after waits; --jobs runs more at once", SILENT_MS / 1000);
}

/* --- what became of a record ---------------------------------------------- */

static void stop_with(struct hs_scheduler *l, int code)
{
	if (l->code == 0)
		l->code = code;
	l->stopping = true;
}

static void done(struct hs_scheduler *l, struct hs_item *item)
{
	hs_ack_tracker_done(l->options.acks, item);
	l->counts.done++;
}

static void put_label(struct hs_buf *out, const char *label, struct hs_slice value)
{
	hs_buf_put_slice(out, hs_slice_str(label));
	hs_buf_put_json(out, value);
}

/* On stable storage before it counts as done. False: there is no room, so it is not given up. */
static bool set_aside(struct hs_scheduler *l, const struct slot *slot, struct hs_item *item, int code,
		      struct hs_slice message)
{
	uint64_t most = l->options.letters ? UINT64_MAX : (uint64_t)l->options.dir->settings->failed_max;
	const struct hs_routing_rule *rule = &l->options.rules->rule[item->rule];
	struct hs_buf *out = &l->text;
	char now[HS_TIMESTAMP_TEXT + 1];
	enum hs_result r;

	hs_timestamp_text(hs_io_now(), now);
	hs_buf_reset(out);
	hs_buf_reset(&l->scratch);
	hs_subprocess_put_noise(&slot->worker, &l->scratch);
	put_label(out, "{\"failed_at\":", hs_slice_str(now));
	put_label(out, ",\"cursor\":", hs_slice_str(l->options.cursor));
	put_label(out, ",\"on\":", rule->on);
	hs_buf_put_slice(out, HS_SLICE(",\"status\":"));
	hs_buf_put_uint(out, (uint64_t)code);
	hs_buf_put_slice(out, HS_SLICE(",\"tries\":"));
	hs_buf_put_uint(out, (uint64_t)item->tries_before + item->tries + 1);
	if (message.n > 0)
		put_label(out, ",\"message\":", message);
	put_label(out, ",\"stderr\":", hs_buf_slice(&l->scratch));
	hs_buf_put_slice(out, HS_SLICE(",\"record\":"));
	hs_buf_put(out, item->line, item->n - 1);
	hs_buf_put(out, "}\n", 2);
	r = hs_buf_ok(out) && hs_buf_ok(&l->scratch)
		? hs_dead_letters_append(l->options.dir, hs_buf_slice(out), most)
		: HS_E_MEMORY;
	if (r == HS_E_FAILED_MAX)
		return false;
	if (r != HS_OK) {
		fprintf(stderr, "hookspool %s: failed.jsonl: %s\n", l->options.command,
			hs_result_info(r)->remedy);
		stop_with(l, hs_command_exit(r));
		return true;
	}
	hs_ack_tracker_done(l->options.acks, item);
	l->counts.aside++;
	return true;
}

static int64_t delay(unsigned tries)
{
	int64_t ms = tries > 10 ? RETRY_MOST_MS : (int64_t)RETRY_FIRST_MS << (tries - 1);

	ms = ms < RETRY_MOST_MS ? ms : RETRY_MOST_MS;
	return ms / 2 + (int64_t)(hs_io_random() % (uint64_t)(ms / 2 + 1));
}

static void park(struct lane *lane, struct hs_item *item)
{
	struct hs_item *before = NULL;

	/* in the order of the spool, which is that of positions */
	for (struct hs_item *i = lane->parked.head; i != NULL; before = i, i = i->next)
		if (i->before.number > item->before.number ||
		    (i->before.number == item->before.number && i->before.offset > item->before.offset))
			break;
	hold(lane, item);
	lane->parked_of[slot_of(item)]++;
	if (before == lane->parked.tail) {
		push(&lane->parked, item);
	} else {
		item->next = before == NULL ? lane->parked.head : before->next;
		*(before == NULL ? &lane->parked.head : &before->next) = item;
	}
}

static void park_again(struct hs_scheduler *l, struct lane *lane, struct hs_item *item)
{
	item->tries++;
	item->retry_ms = hs_io_now_monotonic() + delay(item->tries);
	l->counts.again++;
	park(lane, item);
}

static void give_up(struct hs_scheduler *l, struct lane *lane, const struct slot *slot, struct hs_item *item,
		    int code, struct hs_slice message)
{
	if (set_aside(l, slot, item, code, message))
		return;
	say_full(l);
	park_again(l, lane, item);
}

static void try_again(struct hs_scheduler *l, struct lane *lane, const struct slot *slot,
		      struct hs_item *item, int code, struct hs_slice message)
{
	int64_t now = hs_io_now_monotonic();

	if (item->first_ms == 0)
		item->first_ms = now;
	if (now - item->first_ms >= l->options.retry_for_ms) {
		give_up(l, lane, slot, item, code, message);
		return;
	}
	say_again(l, item, code);
	park_again(l, lane, item);
}

/* A refused batch is given again, a record at a time, to find the one that is meant. */
static void split(struct lane *lane, struct hs_item *item)
{
	item->alone = true;
	item->retry_ms = 0;
	park(lane, item);
}

/* What the handler said of one record; `batch`: of how many at once. */
static void outcome(struct hs_scheduler *l, struct lane *lane, struct slot *slot, struct hs_item *item,
		    int code, struct hs_slice message, unsigned batch)
{
	if (code == 0)
		done(l, item);
	else if (code == EX_DATAERR && batch > 1)
		split(lane, item);
	else if (code == EX_DATAERR)
		give_up(l, lane, slot, item, code, message);
	else if (code != EX_CONFIG)
		try_again(l, lane, slot, item, code, message);
}

static void settings_are_bad(struct hs_scheduler *l, struct slot *slot, const char *why)
{
	struct hs_slice on = l->options.rules->rule[slot->rule].on;

	hs_terminal_printf(stderr, "hookspool %s: handler of %.*s: %s; stopped\n",
			   l->options.command, (int)on.n, on.p, why);
	slot->broken = true;
	hs_subprocess_kill(&slot->worker, SIGTERM);
	stop_with(l, EX_CONFIG);
}

/* --- starting ------------------------------------------------------------- */

static bool is_ours(const char *variable)
{
	for (int f = 0; f < HS_HEAD_FIELDS; f++) {
		const char *name = hs_record_head_name((enum hs_head_field)f);
		size_t n = strlen(name);

		if (strncasecmp(variable, "HS_", 3) == 0 &&
		    strncasecmp(variable + 3, name, n) == 0 && variable[3 + n] == '=')
			return true;
	}
	return false;
}

/* HS_USER_ID=… behind the others in `out`; nothing if it cannot be one. */
static bool put_variable(struct hs_buf *out, enum hs_head_field field, const struct hs_record_field *leaf)
{
	size_t start = out->n, value;

	if (leaf->name.p == NULL)
		return false;
	hs_buf_put_slice(out, HS_SLICE("HS_"));
	for (const char *p = hs_record_head_name(field); *p != '\0'; p++)
		hs_buf_putc(out, (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p));
	hs_buf_putc(out, '=');
	value = out->n;
	hs_record_field_put(leaf, out);
	if (hs_buf_ok(out) && out->n - value <= VARIABLE_MAX &&
	    memchr(out->p + value, '\0', out->n - value) == NULL) {
		hs_buf_putc(out, '\0');
		return true;
	}
	out->n = start; /* cut off, it could pass for another's */
	return false;
}

/* Our own variables, and those of the record (NULL: none). Freed with free(); NULL: no memory. */
static char **make_environment(struct hs_buf *text, const struct hs_item *item)
{
	extern char **environ;
	struct hs_record_head m = { 0 };
	size_t count = 0, used = 0;
	char **list, *p;

	while (environ[count] != NULL)
		count++;
	list = calloc(count + HS_HEAD_FIELDS + 1, sizeof *list);
	if (list == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (!is_ours(environ[i]))
			list[used++] = environ[i];
	hs_buf_reset(text);
	if (item != NULL)
		hs_record_head_read(&m, hs_slice(item->line, item->n - 1));
	count = 0;
	for (int f = 0; f < HS_HEAD_FIELDS; f++)
		count += put_variable(text, (enum hs_head_field)f, &m.leaf[f]);
	for (p = text->p; count > 0 && hs_buf_ok(text); count--, p += strlen(p) + 1)
		list[used++] = p;
	return list;
}

static bool start(struct hs_scheduler *l, struct slot *slot, unsigned rule, const struct hs_item *item)
{
	char **environment = make_environment(&l->scratch, item);
	bool started;

	slot->rule = rule;
	if (environment == NULL)
		errno = ENOMEM;
	started = environment != NULL &&
		  hs_subprocess_start(&slot->worker, l->options.rules->rule[rule].command, environment,
				  l->options.stream);
	if (!started) {
		fprintf(stderr, "hookspool %s: /bin/sh cannot be started: %s\n", l->options.command,
			strerror(errno));
		stop_with(l, EX_OSERR);
	}
	free(environment);
	return started;
}

static void give(struct slot *slot, struct hs_item *item)
{
	if (slot->count++ == 0)
		slot->since_ms = hs_io_now_monotonic();
	push(&slot->given, item);
	hs_subprocess_give(&slot->worker, hs_slice(item->line, item->n));
}

/* A process for the next record, or for a batch of the same rule. */
static void run_next(struct hs_scheduler *l, struct lane *lane)
{
	struct slot *slot = &lane->slot[0];
	struct hs_item *item;

	if (slot->worker.pid != 0 || (item = take(l, lane, -1)) == NULL)
		return;
	if (!start(l, slot, item->rule, l->options.batch == 1 ? item : NULL)) {
		put_back(lane, item);
		return;
	}
	give(slot, item);
	while (!item->alone && slot->count < l->options.batch &&
	       (item = take(l, lane, (int)slot->rule)) != NULL)
		give(slot, item);
	hs_subprocess_give_last(&slot->worker);
	hs_subprocess_write(&slot->worker);
}

static bool has_room(const struct slot *slot)
{
	return slot->count == 0 || (slot->count < DEPTH && slot->worker.to_write.n < DEPTH_BYTES);
}

/* Records to the long-lived processes, for as long as the next one's has room. */
static void stream_next(struct hs_scheduler *l, struct lane *lane)
{
	struct hs_item *item;

	while (!l->stopping && (item = take(l, lane, -1)) != NULL) {
		struct slot *slot = &lane->slot[item->rule];

		if (!has_room(slot) ||
		    (slot->worker.pid == 0 && !start(l, slot, item->rule, NULL))) {
			put_back(lane, item);
			break;
		}
		hold(lane, item);
		give(slot, item);
	}
	for (unsigned i = 0; i < l->slots; i++)
		if (lane->slot[i].worker.pid != 0)
			hs_subprocess_write(&lane->slot[i].worker);
}

/* --- answers and ends ----------------------------------------------------- */

/* "65 why": the code of the first record that has none yet. */
static void take_answers(struct hs_scheduler *l, struct lane *lane, struct slot *slot)
{
	struct hs_slice answer;

	while (slot->count > 0 && !slot->broken && hs_subprocess_answer(&slot->worker, &answer)) {
		struct hs_item *item;
		int code = 0;
		size_t n = 0;

		for (; n < answer.n && n < 4 && answer.p[n] >= '0' && answer.p[n] <= '9'; n++)
			code = code * 10 + (answer.p[n] - '0');
		if (n == 0 ||
		    (code != 0 && code != EX_DATAERR && code != EX_TEMPFAIL && code != EX_CONFIG) ||
		    (n < answer.n && answer.p[n] != ' ' && answer.p[n] != '\r')) {
			settings_are_bad(l, slot, "an answer is not 0, 65, 75 or 78");
			return;
		}
		item = take_behind(&slot->given, NULL);
		slot->count--;
		slot->since_ms = l->worked_ms;
		let_go(l, lane, item);
		if (code == EX_CONFIG)
			settings_are_bad(l, slot, "it answered 78");
		outcome(l, lane, slot, item, code,
			hs_slice_trim(hs_slice(answer.p + n, answer.n - n)), 1);
	}
}

static int code_of(int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : EX_TEMPFAIL;

	return code == CODE_NOT_EXECUTABLE || code == CODE_NOT_FOUND ? EX_CONFIG : code;
}

/* A process ended that was given some records, all of them. */
static void run_ended(struct hs_scheduler *l, struct lane *lane, struct slot *slot, int code)
{
	unsigned batch = slot->count;

	while (slot->given.head != NULL)
		outcome(l, lane, slot, take_behind(&slot->given, NULL), code, HS_SLICE_NONE, batch);
	slot->count = 0;
}

/* A long-lived one: its code is about the first record it has not answered; the others go back. */
static void stream_ended(struct hs_scheduler *l, struct lane *lane, struct slot *slot, int code)
{
	take_answers(l, lane, slot);
	for (struct hs_item *i = slot->given.head; i != NULL; i = i->next) {
		let_go(l, lane, i);
		i->is_next = true;
	}
	if (slot->count > 0 && !slot->broken) {
		say_ended(l, slot, code);
		outcome(l, lane, slot, take_behind(&slot->given, NULL),
			code == 0 ? EX_TEMPFAIL : code, HS_SLICE("it ended without an answer"), 1);
	}
	prepend(&lane->ready, &slot->given);
	slot->count = 0;
}

static void look_at_slot(struct hs_scheduler *l, struct lane *lane, struct slot *slot)
{
	int status, code;

	if (slot->worker.pid == 0)
		return;
	hs_subprocess_pump(&slot->worker);
	if (l->options.stream)
		take_answers(l, lane, slot);
	if (l->worked_ms >= silent_ms(l, slot))
		say_silent(l, slot);
	if (l->stopping && slot->count == 0) {
		hs_subprocess_give_last(&slot->worker);
		hs_subprocess_write(&slot->worker);
	}
	if (!hs_subprocess_ended(&slot->worker, &status))
		return;
	code = code_of(status);
	if (code == EX_CONFIG)
		settings_are_bad(l, slot, "it cannot be run, or ended with 78");
	if (l->options.stream)
		stream_ended(l, lane, slot, code);
	else
		run_ended(l, lane, slot, code);
}

void hs_scheduler_work(struct hs_scheduler *l)
{
	l->worked_ms = hs_io_now_monotonic();
	for (unsigned i = 0; i < l->options.jobs; i++) {
		struct lane *lane = &l->lane[i];

		for (unsigned k = 0; k < l->slots; k++)
			look_at_slot(l, lane, &lane->slot[k]);
		if (l->stopping)
			continue;
		if (l->options.stream)
			stream_next(l, lane);
		else
			run_next(l, lane);
	}
}

/* --- all of them ---------------------------------------------------------- */

struct hs_scheduler *hs_scheduler_new(const struct hs_scheduler_options *options)
{
	struct hs_scheduler *l = calloc(1, sizeof *l);

	if (l == NULL)
		return NULL;
	l->options = *options;
	l->slots = options->stream ? options->rules->count : 1;
	l->lane = calloc(options->jobs, sizeof *l->lane);
	for (unsigned i = 0; l->lane != NULL && i < options->jobs; i++) {
		l->lane[i].slot = calloc(l->slots, sizeof *l->lane[i].slot);
		if (l->lane[i].slot == NULL) {
			hs_scheduler_free(l);
			return NULL;
		}
	}
	if (l->lane == NULL) {
		free(l);
		return NULL;
	}
	return l;
}

void hs_scheduler_free(struct hs_scheduler *l)
{
	if (l == NULL)
		return;
	for (unsigned i = 0; i < l->options.jobs; i++) {
		for (unsigned k = 0; l->lane[i].slot != NULL && k < l->slots; k++)
			hs_subprocess_free(&l->lane[i].slot[k].worker);
		free(l->lane[i].slot);
	}
	free(l->lane);
	hs_buf_free(&l->text);
	hs_buf_free(&l->scratch);
	free(l);
}

void hs_scheduler_put(struct hs_scheduler *l, struct hs_item *item)
{
	push(&l->lane[(item->user >> 32) % l->options.jobs].ready, item);
}

size_t hs_scheduler_fds(const struct hs_scheduler *l)
{
	return (size_t)l->options.jobs * l->slots * HS_SUBPROCESS_FDS;
}

size_t hs_scheduler_poll(const struct hs_scheduler *l, struct pollfd *p)
{
	size_t n = 0;

	for (unsigned i = 0; i < l->options.jobs; i++)
		for (unsigned k = 0; k < l->slots; k++)
			if (l->lane[i].slot[k].worker.pid != 0) {
				hs_subprocess_poll(&l->lane[i].slot[k].worker, p + n);
				n += HS_SUBPROCESS_FDS;
			}
	return n;
}

int64_t hs_scheduler_due(const struct hs_scheduler *l)
{
	int64_t now = hs_io_now_monotonic(), due = -1;

	for (unsigned i = 0; i < l->options.jobs && !l->stopping; i++)
		for (const struct hs_item *k = l->lane[i].parked.head; k != NULL; k = k->next) {
			int64_t left = k->retry_ms > now ? k->retry_ms - now : 0;

			if (k->retry_ms > l->worked_ms && (due < 0 || left < due))
				due = left;
		}
	for (unsigned i = 0; i < l->options.jobs; i++)
		for (unsigned k = 0; k < l->slots; k++) {
			int64_t at = silent_ms(l, &l->lane[i].slot[k]);

			if (at != INT64_MAX && (due < 0 || at - now < due))
				due = at > now ? at - now : 0;
		}
	return due;
}

void hs_scheduler_stop(struct hs_scheduler *l)
{
	l->stopping = true;
}

bool hs_scheduler_running(const struct hs_scheduler *l)
{
	for (unsigned i = 0; i < l->options.jobs; i++)
		for (unsigned k = 0; k < l->slots; k++)
			if (l->lane[i].slot[k].worker.pid != 0)
				return true;
	return false;
}

void hs_scheduler_kill(const struct hs_scheduler *l, int signal)
{
	for (unsigned i = 0; i < l->options.jobs; i++)
		for (unsigned k = 0; k < l->slots; k++)
			hs_subprocess_kill(&l->lane[i].slot[k].worker, signal);
}

int hs_scheduler_code(const struct hs_scheduler *l)
{
	return l->code;
}

struct hs_scheduler_counts hs_scheduler_counts(const struct hs_scheduler *l)
{
	return l->counts;
}

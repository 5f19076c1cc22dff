/*
 * sink_ship over an engine in shared memory, whose stream survives the kills of the process that sends to it. The
 * network and the server lose messages, answers and the stream's end as a script says, or at random. There is no
 * duplicate window, so every repeat is stored twice and fails the test. At each message the engine checks what
 * the message says of the stream (sink_ship.h, 3).
 */
#include "base/io.h"
#include "spool/spool.h"
#include "tests/lib/events.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/random.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/command.h"
#include "tools/ship/sink_ship.h"
#include "tools/ship/subject.h"
#include "tools/sink/pump.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

const struct hs_command *const hs_commands[] = { NULL }; /* for tools/command.c */

enum { MESSAGES = 8192, WAY = 2048, ACK_WAIT_MS = 40 };

/* --- the stream -------------------------------------------------------------------------- */

struct stored {
	uint64_t sequence;
	bool mark;
	struct hs_places places;
	char id[64], subject[64];
};

/* The fate of a message on its way. */
enum fate {
	STORE,
	STORE_SILENTLY,
	LOSE,
	ZERO,
	STORE_ZERO,
	NOBODY,
	FULL,
	MOMENT,
	STORE_MOMENT,
	SETUP,
	TOO_LONG,
	GONE,
	TWICE
};

struct on_way {
	uint64_t tag;
	struct stored message;
};

/* In shared memory: the stream and the network, which outlive a killed ship. */
static struct world {
	struct stored stored[MESSAGES];
	size_t count;
	uint64_t first, last, generation;
	char created[40];
	struct on_way way[WAY]; /* sent, not arrived */
	size_t on_way;
	size_t sends, asks;
	int64_t sent_ms[64], moved_ms[64]; /* when the first ones were sent, and how far hurry_ms had moved the clock */
	bool false_claim, too_many;
	size_t payload_max;
	struct hs_place oldest_lost; /* the stream's end was lost */

	/* The script: the fate of the nth message of the run; after those of the script, `fate`. */
	enum fate script[64];
	size_t scripted, at;
	enum fate fate;
	size_t most_on_way; /* the server answers once so many are there, or when it is asked; 0: at once */
	bool backwards;     /* answers come in the opposite order */
	bool random;        /* fates at random, instead of all that */
	size_t kill_after;  /* sends; 0: never */
	size_t cut_after;   /* the connection is lost after so many sends; 0: never */
	size_t cut_lost;    /* … and so many messages are gone from the stream's end */
	bool cut_unseen;    /* … without the connection */
	size_t failing_asks, slow_asks;
	size_t fails_from;          /* the ask from which on they fail */
	int ask_code;               /* with which an ask fails; 0: EX_TEMPFAIL */
	bool asks_cut, walks_fail;  /* the connection is another one after an ask; a walk fails */
	size_t illegal;             /* messages that the engine does not take */
	enum hs_link link;          /* while this many looks at the link are left */
	size_t looks, looks_before; /* … after so many others */
	const char *leader;
	size_t erase_at_wake;         /* the user anna is erased when ship is woken so often; 0: never */
	size_t erase_after;           /* sends, before ship hears of their answers: the user anna is erased; 0: never */
	int64_t hurry_ms, hurried_ms; /* how far the clock moves each time that ship looks for news */
	struct random_source dice;
} * w;

static uint32_t dice(uint32_t below)
{
	return random_below(&w->dice, below);
}

struct hs_engine {
	int fd;
	bool asking;
	struct hs_answer answers[WAY];
	size_t head, tail;
};

static struct scene {
	struct spooldir d;
	struct hs_spool *spool;
	char config[PATH_MAX], said[1 << 16];
	const char *from; /* of a new cursor */
	struct hs_ship_figures figures;
	struct hs_sink_ship_options options;
	struct hs_engine engine;
} s;

static uint64_t store(const struct stored *message)
{
	struct stored *m = &w->stored[w->count++];

	assert_true(w->count < MESSAGES);
	*m = *message;
	m->sequence = ++w->last;
	return m->sequence;
}

static void lose_end(size_t n)
{
	while (n-- > 0 && w->count > 0)
		w->last = w->stored[--w->count].sequence - 1;
}

/* The servers lose power: messages from the stream's end, and whatever is on its way to them. */
static void forget(size_t n)
{
	w->on_way = 0;
	lose_end(n);
}

static void answer(struct hs_engine *e, uint64_t tag, enum hs_answer_kind kind, uint64_t sequence)
{
	struct hs_answer *a = &e->answers[e->tail++ % WAY];

	*a = (struct hs_answer){ .tag = tag, .kind = kind, .sequence = sequence, .text = "the server's words" };
}

static enum fate fate_of_next(void)
{
	if (w->random)
		return dice(5) > 0 ? STORE : (enum fate)(STORE_SILENTLY + dice(STORE_MOMENT));
	return w->at < w->scripted ? w->script[w->at++] : w->fate;
}

static void arrive(struct hs_engine *e, const struct on_way *on_way)
{
	enum fate fate = fate_of_next();
	bool stores =
	    fate == STORE || fate == TWICE || fate == STORE_SILENTLY || fate == STORE_ZERO || fate == STORE_MOMENT;
	uint64_t sequence = stores ? store(&on_way->message) : 0;

	switch (fate) {
	case STORE: answer(e, on_way->tag, HS_ANSWER_STORED, sequence); return;
	case TWICE:
		answer(e, on_way->tag, HS_ANSWER_STORED, sequence);
		answer(e, on_way->tag, HS_ANSWER_FULL, 0);
		answer(e, on_way->tag + (1 << 20), HS_ANSWER_FULL, 0); /* to what was never sent */
		return;
	case ZERO:
	case STORE_ZERO: answer(e, on_way->tag, HS_ANSWER_UNDER_WAY, 0); return;
	case NOBODY: answer(e, on_way->tag, HS_ANSWER_NOBODY, 0); return;
	case FULL: answer(e, on_way->tag, HS_ANSWER_FULL, 0); return;
	case MOMENT:
	case STORE_MOMENT: answer(e, on_way->tag, HS_ANSWER_MOMENT, 0); return;
	case SETUP: answer(e, on_way->tag, HS_ANSWER_SETUP, 0); return;
	case TOO_LONG: answer(e, on_way->tag, HS_ANSWER_OVERSIZE, 0); return;
	case GONE:
		answer(e, on_way->tag, HS_ANSWER_STORED, 1);
		e->answers[(e->tail - 1) % WAY].duplicate = true;
		return;
	case STORE_SILENTLY:
	case LOSE: return;
	}
}

static void arrive_all(struct hs_engine *e)
{
	size_t first = e->tail;

	for (size_t i = 0; i < w->on_way; i++)
		arrive(e, &w->way[i]);
	w->on_way = 0;
	for (size_t i = first, j = e->tail; w->backwards && i + 1 < j; i++) {
		struct hs_answer a = e->answers[i % WAY];

		e->answers[i % WAY] = e->answers[--j % WAY];
		e->answers[j % WAY] = a;
	}
}

/* --- the engine ------------------------------------------------------------------------------ */

static void wake(struct hs_engine *e)
{
	uint64_t one = 1;

	assert_int_equal(write(e->fd, &one, sizeof one), sizeof one);
}

int hs_engine_fd(const struct hs_engine *e)
{
	return e->fd;
}

void hs_engine_woken(struct hs_engine *e)
{
	uint64_t n;

	(void)!read(e->fd, &n, sizeof n);
	if (w->erase_at_wake > 0 && --w->erase_at_wake == 0)
		assert_in_range(events_erase(s.spool, &s.d, "anna"), 1, MESSAGES);
	if (w->erase_after > 0 && w->sends >= w->erase_after) {
		w->erase_after = 0;
		assert_in_range(events_erase(s.spool, &s.d, "anna"), 1, MESSAGES);
	}
	if (w->hurry_ms == 0)
		return;
	wrap_clock(0, w->hurried_ms += w->hurry_ms);
	wake(e);
}

void hs_engine_link(struct hs_engine *e, struct hs_engine_link *link)
{
	*link = (struct hs_engine_link){ .state = HS_LINK_UP, .generation = w->generation, .server = "a test" };
	if (w->looks == 0)
		return;
	if (w->looks_before > 0) {
		w->looks_before--;
	} else if (--w->looks > 0) {
		link->state = w->link;
		snprintf(link->why, sizeof link->why, "the link's words");
	}
	wake(e);
}

static bool is_in_stream(const struct hs_place *place)
{
	for (size_t i = 0; i < w->count; i++)
		if (!w->stored[i].mark && hs_place_cmp(&w->stored[i].places.own, place) == 0)
			return true;
	return false;
}

/* Every record before D is stored, as far as records were ever sent; those from D on are after S. */
static void check_claim(const struct hs_places *places)
{
	for (size_t i = 0; i < w->count; i++)
		if (!w->stored[i].mark && hs_place_cmp(&w->stored[i].places.own, &places->stored) >= 0 &&
		    w->stored[i].sequence <= places->stored_at)
			w->false_claim = true;
	for (size_t i = 0; i < w->on_way; i++)
		if (hs_place_cmp(&w->way[i].message.places.own, &places->stored) < 0 &&
		    !is_in_stream(&w->way[i].message.places.own))
			w->false_claim = true;
}

static void cut(struct hs_engine *e)
{
	w->cut_after = 0;
	if (w->cut_unseen) {
		lose_end(w->cut_lost);
		return;
	}
	e->head = e->tail; /* the answers are lost */
	for (size_t i = 0; i < w->on_way / 2; i++)
		store(&w->way[i].message);
	w->on_way = 0;
	forget(w->cut_lost);
	w->generation++;
	wake(e);
}

enum hs_send hs_engine_send(struct hs_engine *e, const struct hs_message *message)
{
	struct on_way *on_way = &w->way[w->on_way];

	if (w->payload_max > 0 && message->data.n > w->payload_max)
		return HS_SEND_OVERSIZE;
	if (message->generation != w->generation)
		return HS_SEND_DOWN;
	if (w->illegal > 0) {
		w->illegal--;
		wake(e);
		return HS_SEND_ILLEGAL;
	}
	memset(on_way, 0, sizeof *on_way);
	on_way->tag = message->tag;
	snprintf(on_way->message.id, sizeof on_way->message.id, "%.*s", (int)message->id.n, message->id.p);
	snprintf(on_way->message.subject, sizeof on_way->message.subject, "%.*s", (int)message->subject.n,
	         message->subject.p);
	assert_true(hs_places_read(message->place, &on_way->message.places));
	check_claim(&on_way->message.places);
	w->on_way++;
	w->too_many = w->too_many || w->on_way >= WAY - 1;
	if (w->sends < sizeof w->sent_ms / sizeof w->sent_ms[0]) {
		w->sent_ms[w->sends] = hs_io_now_monotonic();
		w->moved_ms[w->sends] = w->hurried_ms;
	}
	w->sends++;
	if (w->sends == w->kill_after)
		_exit(9);
	if (w->sends == w->cut_after)
		cut(e);
	if (w->on_way > w->most_on_way)
		arrive_all(e);
	wake(e);
	return HS_SENT;
}

void hs_engine_flush(struct hs_engine *e)
{
	arrive_all(e);
	wake(e);
}

bool hs_engine_answer(struct hs_engine *e, struct hs_answer *a)
{
	if (e->head == e->tail)
		return false;
	*a = e->answers[e->head++ % WAY];
	return true;
}

void hs_engine_ask(struct hs_engine *e)
{
	struct stored mark = { .mark = true };

	arrive_all(e); /* the barrier */
	store(&mark);
	w->asks++;
	e->asking = true;
	wake(e);
}

static void add_to_set(struct hs_engine_asked *asked, const struct stored *m)
{
	asked->set = reallocarray(asked->set, asked->count + 1, sizeof *asked->set);
	asked->set[asked->count++] = m->places.own;
}

bool hs_engine_asked(struct hs_engine *e, struct hs_engine_asked *asked)
{
	if (!e->asking)
		return false;
	if (w->slow_asks > 0 && w->asks > 1) { /* … and meanwhile there is another connection */
		w->slow_asks--;
		w->generation++;
		wake(e);
		return false;
	}
	e->asking = false;
	w->generation += w->asks_cut;
	w->asks_cut = false;
	*asked = (struct hs_engine_asked){ .stream = { .first = w->first, .last = w->last } };
	snprintf(asked->stream.created, sizeof asked->stream.created, "%s", w->created);
	snprintf(asked->stream.leader, sizeof asked->stream.leader, "%s", w->leader != NULL ? w->leader : "");
	if (w->failing_asks > 0 && w->asks >= w->fails_from) {
		w->failing_asks--;
		asked->failed = true;
		asked->failure.code = w->ask_code != 0 ? w->ask_code : EX_TEMPFAIL;
		snprintf(asked->failure.why, sizeof asked->failure.why, "the ask's words");
		return true;
	}
	for (size_t i = w->count; i-- > 0 && !asked->any;) {
		asked->any = !w->stored[i].mark;
		asked->done = w->stored[i].places;
		asked->sequence = w->stored[i].sequence;
		snprintf(asked->id, sizeof asked->id, "%s", asked->any ? w->stored[i].id : "");
	}
	for (size_t i = 0; i < w->count && asked->any; i++)
		if (!w->stored[i].mark && w->stored[i].sequence > asked->done.stored_at)
			add_to_set(asked, &w->stored[i]);
	return true;
}

int hs_engine_walk(struct hs_engine *e, enum hs_walk of, uint64_t from, int64_t since_ms,
                   bool (*each)(void *context, uint64_t sequence, const struct hs_places *places, struct hs_slice id),
                   void *context, struct hs_engine_failure *failure)
{
	(void)e;
	(void)of;
	(void)since_ms;
	if (w->walks_fail) {
		*failure = (struct hs_engine_failure){ EX_TEMPFAIL, "the walk's words" };
		return EX_TEMPFAIL;
	}
	for (size_t i = 0; i < w->count; i++)
		if (!w->stored[i].mark && w->stored[i].sequence >= from &&
		    !each(context, w->stored[i].sequence, &w->stored[i].places, hs_slice_str(w->stored[i].id)))
			break;
	return 0;
}

void hs_engine_asked_free(struct hs_engine_asked *asked)
{
	free(asked->set);
	*asked = (struct hs_engine_asked){ 0 };
}

/* --- the scene --------------------------------------------------------------------------------- */

static void reset_script(void)
{
	w->scripted = w->at = w->sends = w->asks = w->most_on_way = w->kill_after = w->cut_after = 0;
	w->cut_lost = w->failing_asks = w->payload_max = w->erase_after = w->slow_asks = w->illegal = w->looks = 0;
	w->looks_before = w->erase_at_wake = w->fails_from = 0;
	w->ask_code = 0;
	w->asks_cut = w->walks_fail = false;
	w->fate = STORE;
	w->hurry_ms = 0;
	w->backwards = w->random = w->cut_unseen = false;
}

static void make(const char *words)
{

	if (w == NULL)
		w = mmap(NULL, sizeof *w, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(w != MAP_FAILED);
	memset(w, 0, sizeof *w);
	memset(&s, 0, sizeof s);
	snprintf(w->created, sizeof w->created, "2026-11-29T04:00:00Z");
	w->generation = w->first = 1;
	spooldir_make(&s.d, "");
	s.spool = hs_spool_new(s.d.settings);
	assert_result(events_append(s.spool, words, NULL), HS_OK);
	spooldir_configure(&s.d, s.config, sizeof s.config);
	s.options = (struct hs_sink_ship_options){ .subject = HS_SUBJECT_DEFAULT,
		                                   .receiver = "kodabuzi",
		                                   .records = 8,
		                                   .bytes = 1 << 20,
		                                   .ack_wait_ms = ACK_WAIT_MS,
		                                   .hold_ms = 1000,
		                                   .once = true,
		                                   .quiet = true,
		                                   .figures = &s.figures };
}

static void finish(void)
{
	wrap_reset();
	assert_false(w->false_claim);
	assert_false(w->too_many);
	hs_spool_free(s.spool);
	spooldir_remove(&s.d);
}

static int run_once(void)
{
	const struct hs_pump_options options = {
		.command = "ship", .config = s.config, .cursor = "ship", .from = s.from, .drain_ms = 1000
	};
	struct hs_sink *sink = hs_sink_ship_new(&s.options, &s.engine);
	struct hs_pump *pump = hs_pump_new(&options, sink);
	int code;

	if (pump == NULL)
		return EX_OSERR;
	hs_sink_ship_pump(sink, pump);
	code = hs_pump_open(pump);
	if (code == 0)
		code = hs_pump_run(pump);
	return hs_pump_close(pump, code);
}

static int run(void)
{
	int code;

	s.engine = (struct hs_engine){ .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };
	do {
		code = run_once();
	} while (code == HS_SHIP_RESTART);
	close(s.engine.fd);
	return code;
}

/* Runs, and returns how often it said this on standard error. */
static unsigned says(const char *words, int code)
{
	int before = dup(STDERR_FILENO), file = memfd_create("said", MFD_CLOEXEC);
	unsigned n = 0;
	ssize_t got;

	assert_true(before >= 0 && file >= 0 && dup2(file, STDERR_FILENO) >= 0);
	assert_int_equal(run(), code);
	assert_true(dup2(before, STDERR_FILENO) >= 0);
	close(before);
	got = pread(file, s.said, sizeof s.said - 1, 0);
	close(file);
	s.said[got > 0 ? got : 0] = '\0';
	for (const char *at = s.said; (at = strstr(at, words)) != NULL; at++)
		n++;
	return n;
}

/* Runs in a process that may be killed. Returns its exit code. */
static int run_apart(void)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0)
		_exit(run());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static size_t times(const char *word)
{
	size_t n = 0;
	char id[64];

	snprintf(id, sizeof id, "/%s", word);
	for (size_t i = 0; i < w->count; i++)
		n += !w->stored[i].mark && strcmp(w->stored[i].id, id) == 0;
	return n;
}

/* Each of the words is in the stream once. */
static void assert_stored(const char *words)
{
	char copy[1 << 14], *rest = copy, *word;

	snprintf(copy, sizeof copy, "%s", words);
	while ((word = strsep(&rest, " ")) != NULL)
		if (word[0] != '\0' && times(word) != 1)
			fail_msg("%s is in the stream %zu times", word, times(word));
}

static void script(const enum fate *fates, size_t n)
{
	memcpy(w->script, fates, n * sizeof *fates);
	w->scripted = n;
}
#define SCRIPT(...) script((const enum fate[]){ __VA_ARGS__ }, sizeof((enum fate[]){ __VA_ARGS__ }) / sizeof(enum fate))

static const char TEN[] = "a b c d e f g h i j";

/* --- tests -------------------------------------------------------------------------------------- */

TEST(test_sends_each_record_once_and_goes_on_after_it)
{
	make(TEN);
	assert_int_equal(run(), 0);
	assert_stored(TEN);
	assert_int_equal(w->sends, 10);
	assert_string_equal(w->stored[1].subject, "hookspool.kodabuzi._.track");
	assert_int_equal(run(), 0);
	assert_int_equal(w->sends, 10);
	assert_result(events_append(s.spool, "k l", NULL), HS_OK);
	assert_int_equal(run(), 0);
	assert_int_equal(w->sends, 12);
	assert_stored("a j k l");
	finish();
}

TEST(test_answers_come_in_any_order)
{
	make(many("m", 0, 100));
	w->most_on_way = 6;
	w->backwards = true;
	assert_int_equal(run(), 0);
	assert_stored(many("m", 0, 100));
	assert_int_equal(w->sends, 100);
	finish();
}

TEST(test_what_has_no_answer_is_asked_for)
{
	make(TEN);
	SCRIPT(STORE, LOSE, STORE_SILENTLY, STORE, STORE_SILENTLY);
	assert_int_equal(run(), 0);
	assert_stored(TEN);
	assert_int_equal(w->sends, 11); /* the lost one alone goes again */
	assert_true(w->asks >= 2);
	assert_int_equal(s.figures.timeouts, 3);
	finish();
}

TEST(test_answers_that_nobody_waits_for)
{
	make(TEN);
	w->fate = TWICE;
	assert_int_equal(run(), 0);
	assert_stored(TEN);
	assert_int_equal(w->sends, 10);
	finish();
}

TEST(test_sequence_zero_is_no_answer)
{
	make(TEN);
	SCRIPT(STORE, ZERO, STORE_ZERO, MOMENT, STORE_MOMENT);
	assert_int_equal(run(), 0);
	assert_stored(TEN);
	assert_int_equal(w->sends, 12);
	assert_int_equal(s.figures.sequence_zero, 2);
	finish();
}

TEST(test_refusals_pass)
{
	make(TEN);
	SCRIPT(NOBODY, NOBODY, STORE, FULL, NOBODY, STORE, NOBODY);
	assert_int_equal(run(), 0);
	assert_stored(TEN);
	finish();
}

/*
 * A record is refused n times: it waits for `first`, and then twice as long each time, up to `most`. What a busy
 * machine adds is no pause of ship's: the clock was moved by no more than that.
 */
static void assert_pauses(enum fate fate, int64_t first, int64_t most)
{
	enum { REFUSALS = 8, LATE_MS = 1000 };

	make("a");
	for (size_t i = 0; i < REFUSALS; i++)
		w->script[i] = fate;
	w->scripted = REFUSALS;
	w->hurry_ms = 50;
	s.options.once = false;
	s.options.ack_wait_ms = 5000;
	assert_int_equal(run(), 0);
	assert_stored("a");
	assert_int_equal(w->sends, REFUSALS + 1);
	for (size_t i = 1; i <= REFUSALS; i++) {
		int64_t pause = w->sent_ms[i] - w->sent_ms[i - 1], moved = w->moved_ms[i] - w->moved_ms[i - 1];

		if (pause < first || moved > first + LATE_MS)
			fail_msg("after refusal %zu: %" PRId64 " ms instead of %" PRId64, i, pause, first);
		first = first * 2 < most ? first * 2 : most;
	}
	finish();
}

TEST(test_pauses_after_refusals_grow_up_to_a_limit)
{
	assert_pauses(ZERO, 1000, 30000);
	assert_pauses(FULL, 1000, 30000);
	assert_pauses(NOBODY, 250, 5000);
}

TEST(test_asks_again_if_an_ask_fails)
{
	make(TEN);
	SCRIPT(LOSE, LOSE);
	s.options.once = false; /* an ask that fails at the start ends --once */
	s.options.once = true;
	assert_int_equal(run_apart(), 0);
	assert_stored(TEN);
	assert_result(events_append(s.spool, "k l", NULL), HS_OK);
	reset_script();
	w->failing_asks = 1;
	assert_int_equal(run(), EX_TEMPFAIL);
	assert_int_equal(run(), 0);
	assert_stored("k l");
	finish();
}

TEST(test_a_lost_connection)
{
	make(many("m", 0, 60));
	w->most_on_way = 5;
	w->cut_after = 23;
	assert_int_equal(run(), 0);
	assert_stored(many("m", 0, 60));
	finish();
}

TEST(test_a_kill_before_the_cursor_is_saved)
{
	make(many("m", 0, 60));
	w->most_on_way = 5;
	w->kill_after = 40;
	assert_int_equal(run_apart(), 9);
	reset_script();
	assert_int_equal(run(), 0);
	assert_stored(many("m", 0, 60));
	finish();
}

TEST(test_a_lost_cursor)
{
	make(many("m", 0, 60));
	assert_int_equal(run(), 0);
	spooldir_unlink(&s.d, ".hookspool/cursors/ship");
	reset_script();
	assert_int_equal(run(), 0);
	assert_true(w->sends == 0);
	assert_stored(many("m", 0, 60));
	finish();
}

TEST(test_a_stream_that_forgot)
{
	make(many("m", 0, 60));
	assert_int_equal(run(), 0);
	forget(20);
	reset_script();
	assert_int_equal(run(), 0);
	assert_stored(many("m", 0, 60));
	assert_int_equal(s.figures.rewinds, 1);
	assert_true(w->sends >= 19);
	finish();
}

TEST(test_a_kill_while_it_sends_again_what_was_forgotten)
{
	make(many("m", 0, 60));
	assert_int_equal(run(), 0);
	forget(30);
	reset_script();
	w->kill_after = 12;
	w->most_on_way = 3;
	assert_int_equal(run_apart(), 9);
	reset_script();
	assert_int_equal(run(), 0);
	assert_stored(many("m", 0, 60));
	finish();
}

TEST(test_others_fill_a_stream_that_forgot_everything)
{
	struct stored other = { .mark = true };

	make(TEN);
	assert_int_equal(run(), 0);
	forget(w->count);
	for (int i = 0; i < 50; i++)
		store(&other);
	assert_int_equal(says("from message", EX_CONFIG), 0);
	assert_int_equal(says("the stream forgot what it had acknowledged", EX_CONFIG), 1);
	finish();
}

TEST(test_others_fill_the_end_that_the_stream_forgot)
{
	struct stored other = { .mark = true };

	make(many("m", 0, 60));
	assert_int_equal(run(), 0);
	forget(20);
	for (int i = 0; i < 50; i++)
		store(&other);
	assert_int_equal(run(), 0);
	assert_stored(many("m", 0, 60));
	finish();
}

TEST(test_a_stream_that_forgets_while_ship_runs)
{
	make(many("m", 0, 60));
	w->cut_after = 40;
	w->cut_lost = 15;
	assert_int_equal(run(), 0);
	assert_stored(many("m", 0, 60));
	finish();
}

TEST(test_a_stream_that_forgets_and_the_connection_stays)
{
	make(many("m", 0, 60));
	w->cut_after = 40;
	w->cut_lost = 15;
	w->cut_unseen = true;
	assert_int_equal(run(), 0);
	w->false_claim = false; /* between the loss and the answer that shows it */
	assert_stored(many("m", 0, 60));
	finish();
}

/* The stream loses messages at the 40th send, which the connection does not show, and ship is killed later. */
static void kill_after_unseen_loss(size_t lost, size_t sends, size_t on_way)
{
	make(many("m", 0, 60));
	w->most_on_way = on_way;
	w->cut_after = 40;
	w->cut_lost = lost;
	w->cut_unseen = true;
	w->kill_after = sends;
	run_apart();
	reset_script();
	assert_int_equal(run(), 0);
	w->false_claim = false;
	assert_stored(many("m", 0, 60));
	finish();
}

/* More is lost than is in flight, so no kill hides it. */
TEST(test_a_kill_after_a_loss_that_the_connection_did_not_show)
{
	for (size_t sends = 40; sends < 70; sends++)
		kill_after_unseen_loss(12 + sends % 20, sends, sends % 8);
}

/* Messages that were sent before an answer showed the loss go on claiming too much, until a later message is stored. */
TEST(test_a_kill_while_a_loss_is_repaired_that_the_connection_did_not_show)
{
	for (size_t sends = 49; sends < 60; sends++)
		kill_after_unseen_loss(3, sends, 7);
}

/* The cursor is after what is lost, and the messages since then do not show it. */
TEST(test_a_kill_after_a_loss_that_the_cursor_shows)
{
	make(many("m", 0, 60));
	assert_int_equal(run(), 0);
	assert_result(events_append(s.spool, "x y z", NULL), HS_OK);
	reset_script();
	w->most_on_way = 7;
	w->cut_after = 1;
	w->cut_lost = 20;
	w->cut_unseen = true;
	w->kill_after = 3;
	assert_int_equal(run_apart(), 9);
	reset_script();
	assert_int_equal(run(), 0);
	w->false_claim = false;
	assert_stored(many("m", 0, 60));
	assert_stored("x y z");
	finish();
}

TEST(test_a_stream_that_was_made_anew)
{
	make(TEN);
	assert_int_equal(run(), 0);
	w->count = 0;
	w->last = 0;
	snprintf(w->created, sizeof w->created, "2026-11-30T04:00:00Z");
	assert_int_equal(run(), EX_CONFIG);
	s.options.from_now = true;
	assert_int_equal(run(), 0);
	assert_int_equal(times("a"), 0);
	s.options.from_now = false;
	assert_int_equal(run(), 0);
	assert_int_equal(times("a"), 0);
	snprintf(w->created, sizeof w->created, "2026-12-01T04:00:00Z");
	s.options.from_start = true;
	assert_int_equal(run(), 0);
	assert_stored(TEN);
	finish();
}

TEST(test_a_stream_that_forgot_everything)
{
	make(TEN);
	assert_int_equal(run(), 0);
	forget(MESSAGES);
	assert_int_equal(run(), EX_CONFIG);
	s.options.from_start = true;
	assert_int_equal(run(), 0);
	assert_stored(TEN);
	finish();
}

/* The spool has the end of what the stream forgot, and no more. */
TEST(test_a_stream_that_forgot_more_than_the_spool_has)
{
	make("a b c");
	assert_result(hs_spool_rotate(s.spool, hs_io_now_monotonic() + 60000), HS_OK);
	assert_result(events_append(s.spool, "d e f", NULL), HS_OK);
	assert_result(hs_spool_rotate(s.spool, hs_io_now_monotonic() + 60000), HS_OK);
	assert_result(events_append(s.spool, "g h", NULL), HS_OK);
	assert_int_equal(run(), 0);
	forget(6); /* c to h */
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
	assert_int_equal(says("segments 1 to 1 cannot be sent again. --from-start sends what is left", EX_CONFIG), 1);
	assert_int_equal(times("h"), 0);
	s.options.from_start = true;
	assert_int_equal(run(), 0);
	assert_stored("a b d e f g h");
	finish();
}

TEST(test_limits_that_deleted_the_last_message_are_said_once)
{
	make(TEN);
	s.options.quiet = false;
	assert_int_equal(says("the limits of the stream", 0), 0);
	w->count = 0;
	w->first = w->last + 1;
	assert_int_equal(says("the limits of the stream have deleted the last message of receiver kodabuzi", 0), 1);
	assert_int_equal(w->sends, 10);
	assert_int_equal(says("the limits of the stream", 0), 0);
	assert_result(events_append(s.spool, "k", NULL), HS_OK);
	assert_int_equal(run(), 0);
	assert_stored("k");
	finish();
}

TEST(test_from_start_fills_a_stream_that_was_emptied)
{
	make(TEN);
	s.options.from_start = true;
	assert_int_equal(run(), 0);
	assert_int_equal(run(), 0);
	assert_int_equal(w->sends, 10);
	w->count = 0;
	w->first = w->last + 1;
	assert_int_equal(run(), 0);
	assert_stored(TEN);
	assert_int_equal(run(), 0);
	assert_int_equal(w->sends, 20);
	finish();
}

/* Its duplicate window still knows the ids. */
TEST(test_a_duplicate_of_what_the_stream_has_no_more_is_said)
{
	make("a b c");
	assert_int_equal(run(), 0);
	w->count = 0;
	w->first = w->last + 1;
	s.options.from_start = true;
	w->fate = GONE;
	assert_int_equal(says("as duplicates of messages that it had, such as 1, and has no more", 0), 1);
	assert_int_equal(s.figures.duplicates, 3);
	finish();
}

TEST(test_a_record_that_is_too_long)
{
	char words[512];

	snprintf(words, sizeof words, "a b %0*d c", 300, 7);
	make(words);
	w->payload_max = 350;
	assert_int_equal(run(), EX_CONFIG);
	assert_stored("a b");
	assert_int_equal(times("c"), 0);
	s.options.aside = true;
	assert_int_equal(run(), 0);
	assert_stored("a b c");
	assert_int_equal(s.figures.set_aside, 1);
	assert_true(spooldir_size(&s.d, "failed.jsonl") > 300);
	finish();
}

TEST(test_a_record_that_the_stream_finds_too_long)
{
	make(TEN);
	SCRIPT(STORE, TOO_LONG);
	assert_int_equal(says("at byte ", EX_CONFIG), 1);
	assert_int_equal(times("b"), 0);
	reset_script();
	SCRIPT(TOO_LONG);
	s.options.aside = true;
	assert_int_equal(run(), 0);
	assert_stored("a c d e f g h i j");
	assert_int_equal(times("b"), 0);
	assert_int_equal(s.figures.set_aside, 1);
	finish();
}

/* 64 refusals, eight at a time, with pauses of 1 s to 30 s between: for two minutes. */
/* --- records that are erased while they wait --------------------------------------------------- */

TEST(test_an_erased_record_is_not_sent)
{
	make("a b anna@c d");
	s.options.records = 2;
	SCRIPT(STORE, FULL);
	w->erase_after = 2;
	assert_int_equal(run(), 0);
	assert_stored("a b d");
	assert_int_equal(times("c"), 0);
	finish();
}

TEST(test_an_erased_record_is_not_sent_again)
{
	make("anna@a b c");
	SCRIPT(FULL);
	w->erase_after = 1;
	assert_int_equal(run(), 0);
	assert_stored("b c");
	assert_int_equal(times("a"), 0);
	assert_int_equal(run(), 0);
	assert_int_equal(w->sends, 3);
	finish();
}

TEST(test_an_erased_record_that_is_too_long_is_no_dead_letter)
{
	make("anna@a b");
	SCRIPT(TOO_LONG);
	w->erase_after = 1;
	s.options.aside = true;
	assert_int_equal(run(), 0);
	assert_stored("b");
	assert_int_equal(s.figures.set_aside, 0);
	assert_false(spooldir_exists(&s.d, "failed.jsonl"));
	finish();
}

TEST(test_a_full_stream_is_said_once_a_minute)
{
	make(TEN);
	for (size_t i = 0; i < 64; i++)
		w->script[i] = FULL;
	w->scripted = 64;
	w->hurry_ms = 500;
	s.options.once = false;
	assert_int_equal(says("the stream is full: the server's words: it waits, and the spool keeps", 0), 2);
	assert_stored(TEN);
	assert_int_equal(w->sends, 74);
	finish();
}

TEST(test_the_figures_are_said_once_a_minute)
{
	for (int known = 0; known < 2; known++) {
		make(TEN);
		for (size_t i = 0; i < 64; i++)
			w->script[i] = FULL;
		w->scripted = 64;
		w->hurry_ms = 500;
		w->leader = known == 1 ? "n2" : NULL;
		s.options.once = s.options.quiet = false;
		assert_in_range(says("hookspool ship: 0.0 stored/s, 8 in flight, the oldest for ", 0), 1, 3);
		assert_non_null(strstr(s.said, known == 1 ? "; a test, leader n2\n" : "; a test, leader not known\n"));
		finish();
	}
}

TEST(test_no_stream_for_a_minute_is_said)
{
	make(TEN);
	for (size_t i = 0; i < 64; i++)
		w->script[i] = NOBODY;
	w->scripted = 64;
	w->hurry_ms = 10000;
	s.options.once = false;
	assert_true(says("no stream takes hookspool.kodabuzi._.track: it has no leader, or is gone", 0) > 0);
	assert_stored(TEN);
	finish();
}

TEST(test_once_does_not_wait_for_ever)
{
	make(TEN);
	SCRIPT(STORE, STORE);
	w->fate = FULL;
	w->hurry_ms = 5000;
	assert_int_equal(says("nothing was stored for 60 s", EX_TEMPFAIL), 1);
	reset_script();
	assert_int_equal(run(), 0);
	assert_stored(TEN);
	finish();
}

/* The figures have it also if the record is refused, or in doubt. */
TEST(test_the_age_of_the_oldest_record)
{
	struct hs_ship_figures figures;
	int private_dir;

	make(TEN);
	w->fate = FULL;
	w->hurry_ms = 5000;
	assert_int_equal(run(), EX_TEMPFAIL);
	private_dir = open(spooldir_path(&s.d, ".hookspool"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	hs_ship_figures_read(&figures, private_dir);
	close(private_dir);
	assert_in_range(figures.oldest_ms, 60000, 600000);
	assert_int_equal(figures.in_flight, 8);
	assert_int_equal(figures.stored, 0);
	assert_string_equal(figures.server, "a test");
	finish();
}

TEST(test_wrong_rights_end_the_run)
{
	make(TEN);
	SCRIPT(STORE, STORE, SETUP);
	assert_int_equal(run(), EX_CONFIG);
	reset_script();
	assert_int_equal(run(), 0);
	assert_stored(TEN);
	finish();
}

TEST(test_a_spool_that_went_back)
{
	make(TEN);
	assert_int_equal(run(), 0);
	for (size_t i = 0; i < w->count; i++)
		w->stored[i].places.own.number += 5, w->stored[i].places.stored.number += 5;
	assert_int_equal(run(), EX_CONFIG);
	finish();
}

/* Ship was killed with records in flight, and the spool came back without them: D is no later than its end. */
TEST(test_a_spool_that_lacks_what_was_in_flight)
{
	struct hs_places *last;

	make(TEN);
	assert_int_equal(run(), 0);
	last = &w->stored[w->count - 1].places;
	assert_true(last->own.number > 0);
	last->stored = w->stored[1].places.own;
	last->own.offset += 100000;
	assert_int_equal(run(), EX_CONFIG);
	finish();
}

/* … and has others in their places by now. */
TEST(test_a_spool_that_has_another_record_in_a_sent_one_s_place)
{
	struct stored *last;

	make(TEN);
	assert_int_equal(run(), 0);
	last = &w->stored[w->count - 1];
	assert_string_equal(last->id, "/j");
	snprintf(last->id, sizeof last->id, "/lost");
	assert_int_equal(run(), EX_CONFIG);
	snprintf(last->id, sizeof last->id, ":kodabuzi/1:0:0"); /* it had no message id: nobody can tell */
	assert_int_equal(run(), 0);
	finish();
}

/* --- the link, and asks that fail --------------------------------------------------------------- */

TEST(test_a_link_that_is_refused_before_anything_is_stored_ends_it)
{
	make(TEN);
	w->link = HS_LINK_REFUSED;
	w->looks = 3;
	s.options.once = false;
	assert_int_equal(says("the link's words", EX_CONFIG), 1); /* at the start */
	w->looks = 100;
	w->looks_before = 2; /* those of the start */
	assert_int_equal(w->sends, 0);
	assert_int_equal(says("hookspool ship: the link's words\n", EX_CONFIG), 1);
	reset_script();
	assert_int_equal(run(), 0);
	assert_stored(TEN);
	finish();
}

TEST(test_a_link_that_is_refused_later_is_waited_for)
{
	make(TEN);
	w->link = HS_LINK_REFUSED;
	w->looks = 20;
	w->looks_before = 4;
	w->hurry_ms = 100;
	w->failing_asks = 2; /* nor has it the right to ask */
	w->fails_from = 2;
	w->ask_code = EX_CONFIG;
	s.options.records = 2;
	s.options.once = false;
	assert_int_equal(says("the link's words: it waits, and the spool keeps what is not sent", 0), 1);
	assert_stored(TEN);
	finish();
}

TEST(test_a_link_that_is_down_is_said_and_that_it_is_up_again)
{
	for (int quiet = 0; quiet < 2; quiet++) {
		make(TEN);
		w->link = HS_LINK_DOWN;
		w->looks = 5;
		w->looks_before = 4;
		s.options.records = 2;
		s.options.quiet = quiet == 1;
		assert_int_equal(says("connected to a test again", 0), 1 - quiet);
		assert_stored(TEN);
		finish();
	}
}

TEST(test_once_does_not_wait_for_ever_for_a_connection)
{
	make(TEN);
	w->link = HS_LINK_DOWN;
	w->looks = 10000;
	w->looks_before = 2;
	w->hurry_ms = 5000;
	assert_int_equal(says("nothing was stored for 60 s", EX_UNAVAILABLE), 1);
	reset_script();
	assert_int_equal(run(), 0);
	assert_stored(TEN);
	finish();
}

TEST(test_an_ask_that_fails_at_the_start)
{
	static const struct {
		int code, ends;
	} cases[] = { { EX_CONFIG, EX_CONFIG }, { EX_NOINPUT, EX_CONFIG }, { EX_TEMPFAIL, 0 } };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		make(TEN);
		w->failing_asks = 1;
		w->ask_code = cases[i].code;
		s.options.once = false;
		assert_int_equal(says("the ask's words", cases[i].ends), 1);
		assert_int_equal(w->sends, cases[i].ends == 0 ? 10 : 0);
		finish();
	}
}

TEST(test_a_connection_that_is_lost_during_the_first_ask)
{
	make(TEN);
	w->asks_cut = true;
	assert_int_equal(says("the connection was lost", EX_TEMPFAIL), 1);
	assert_int_equal(w->sends, 0);
	assert_int_equal(run(), 0);
	assert_stored(TEN);
	finish();
}

TEST(test_an_ask_over_a_former_connection_settles_nothing)
{
	make(TEN);
	assert_int_equal(run(), 0);
	assert_result(events_append(s.spool, "k l", NULL), HS_OK);
	reset_script();
	SCRIPT(LOSE);
	w->cut_after = 1;
	s.options.once = false;
	w->slow_asks = 1;
	assert_int_equal(run(), 0);
	assert_true(w->asks >= 3); /* that of the start, the one over the former connection, and another */
	assert_stored(TEN);
	assert_stored("k l");
	finish();
}

TEST(test_asks_that_fail_while_it_runs_are_said_once_and_made_again)
{
	make(TEN);
	SCRIPT(STORE, LOSE, STORE_SILENTLY);
	w->failing_asks = 4;
	w->fails_from = 2;
	w->hurry_ms = 100;
	assert_int_equal(says("the stream does not say what it has: the ask's words: it tries again", 0), 1);
	assert_stored(TEN);
	finish();
}

TEST(test_an_ask_that_finds_the_stream_set_up_wrongly_ends_it)
{
	make(TEN);
	assert_int_equal(run(), 0);
	assert_result(events_append(s.spool, "k l", NULL), HS_OK);
	reset_script();
	SCRIPT(MOMENT);
	w->failing_asks = 1;
	w->fails_from = 2;
	w->ask_code = EX_CONFIG;
	assert_int_equal(says("hookspool ship: the ask's words\n", EX_CONFIG), 1);
	reset_script();
	assert_int_equal(run(), 0);
	assert_stored("k l");
	finish();
}

TEST(test_a_walk_that_fails_ends_the_start)
{
	make(many("m", 0, 60));
	assert_int_equal(run(), 0);
	forget(20);
	w->walks_fail = true;
	assert_int_equal(says("the walk's words", EX_TEMPFAIL), 1);
	reset_script();
	assert_int_equal(run(), 0);
	assert_stored(many("m", 0, 60));
	finish();
}

TEST(test_a_message_that_the_engine_does_not_take_is_tried_again)
{
	make(TEN);
	w->illegal = 2;
	assert_int_equal(run(), 0);
	assert_stored(TEN);
	finish();
}

/* --- where a run begins ----------------------------------------------------------------------------- */

TEST(test_from_now_goes_on_after_what_the_stream_forgot)
{
	make(TEN);
	assert_int_equal(run(), 0);
	forget(MESSAGES);
	assert_result(events_append(s.spool, "k", NULL), HS_OK);
	s.options.from_now = true;
	reset_script();
	assert_int_equal(run(), 0);
	assert_int_equal(w->sends, 1);
	assert_stored("k");
	finish();
}

/* It was restored from a copy with all its messages. */
TEST(test_a_stream_that_was_made_anew_with_all_that_was_sent)
{
	make(TEN);
	assert_int_equal(run(), 0);
	snprintf(w->created, sizeof w->created, "2026-11-30T04:00:00Z");
	s.options.from_start = true;
	reset_script();
	assert_int_equal(run(), 0);
	assert_true(w->sends == 0);
	snprintf(w->created, sizeof w->created, "2026-12-01T04:00:00Z");
	s.options.from_start = false;
	s.options.from_now = true;
	assert_int_equal(run(), 0);
	assert_true(w->sends == 0);
	assert_stored(TEN);
	finish();
}

/* Somebody removed them one by one; limits would have moved the stream's first message. */
TEST(test_messages_that_were_removed_are_forgotten)
{
	make(TEN);
	assert_int_equal(run(), 0);
	w->count = 0;
	assert_int_equal(says("it has nothing of receiver kodabuzi left", EX_CONFIG), 1);
	assert_int_equal(w->sends, 10);
	finish();
}

/* The last message's record is gone from the spool, with its segment or alone, so that it cannot be compared. */
TEST(test_a_last_record_that_the_spool_has_no_more)
{
	make("a b c");
	assert_int_equal(run(), 0);
	assert_result(hs_spool_rotate(s.spool, hs_io_now_monotonic() + 60000), HS_OK);
	assert_result(events_append(s.spool, "d anna@e", NULL), HS_OK);
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
	assert_int_equal(run(), 0);
	assert_stored("a b c d e");
	assert_in_range(events_erase(s.spool, &s.d, "anna"), 1, 1);
	assert_result(events_append(s.spool, "f", NULL), HS_OK);
	assert_int_equal(run(), 0);
	assert_stored("a b c d e f");
	finish();
}

/* Ship was killed with all of them in the stream, and none in the cursor. */
TEST(test_an_erasure_while_what_the_stream_has_is_passed_over)
{
	for (size_t wake = 2; wake < 8; wake++) {
		make("a b anna@c d e f g h i j");
		w->kill_after = 8;
		assert_int_equal(run_apart(), 9);
		reset_script();
		w->erase_at_wake = wake;
		s.options.records = 2;
		assert_int_equal(run(), 0);
		assert_stored("a b c d e f g h i j");
		w->false_claim = false; /* the test cannot compare a place with one before the erasure */
		finish();
	}
}

/* --- calls that fail -------------------------------------------------------------------------------- */

static const char KEPT[] = "a b c d e f";

static bool forgets = true;

/* Some of it is stored, some was perhaps forgotten; then answers get lost, and a record is too long. */
static void prepare_faults(void)
{
	static bool is_made;
	char words[512];

	if (is_made)
		finish();
	is_made = true;
	make("a b c d");
	assert_int_equal(run(), 0);
	if (forgets)
		forget(2);
	snprintf(words, sizeof words, "e %0*d f", 300, 7);
	assert_result(events_append(s.spool, words, NULL), HS_OK);
	reset_script();
	SCRIPT(LOSE, STORE, STORE_SILENTLY);
	w->payload_max = 350;
	w->hurry_ms = 100;
	s.options.aside = true;
}

static enum hs_result run_faults(void)
{
	return run() == 0 ? HS_OK : HS_E_IO;
}

static void is_stored_once(void)
{
	assert_stored(KEPT);
	assert_true(spooldir_size(&s.d, "failed.jsonl") > 300);
}

TEST(test_whatever_fails_each_record_is_stored_once)
{
	fail_each_of(FAIL_CALL(WRAP_OPENAT) | FAIL_CALL(WRAP_PREAD) | FAIL_CALL(WRAP_PWRITE) | FAIL_CALL(WRAP_FLOCK) |
	                 FAIL_CALL(WRAP_MALLOC) | FAIL_CALL(WRAP_CALLOC) | FAIL_CALL(WRAP_REALLOC) |
	                 FAIL_CALL(WRAP_SHA256),
	             &(struct job){ prepare_faults, run_faults, is_stored_once, 12 });
	forgets = false; /* so that the last message is compared */
	fail_each_of(FAIL_CALL(WRAP_FLOCK) | FAIL_CALL(WRAP_SHA256),
	             &(struct job){ prepare_faults, run_faults, is_stored_once, 100 });
	finish();
}

/* Kills, lost answers, lost connections, a stream that forgets: each record is stored once. */
TEST(test_anything_may_happen_at_any_time)
{
	int code;

	make(many("m", 0, 400));
	w->dice = random_new(random_seed());
	s.options.ack_wait_ms = 5;
	for (int round = 0; round < 60; round++) {
		reset_script();
		w->most_on_way = dice(7);
		w->backwards = dice(2) == 1;
		w->scripted = dice(20);
		for (size_t i = 0; i < w->scripted; i++)
			w->script[i] = dice(2) == 0 ? STORE : (enum fate)(STORE_SILENTLY + dice(2));
		w->kill_after = 1 + dice(30);
		w->cut_after = dice(2) == 0 ? 0 : 1 + dice(30);
		w->cut_lost = dice(3) == 0 ? dice(10) : 0;
		if (dice(4) == 0)
			forget(dice(12));
		run_apart();
	}
	reset_script();
	code = run();
	if (code == EX_CONFIG) { /* the stream has forgotten all of this receiver's: a person decides */
		s.options.from_start = true;
		code = run();
	}
	assert_int_equal(code, 0);
	assert_stored(many("m", 0, 400));
	finish();
}

TESTS("sink_ship", NULL, NULL)

/* ship --verify, --mend and --dry-run over an engine of the test's own, whose stream is a table. */
#include "base/io.h"
#include "spool/spool.h"
#include "tests/lib/events.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/command.h"
#include "tools/ship/dry_run.h"
#include "tools/ship/ship_verify.h"
#include "tools/ship/subject.h"
#include "tools/sink/event_source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

const struct hs_command *const hs_commands[] = { NULL }; /* for tools/command.c */

enum { MESSAGES = 64, HOUR_MS = 3600 * 1000, NO_ANSWER = -1 };

/* --- the engine ------------------------------------------------------------------------------ */

struct stored {
	uint64_t sequence;
	bool other; /* of another receiver */
	struct hs_places places;
	char id[64];
};

static struct hs_engine {
	int fd;
	struct stored message[MESSAGES];
	size_t count;
	struct hs_engine_stream stream;
	unsigned calls, failing; /* calls that wait, and which of them fails; 0: none */
	int64_t since_ms[2];     /* of the last walk of each kind */
	enum hs_send sent;
	int kind; /* of the answers, or NO_ANSWER */
	bool duplicate, late, asked;
	void (*on_walk)(void), (*on_send)(void);
	unsigned sends;
	struct hs_places claim; /* of the message that was sent last */
	struct hs_answer answer[4];
	size_t answers;
} e;

static struct scene {
	struct spooldir d;
	struct hs_spool *spool;
	char config[PATH_MAX], said[1 << 14];
	struct hs_ship_run run;
} s;

static int fails(struct hs_engine_failure *failure)
{
	if (++e.calls != e.failing)
		return 0;
	*failure = (struct hs_engine_failure){ EX_TEMPFAIL, "the leader changed" };
	return EX_TEMPFAIL;
}

static void store(const struct hs_places *places, const char *id, bool other)
{
	struct stored *m = &e.message[e.count];

	assert_true(e.count < MESSAGES);
	m->sequence = ++e.count;
	m->places = *places;
	m->other = other;
	snprintf(m->id, sizeof m->id, "%s", id);
}

int hs_engine_fd(const struct hs_engine *engine)
{
	return engine->fd; /* always readable */
}

void hs_engine_woken(struct hs_engine *engine)
{
	(void)engine;
}

void hs_engine_ask(struct hs_engine *engine)
{
	(void)engine;
}

bool hs_engine_asked(struct hs_engine *engine, struct hs_engine_asked *asked)
{
	engine->asked = !engine->asked;
	if (engine->asked) /* not yet */
		return false;
	*asked = (struct hs_engine_asked){ .any = engine->count > 0, .stream = engine->stream };
	asked->failed = fails(&asked->failure) != 0;
	if (asked->any)
		asked->done = engine->message[engine->count - 1].places;
	return true;
}

void hs_engine_asked_free(struct hs_engine_asked *asked)
{
	free(asked->set);
}

int hs_engine_look(struct hs_engine *engine, struct hs_engine_stream *stream, struct hs_engine_failure *failure)
{
	*stream = engine->stream;
	return fails(failure);
}

int hs_engine_walk(struct hs_engine *engine, enum hs_walk of, uint64_t from, int64_t since_ms,
                   bool (*each)(void *context, uint64_t sequence, const struct hs_places *places, struct hs_slice id),
                   void *context, struct hs_engine_failure *failure)
{
	if (engine->on_walk != NULL)
		engine->on_walk();
	engine->since_ms[of] = since_ms;
	for (size_t i = 0; i < engine->count; i++) {
		const struct stored *m = &engine->message[i];

		if (m->sequence >= from && m->sequence >= engine->stream.first && (of == HS_WALK_ALL || !m->other) &&
		    !each(context, m->sequence, &m->places, hs_slice_str(m->id)))
			break;
	}
	return fails(failure);
}

enum hs_send hs_engine_send(struct hs_engine *engine, const struct hs_message *message)
{
	engine->sends++;
	assert_slice_equal(message->subject, HS_SLICE("hookspool.kodabuzi._.track"));
	assert_true(hs_places_read(message->place, &engine->claim));
	if (engine->sent != HS_SENT)
		return engine->sent;
	if (engine->late) /* that of an earlier message */
		engine->answer[engine->answers++] =
		    (struct hs_answer){ .tag = message->tag + 100, .kind = HS_ANSWER_FULL };
	if (engine->kind != NO_ANSWER)
		engine->answer[engine->answers++] = (struct hs_answer){ .tag = message->tag,
			                                                .kind = (enum hs_answer_kind)engine->kind,
			                                                .duplicate = engine->duplicate,
			                                                .sequence = 7 };
	if (engine->on_send != NULL)
		engine->on_send();
	return HS_SENT;
}

void hs_engine_flush(struct hs_engine *engine)
{
	(void)engine;
}

bool hs_engine_answer(struct hs_engine *engine, struct hs_answer *answer)
{
	if (engine->answers == 0)
		return false;
	*answer = engine->answer[0];
	memmove(engine->answer, engine->answer + 1, --engine->answers * sizeof *answer);
	return true;
}

/* --- the scene --------------------------------------------------------------------------------- */

/* Each record of the spool has its message, and the cursor is after all of them. */
static void ship_all(void)
{
	struct hs_event_source source;
	struct hs_slice line;

	assert_int_equal(hs_event_source_open(&source, "ship", s.config, "ship", NULL), 0);
	while (hs_reader_next(source.reader, &line) == HS_READ_LINE) {
		struct hs_position after = hs_reader_place(source.reader);
		struct hs_places places = { .own = { after.number, after.offset - line.n - 1, after.edit },
			                    .stored_at = e.count };
		bool named = memmem(line.p, line.n, "message_id", 10) != NULL;
		struct hs_slice word = named ? word_of(line) : HS_SLICE("");
		char id[64];

		places.stored = e.count > 0 ? e.message[0].places.own : places.own;
		snprintf(id, sizeof id, "/%.*s", (int)word.n, word.p);
		store(&places, id, false);
	}
	assert_result(hs_cursor_save(source.cursor, hs_reader_position(source.reader)), HS_OK);
	hs_event_source_close(&source, 0);
}

static void make_spool(const char *words)
{
	static char subject[] = HS_SUBJECT_DEFAULT, to[] = "nats://a", stream[] = "events";

	memset(&s, 0, sizeof s);
	e = (struct hs_engine){ .fd = eventfd(1, EFD_CLOEXEC), .kind = HS_ANSWER_STORED };
	spooldir_make(&s.d, "");
	s.spool = hs_spool_new(s.d.settings);
	assert_result(events_append(s.spool, words, NULL), HS_OK);
	spooldir_configure(&s.d, s.config, sizeof s.config);
	s.run = (struct hs_ship_run){ .config = s.config,
		                      .given = { .to = to, .stream = stream, .subject = subject, .ack_wait = 60000 } };
}

static void make(const char *words)
{
	make_spool(words);
	ship_all();
}

static void finish(void)
{
	wrap_reset();
	close(e.fd);
	hs_spool_free(s.spool);
	spooldir_remove(&s.d);
}

/* This receiver's message for the nth word is lost. */
static void lose(size_t n)
{
	e.message[n].other = true;
	snprintf(e.message[n].id, sizeof e.message[n].id, "/other-%zu", n);
}

static int verify(void)
{
	return hs_ship_verify(&s.run, "kodabuzi", &e);
}

static int dry_run(void)
{
	return hs_ship_dry_run(&s.run, "kodabuzi", &e, &e.stream);
}

/* Runs it; s.said has what it prints to both descriptors. */
static int collect(int (*run)(void))
{
	int file = memfd_create("said", MFD_CLOEXEC), out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), code;
	ssize_t got;

	assert_true(file >= 0 && out >= 0 && err >= 0);
	fflush(stdout);
	assert_true(dup2(file, STDOUT_FILENO) >= 0 && dup2(file, STDERR_FILENO) >= 0);
	code = run();
	fflush(stdout);
	assert_true(dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0);
	close(out);
	close(err);
	assert_int_equal(lseek(file, 0, SEEK_SET), 0);
	got = read(file, s.said, sizeof s.said - 1);
	s.said[got > 0 ? got : 0] = '\0';
	close(file);
	return code;
}

#define assert_says(run, code, words) assert_said((run), (code), (words), __LINE__)
static void assert_said(int (*run)(void), int code, const char *words, int line)
{
	int got = collect(run);

	if (got != code || strstr(s.said, words) == NULL)
		fail_msg("line %d: %d instead of %d, or no \"%s\" in:\n%s", line, got, code, words, s.said);
}

/* --- tests of --verify ----------------------------------------------------------------------------- */

TEST(each_record_has_one_message)
{
	make("a b c");
	assert_says(verify, 0, "3 records before the cursor, 3 messages: 0 lacking, 0 mended, 0 elsewhere, 0 twice");
	s.run.mend = true;
	assert_says(verify, 0, "0 lacking, 0 mended");
	assert_int_equal(e.sends, 0);
	s.run.mend = false;
	store(&e.message[1].places, "/b", false);
	assert_says(verify, 1, "twice: messages 2 and 4\n");
	lose(3);
	lose(1);
	assert_says(verify, 1, " /b\n3 records before the cursor, 2 messages: 1 lacking, 0 mended, 0 elsewhere");
	assert_int_equal(strncmp(s.said, "lacking: segment 1 byte ", 24), 0);
	for (size_t i = 0; i < 3; i++)
		lose(i);
	assert_says(verify, 1, "0 messages: 3 lacking");
	finish();
}

TEST(what_is_after_the_cursor_is_not_lacking)
{
	make("a b");
	assert_result(events_append(s.spool, "c", NULL), HS_OK);
	assert_says(verify, 0, "2 records before the cursor, 2 messages: 0 lacking");
	finish();
}

TEST(what_another_receiver_has_sent_is_elsewhere_and_not_sent_again)
{
	make("a b c");
	lose(1);
	store(&e.message[1].places, "/b", true);
	assert_says(verify, 0, " /b: message 4\n3 records before the cursor, 2 messages: 0 lacking, 0 mended, 1 elsew");
	lose(0);
	s.run.mend = true;
	assert_says(verify, 0, "1 lacking, 1 mended, 1 elsewhere");
	assert_int_equal(e.sends, 1);
	finish();
}

TEST(mending_fills_an_empty_stream)
{
	make("a b");
	e.count = 0;
	s.run.mend = true;
	assert_says(verify, 0, "2 records before the cursor, 0 messages: 2 lacking, 2 mended");
	finish();
}

/* Such a record is another one than each that another receiver has sent. */
TEST(a_record_without_a_message_id_is_not_elsewhere)
{
	struct events *events;
	struct hs_append batch;
	uint64_t duplicate = 0;
	char *id;

	make_spool("");
	events = events_new("a");
	id = memmem(events->lines.p, events->lines.n, "message_id", 10);
	assert_non_null(id);
	id[0] = 'M';
	batch = events_batch(events, &duplicate);
	assert_result(hs_spool_append(s.spool, &batch), HS_OK);
	events_free(events);
	ship_all();
	lose(0);
	store(&e.message[0].places, "/a", true);
	assert_says(verify, 1, "lacking: segment 1 byte 0 \n1 records");
	s.run.mend = true;
	assert_says(verify, 0, "1 lacking, 1 mended");
	finish();
}

TEST(what_becomes_of_a_record_that_is_sent_again)
{
	static const struct {
		enum hs_send sent;
		int kind;
		bool late, aside;
		int code;
		const char *words;
	} cases[] = {
		{ HS_SENT, HS_ANSWER_STORED, false, false, 0, "1 lacking, 1 mended" },
		{ HS_SENT, HS_ANSWER_STORED, true, false, 0, "1 lacking, 1 mended" },
		{ HS_SENT, HS_ANSWER_OVERSIZE, false, false, 1, " /b\n3 records" },
		{ HS_SENT, HS_ANSWER_OVERSIZE, false, true, 0, "1 too long" },
		{ HS_SEND_OVERSIZE, NO_ANSWER, false, false, 1, "too long: segment 1 byte " },
		{ HS_SEND_DOWN, NO_ANSWER, false, false, EX_TEMPFAIL,
		  "no answer that says it is stored: run it again" },
		{ HS_SEND_ILLEGAL, NO_ANSWER, false, false, EX_TEMPFAIL, "no answer that says it is stored" },
		{ HS_SENT, HS_ANSWER_FULL, false, false, EX_TEMPFAIL, "no answer that says it is stored" },
		{ HS_SENT, NO_ANSWER, false, false, EX_TEMPFAIL, "no answer that says it is stored" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		make("a b c");
		lose(1);
		s.run.mend = true;
		s.run.given.aside = cases[i].aside;
		s.run.given.ack_wait = cases[i].kind == NO_ANSWER ? 2 : 60000;
		e.sent = cases[i].sent;
		e.kind = cases[i].kind;
		e.late = cases[i].late;
		assert_says(verify, cases[i].code, cases[i].words);
		assert_int_equal(e.sends, 1);
		assert_int_equal(e.claim.stored_at, e.message[2].places.stored_at); /* no news about what was before */
		finish();
	}
}

static void other_sends_b(void)
{
	store(&e.message[1].places, "/b", true);
}

TEST(a_record_that_the_stream_refuses_as_a_duplicate)
{
	make("a b c");
	lose(1);
	s.run.mend = e.duplicate = true;
	assert_says(verify, 1, "as a duplicate of message 7, which is gone: run it again after the duplicate window");
	e.failing = e.calls;
	e.calls = 0;
	assert_says(verify, EX_TEMPFAIL, "hookspool ship: the leader changed\n");
	e.on_send = other_sends_b;
	assert_says(verify, 0, "0 lacking, 0 mended, 1 elsewhere");
	finish();
}

/* It is sent over minutes, and meanwhile another receiver sends what is to come. */
static void time_passes(void)
{
	wrap_clock(0, 31000);
	e.on_send = NULL;
	store(&e.message[2].places, "/c", true);
}

TEST(what_another_receiver_sends_meanwhile_is_not_sent_again)
{
	make("a b c");
	lose(1);
	lose(2);
	s.run.mend = true;
	s.run.since = "1h";
	e.on_send = time_passes;
	assert_says(verify, 0, "1 lacking, 1 mended, 1 elsewhere");
	assert_int_equal(e.sends, 1);
	assert_int_equal(e.since_ms[HS_WALK_ALL], 0); /* what came after the first look, whatever its time */
	finish();
}

/* Whatever the server is asked for: the words say why, and another run succeeds. */
TEST(a_question_without_an_answer_ends_it)
{
	int code = EX_TEMPFAIL;

	for (unsigned nth = 1; code == EX_TEMPFAIL; nth++) {
		make("a b c");
		lose(1);
		lose(2);
		s.run.mend = true;
		e.on_send = time_passes;
		e.failing = nth;
		code = collect(verify);
		assert_int_equal(code, e.calls < nth ? 0 : EX_TEMPFAIL);
		assert_true(code == 0 || strstr(s.said, "hookspool ship: the leader changed\n") != NULL);
		wrap_reset();
		e.failing = 0;
		assert_int_equal(collect(verify), 0);
		finish();
		assert_true(nth > 7 || code != 0);
	}
}

TEST(what_limits_have_deleted_is_not_lacking)
{
	static const struct {
		struct hs_engine_stream stream;
		int code;
	} cases[] = {
		{ { .first = 3, .max_age_ms = 1000, .discard_new = true }, 0 },
		{ { .first = 3, .max_bytes = 1000 }, 0 },
		{ { .first = 3, .max_messages = 1000 }, 0 },
		{ { .first = 3 }, 1 },
		{ { .first = 3, .max_bytes = 1000, .discard_new = true }, 1 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		make("a b c d");
		e.stream = cases[i].stream;
		assert_says(verify, cases[i].code, cases[i].code == 0 ? "2 deleted by limits" : "2 lacking");
		lose(3); /* limits delete no later message than one that is there */
		assert_says(verify, 1, cases[i].code == 0 ? "1 lacking" : "3 lacking");
		e.message[2].places.stored =
		    e.message[3].places.own; /* c was sent again when all before d was stored */
		assert_says(verify, 1, cases[i].code == 0 ? "1 lacking" : "3 lacking");
		finish();
	}
}

TEST(since_when_records_and_messages_are_compared)
{
	int64_t now = hs_io_now();

	make("a b c");
	lose(1);
	s.run.since = "1h";
	assert_says(verify, 1, "3 records before the cursor, 2 messages: 1 lacking");
	assert_in_range(e.since_ms[HS_WALK_OWN] - now + HOUR_MS, 0, HOUR_MS / 2);
	assert_in_range(e.since_ms[HS_WALK_ALL] - now + 25 * HOUR_MS, 0, HOUR_MS / 2);
	e.stream.window_ms = 48 * HOUR_MS;
	assert_says(verify, 1, "1 lacking");
	assert_in_range(e.since_ms[HS_WALK_ALL] - now + 49 * (int64_t)HOUR_MS, 0, HOUR_MS / 2);
	s.run.since = "now";
	assert_says(verify, 0, "0 records before the cursor");
	finish();
}

static void erase_anna(void)
{
	e.on_walk = NULL;
	assert_int_equal(events_erase(s.spool, &s.d, "anna"), 1);
}

TEST(a_message_whose_record_was_erased_is_told_and_nothing_lacks)
{
	make("anna@a b c");
	e.on_walk = erase_anna;
	assert_says(verify, 0, "erased: message 1\n2 records before the cursor, 2 messages: 0 lacking");
	assert_says(verify, 0, "1 of erased records");
	finish();
	make("a anna@b c"); /* and the limits have deleted the message before it */
	e.stream = (struct hs_engine_stream){ .first = 2, .max_age_ms = 1000 };
	erase_anna();
	assert_says(verify, 0, "erased: message 2\n2 records before the cursor, 1 messages: 0 lacking");
	assert_says(verify, 0, "1 of erased records, 1 deleted by limits");
	finish();
}

/* --- tests of --dry-run ----------------------------------------------------------------------------- */

TEST(a_dry_run_says_what_is_to_be_sent)
{
	make("a acme/b");
	assert_says(dry_run, 0, "0 records, 0 bytes to send\n");
	assert_result(events_append(s.spool, "acme/c d e", NULL), HS_OK);
	assert_says(dry_run, 0, "cursor ship: segment 1, byte ");
	assert_non_null(strstr(s.said, "\n3 records, "));
	assert_non_null(strstr(s.said, "         1  hookspool.kodabuzi.acme.track\n"));
	assert_non_null(strstr(s.said, "         2  hookspool.kodabuzi._.track\n"));
	assert_null(strstr(s.said, "other subjects"));
	assert_int_equal(e.sends, 0);
	finish();
}

TEST(a_dry_run_without_a_cursor)
{
	make_spool("a b c");
	assert_says(dry_run, 0, "cursor ship is new: it begins at the oldest event\n3 records, ");
	s.run.since = "now";
	assert_says(dry_run, 0, "cursor ship is new: it begins at now\n0 records, ");
	assert_false(spooldir_exists(&s.d, ".hookspool/cursors/ship"));
	finish();
}

/* Another command's cursor comes first in the folder. */
TEST(a_dry_run_with_a_damaged_cursor)
{
	struct hs_event_source source;

	make("a b");
	assert_int_equal(hs_event_source_open(&source, "each", s.config, "other", NULL), 0);
	assert_result(hs_cursor_save(source.cursor, hs_reader_position(source.reader)), HS_OK);
	hs_event_source_close(&source, 0);
	assert_says(dry_run, 0, "0 records, 0 bytes to send\n");
	spooldir_write(&s.d, ".hookspool/cursors/other", HS_SLICE("damaged"));
	assert_says(dry_run, 0, "0 records, 0 bytes to send\n");
	spooldir_write(&s.d, ".hookspool/cursors/ship", HS_SLICE("damaged"));
	assert_says(dry_run, EX_IOERR, "the cursor's file in .hookspool/cursors is damaged");
	finish();
}

TEST(a_dry_run_tells_the_first_subjects_and_how_many_others)
{
	char words[1024] = "";

	for (unsigned i = 0; i < 40; i++)
		snprintf(words + strlen(words), sizeof words - strlen(words), "t%u/a%u t%u/b%u ", i, i, i, i);
	make_spool(words);
	assert_says(dry_run, 0, "        16  other subjects\n");
	assert_non_null(strstr(s.said, "80 records, "));
	assert_non_null(strstr(s.said, "         2  hookspool.kodabuzi.t31.track\n"));
	assert_null(strstr(s.said, "t32.track"));
	finish();
}

/* --- of both ------------------------------------------------------------------------------------------ */

/* Three segments, the second of which is gone. */
TEST(segments_that_are_gone_are_told)
{
	make_spool("a b");
	assert_result(hs_spool_rotate(s.spool, hs_io_now_monotonic() + 60000), HS_OK);
	assert_result(events_append(s.spool, "c d", NULL), HS_OK);
	assert_result(hs_spool_rotate(s.spool, hs_io_now_monotonic() + 60000), HS_OK);
	assert_result(events_append(s.spool, "e", NULL), HS_OK);
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 1));
	assert_says(dry_run, 0, "hookspool ship: segments 2 to 2 are gone");
	assert_non_null(strstr(s.said, "\n3 records, "));
	ship_all();
	assert_says(verify, 0, "hookspool ship: segments 2 to 2 are gone");
	finish();
}

/* Nothing they say is wrong, or they end with a message; hs_command_end says that memory ran out. */
static void fail_each_call(int (*run)(void), const char *words)
{
	static const enum wrap_call calls[] = { WRAP_OPENAT, WRAP_PREAD,  WRAP_FLOCK,  WRAP_FSTAT,
		                                WRAP_MALLOC, WRAP_CALLOC, WRAP_REALLOC };

	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		unsigned all;

		wrap_reset();
		assert_says(run, 0, words);
		all = wrap_count(calls[i]);
		assert_true(all > 0);
		for (unsigned nth = 1; nth <= all; nth++) {
			int code;

			wrap_reset();
			wrap_fail(calls[i], nth, 1, wrap_error(calls[i]));
			code = collect(run);
			wrap_reset();
			if (code != EX_OSERR && strstr(s.said, code == 0 ? words : "hookspool") == NULL)
				fail_msg("call %d, number %u: %d, and it says:\n%s", calls[i], nth, code, s.said);
		}
	}
}

TEST(calls_that_fail)
{
	make("anna@a b c d");
	erase_anna();
	lose(1);
	s.run.mend = true;
	fail_each_call(verify, "3 records before the cursor, 2 messages: 1 lacking, 1 mended");
	assert_result(events_append(s.spool, "acme/e", NULL), HS_OK);
	fail_each_call(dry_run, "         1  hookspool.kodabuzi.acme.track\n");
	finish();
}

TESTS("ship_verify", NULL, NULL)

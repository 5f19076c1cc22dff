#include "tests/lib/events.h"
#include "base/io.h"
#include "base/timestamp.h"
#include "spool/erase.h"
#include "tests/lib/processes.h"
#include "tests/lib/unit.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void add_event(struct events *e, struct hs_dedup_key_maker *identifier, struct hs_json *json, const char *word,
                      size_t n)
{
	struct hs_record *record = &e->record[e->count++];
	const char *slash = memchr(word, '/', n);
	int tenant = slash == NULL ? 0 : (int)(slash - word);
	const char *of = slash == NULL ? word : slash + 1, *at = memchr(of, '@', n - (size_t)(of - word));
	const char *id = at == NULL ? of : at + 1;
	static _Atomic unsigned made;
	bool known, random = word[0] == '!';
	char now[HS_TIMESTAMP_TEXT + 1], line[512], suffix[40] = "";
	int64_t ms;
	int length;

	assert_true(e->count <= EVENTS_MOST);
	hs_timestamp_text(hs_io_now(), now);
	if (random)
		snprintf(suffix, sizeof suffix, "-%d-%u", (int)getpid(), made++);
	length = snprintf(
	    line, sizeof line, "{\"type\":\"track\",\"message_id\":\"%.*s%s\"%s%.*s%s%s%.*s%s,\"spooled_at\":\"%s\"}\n",
	    (int)(word + n - id), id, suffix, tenant > 0 ? ",\"tenant\":\"" : "", tenant, word, tenant > 0 ? "\"" : "",
	    at != NULL ? ",\"user_id\":\"" : "", at != NULL ? (int)(at - of) : 0, of, at != NULL ? "\"" : "", now);
	assert_true(length > 0 && (size_t)length < sizeof line);
	hs_buf_put(&e->lines, line, (size_t)length);
	record->n = (size_t)length;
	record->random = random;
	record->type = HS_EVENT_TYPE_TRACK;
	assert_result(hs_dedup_key_of_line(identifier, json, hs_slice(line, record->n - 1), &known, &record->id, &ms),
	              HS_OK);
	assert_true(known);
}

struct events *events_new(const char *words)
{
	struct events *e = calloc(1, sizeof *e);
	struct hs_dedup_key_maker identifier;
	struct hs_json json = { 0 };

	assert_non_null(e);
	assert_true(hs_dedup_key_maker_init(&identifier));
	while (*(words += strspn(words, " ")) != '\0') {
		size_t n = strcspn(words, " ");

		add_event(e, &identifier, &json, words, n);
		words += n;
	}
	hs_dedup_key_maker_free(&identifier);
	hs_json_free(&json);
	return e;
}

void events_free(struct events *e)
{
	hs_buf_free(&e->lines);
	free(e);
}

struct hs_append events_batch(const struct events *e, uint64_t *duplicate)
{
	return (struct hs_append){ .records = hs_buf_slice(&e->lines),
		                   .record = e->record,
		                   .count = e->count,
		                   .duplicate = duplicate,
		                   .deadline_ms = soon() };
}

/* A post and the thread that waits for it. */
struct waited {
	struct hs_post post; /* first, so that both have one address */
	enum hs_result result;
	_Atomic uint32_t done;
};

static void waited_done(struct hs_post *post, enum hs_result result)
{
	struct waited *w = (struct waited *)post;

	w->result = result;
	atomic_store(&w->done, 1);
	hs_io_wake(&w->done, 1);
}

/* Posts it, as a request does, and waits in case another thread leads. */
enum hs_result events_append(struct hs_spool *spool, const char *words, uint64_t *duplicate)
{
	struct events *e = events_new(words);
	uint64_t ignored;
	struct waited w = { .post = { .append = events_batch(e, duplicate != NULL ? duplicate : &ignored),
		                      .done = waited_done } };

	*w.post.append.duplicate = 0;
	if (e->lines.n > HS_POST_BYTES)
		waited_done(&w.post, hs_spool_append(spool, &w.post.append));
	else if (hs_spool_post(spool, &w.post))
		hs_spool_commit(spool);
	while (atomic_load(&w.done) == 0)
		hs_io_wait(&w.done, 0, 1000);
	events_free(e);
	return w.result;
}

uint64_t events_erase(struct hs_spool *spool, const struct spooldir *d, const char *user)
{
	struct hs_subjects subjects;
	struct hs_eraser how = { .subjects = &subjects };
	struct hs_erasure done;

	hs_subjects_init(&subjects, 1);
	assert_true(hs_subjects_add_id(&subjects, HS_SUBJECT_USER, hs_slice_str(user), ""));
	assert_result(hs_erase(spool, d->settings, &how, &done), HS_OK);
	hs_subjects_free(&subjects);
	return done.events;
}

struct apart {
	struct spooldir *d;
	const char *words;
	struct {
		enum hs_result result;
		uint64_t duplicate;
	} * shared;
};

static int append_apart(void *context)
{
	struct apart *a = context;
	struct hs_spool *spool = hs_spool_new(a->d->settings);

	a->shared->result = events_append(spool, a->words, &a->shared->duplicate);
	hs_spool_free(spool);
	return 0;
}

enum hs_result events_append_apart(struct spooldir *d, const char *words, uint64_t *duplicate)
{
	struct apart a = { d, words, NULL };
	enum hs_result result;

	a.shared = mmap(NULL, sizeof *a.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(a.shared != MAP_FAILED);
	assert_int_equal(child_wait(child_start(append_apart, &a)), 0);
	result = a.shared->result;
	if (duplicate != NULL)
		*duplicate = a.shared->duplicate;
	munmap(a.shared, sizeof *a.shared);
	return result;
}

const char *many(const char *prefix, int from, int to)
{
	static char text[2][64 * 1024];
	static int next;
	char *out = text[next++ % 2];
	size_t n = 0;

	out[0] = '\0';
	for (int i = from; i < to; i++)
		n += (size_t)snprintf(out + n, sizeof text[0] - n, "%s%d ", prefix, i);
	assert_true(n < sizeof text[0]);
	return out;
}

struct hs_slice word_of(struct hs_slice line)
{
	static const char label[] = "\"message_id\":\"";
	const char *id = memmem(line.p, line.n, label, sizeof label - 1);

	assert_non_null(id);
	id += sizeof label - 1;
	return hs_slice(id, (size_t)((const char *)memchr(id, '"', line.n) - id));
}

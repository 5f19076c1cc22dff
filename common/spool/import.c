#include "spool/import.h"
#include "spool/admin/retention.h"
#include "spool/import_private.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
	COMMIT_BYTES = 4 << 20,
	HEAD_BYTES = 1 << 16, /* of an archive's start and end, for its key */
	GARBAGE_MOST = 1000,  /* lines and values in a row that are not JSON objects */
};

/* --- a commit ------------------------------------------------------------------- */

void hs_import_empty(struct run *x, struct commit *c)
{
	hs_record_maker_reset(&c->maker, 0);
	hs_buf_reset(&c->people);
	hs_buf_reset(&c->rejected);
	c->undated = c->rejections = c->left_out = c->duplicate = c->suppressed = c->dropped = c->already =
	    c->kept_out = 0;
	c->texts = c->objects = 0;
	c->weak.count = c->refused.count = 0;
	c->first_line = x->in.spot.line;
}

/* Drops the first commit, and ends reading, if the archive is not JSON lines. */
static void check_archive(struct run *x, struct commit *c, bool *more)
{
	bool first = c->first_line == 0;

	if (first && x->done->foreign == NULL && c->texts > 0 && c->objects == 0) {
		x->done->foreign = "no JSON lines";
		x->done->remedy = "each event must be a JSON object on a line of its own: jq -c . FILE, or "
				  "for an array jq -c '.[]' FILE, makes them: … | hookspool import -";
	}
	if (x->done->foreign != NULL) {
		hs_import_empty(x, c);
		x->in.spot.line = c->first_line = 0;
		x->done->garbage = false;
	}
	if (x->done->foreign != NULL || x->done->garbage)
		*more = false;
}

/* Reads one event, or a line without one. *more: the archive goes on. */
static enum hs_result step(struct run *x, struct commit *c, bool *more)
{
	enum hs_result r = HS_OK;

	do {
		if (!x->in.open)
			hs_import_open_text(x, more);
		if (*more)
			r = hs_import_take_piece(x, c, more);
	} while (r == HS_OK && *more && !x->in.open && x->in.spot.event > 0);
	return r;
}

enum hs_result hs_import_fill(struct run *x, struct commit *c, uint64_t to, bool *more)
{
	uint64_t from = x->in.spot.at;
	enum hs_result r = HS_OK;

	hs_import_empty(x, c);
	*more = true;
	for (int n = 0; r == HS_OK && *more && x->in.spot.at < to && n < COMMIT_EVENTS &&
	                x->in.spot.at - from < COMMIT_BYTES && !x->done->garbage;
	     n++) {
		r = step(x, c, more);
		x->done->garbage = x->garbage >= GARBAGE_MOST;
	}
	check_archive(x, c, more);
	c->to = x->in.spot;
	c->read = hs_line_reader_read(&x->in.lines);
	return r;
}

/* True if the commit has lines that only the checkpoint prevents from being appended twice. */
static bool needs_try(const struct run *x, const struct commit *c)
{
	return x->resume.on && c->weak.count + c->refused.count > 0;
}

/* Notes a commit that is about to begin, so that a later run can look for its lines. */
static enum hs_result announce(struct run *x, const struct commit *c)
{
	struct hs_try try = { .to = c->to,
		              .after = x->resume.newest[HS_EVENTS],
		              .rejected_after = x->resume.newest[HS_REJECTED],
		              .name_n = x->name.n };

	if (!needs_try(x, c))
		return HS_OK;
	memcpy(try.spooled_at, c->spooled_at, sizeof try.spooled_at);
	memcpy(try.name, x->name.p, x->name.n);
	return hs_import_checkpoint_try(&x->resume.checkpoint, &try);
}

/* Writes the time over that of the commit in one line: after the first label, since in strings quotes are escaped. */
static void stamp_line(const struct commit *c, char *line, size_t n, const char now[static HS_TIMESTAMP_TEXT + 1])
{
	static const char label[] = "\"spooled_at\":\"";
	const size_t before = sizeof label - 1;
	char *at = memmem(line, n, label, before);

	if (at != NULL && (size_t)(line + n - at) >= before + HS_TIMESTAMP_TEXT &&
	    memcmp(at + before, c->spooled_at, HS_TIMESTAMP_TEXT) == 0)
		memcpy(at + before, now, HS_TIMESTAMP_TEXT);
}

/*
 * Gives the lines the time at which they are appended: reading may have waited for a pipe, and an erase meanwhile is
 * before them. Lines that a later run may look for keep theirs, with which it makes them again.
 */
static void stamp_lines(const struct run *x, struct commit *c)
{
	char now[HS_TIMESTAMP_TEXT + 1], *line = c->maker.batch.lines.p, *end;

	if (needs_try(x, c))
		return;
	hs_timestamp_text(hs_io_now(), now);
	for (size_t i = 0; i < c->maker.batch.count; line += c->maker.batch.record[i++].n)
		stamp_line(c, line, c->maker.batch.record[i].n, now);
	line = c->rejected.p;
	for (size_t n = c->rejected.n; n > 0 && (end = memchr(line, '\n', n)) != NULL; line = end + 1) {
		stamp_line(c, line, (size_t)(end - line), now);
		n -= (size_t)(end + 1 - line);
	}
	memcpy(c->spooled_at, now, sizeof now);
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct hs_dedup_key));
}

/* Counts as hs_spool_append would: duplicates in the spool, and within this commit. */
static enum hs_result count_duplicates(const struct run *x, struct commit *c)
{
	const struct hs_record_batch *in = &c->maker.batch;
	struct hs_dedup_key *fresh = malloc((in->count + 1) * sizeof *fresh);
	size_t n = 0;

	if (fresh == NULL)
		return HS_E_MEMORY;
	for (size_t i = 0; i < in->count && x->settings->dedup_window > 0; i++) {
		if (hs_inventory_has(x->how->inventory, &in->record[i].id))
			c->duplicate++;
		else
			fresh[n++] = in->record[i].id;
	}
	qsort(fresh, n, sizeof *fresh, by_id);
	for (size_t i = 1; i < n; i++)
		c->duplicate += by_id(&fresh[i - 1], &fresh[i]) == 0;
	free(fresh);
	return HS_OK;
}

enum hs_result hs_import_append(struct run *x, struct commit *c)
{
	bool asks_spool = !x->how->look_only || x->how->inventory == NULL;
	enum hs_result r = asks_spool ? hs_import_drop_suppressed(x, c) : HS_OK;
	struct hs_append append = {
		.records = hs_buf_slice(&c->maker.batch.lines),
		.record = c->maker.batch.record,
		.count = c->maker.batch.count,
		.rejected = hs_buf_slice(&c->rejected),
		.unparsed = c->maker.batch.unparsed,
		.duplicate = &c->duplicate,
		.suppressed = &c->suppressed,
		.deadline_ms = hs_io_now_monotonic() + COMMIT_MS,
		.look_only = x->how->look_only,
	};

	if (r != HS_OK)
		return r;
	if (!asks_spool)
		r = count_duplicates(x, c);
	else if (append.records.n > 0 || append.rejected.n > 0)
		r = hs_spool_append(x->spool, &append);
	if (r == HS_OK && x->resume.on)
		r = hs_import_checkpoint_move(&x->resume.checkpoint, &c->to, c->rejections, needs_try(x, c));
	return r;
}

static uint64_t deletes_in(const struct commit *c)
{
	const struct hs_record_batch *batch = &c->maker.batch;
	uint64_t deletes = 0;

	for (size_t i = 0; i < batch->count && c->duplicate + c->suppressed < batch->count; i++)
		deletes += batch->record[i].type == HS_EVENT_TYPE_DELETE;
	return deletes;
}

void hs_import_count(struct run *x, const struct commit *c)
{
	x->done->lines += c->to.line - c->first_line;
	x->done->events += c->texts;
	x->done->accepted += c->maker.batch.count - c->duplicate - c->suppressed;
	x->done->suppressed += c->suppressed + c->kept_out;
	x->done->dropped += c->dropped;
	x->done->deletes += deletes_in(c);
	x->done->duplicate += c->duplicate + c->already;
	x->done->rejected += c->rejections;
	x->done->left_out += c->left_out;
	if (x->done->undated == 0)
		x->done->undated_line = c->undated_line;
	x->done->undated += c->undated;
	x->done->read = c->read;
}

/* --- the thread that appends while the next lines are read ------------------------------- */

static void *append_handed_over(void *context)
{
	struct run *x = context;

	pthread_mutex_lock(&x->appender.lock);
	while (!x->appender.ending || x->appender.handed_over != NULL) {
		enum hs_result r;

		if (x->appender.handed_over == NULL) {
			pthread_cond_wait(&x->appender.changed, &x->appender.lock);
			continue;
		}
		pthread_mutex_unlock(&x->appender.lock);
		stamp_lines(x, x->appender.handed_over);
		r = announce(x, x->appender.handed_over);
		if (r == HS_OK)
			r = hs_import_append(x, x->appender.handed_over);
		pthread_mutex_lock(&x->appender.lock);
		if (r == HS_OK)
			hs_import_count(x, x->appender.handed_over);
		x->appender.result = r;
		x->appender.handed_over = NULL;
		pthread_cond_signal(&x->appender.changed);
	}
	pthread_mutex_unlock(&x->appender.lock);
	return NULL;
}

/* Waits until the last commit is appended, and hands over the next one; NULL ends the thread. */
static enum hs_result hand_over(struct run *x, struct commit *c)
{
	enum hs_result r;

	pthread_mutex_lock(&x->appender.lock);
	while (x->appender.handed_over != NULL)
		pthread_cond_wait(&x->appender.changed, &x->appender.lock);
	r = x->appender.result;
	if (r == HS_OK)
		x->appender.handed_over = c;
	x->appender.ending = c == NULL;
	pthread_cond_signal(&x->appender.changed);
	pthread_mutex_unlock(&x->appender.lock);
	return r;
}

/* The new thread blocks all signals: they are for the thread that reads. */
static bool start_appender(struct run *x)
{
	sigset_t all, before;
	bool ok;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ok = pthread_create(&x->appender.thread, NULL, append_handed_over, x) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ok;
}

/* --- the checkpoint ------------------------------------------------------------------ */

/*
 * Digests the archive and the choice of its events: another choice is another import. False: no memory, or the archive
 * cannot be read, as done->error says.
 */
static bool digest_archive(const struct run *x, struct hs_digest *d, int fd, uint64_t size, char *room)
{
	const struct hs_importer *how = x->how;
	int64_t choice[] = { (int64_t)size, how->since_given, how->since_ms, how->until_given, how->until_ms };
	uint64_t ends[] = { 0, size > HEAD_BYTES ? size - HEAD_BYTES : 0 };
	bool ok = hs_digest_start(d) && hs_digest_add(d, hs_slice((const char *)choice, sizeof choice)) &&
	          hs_digest_add(d, hs_slice(how->tenant, strlen(how->tenant) + 1));

	for (size_t i = 0; i < how->types && ok; i++)
		ok = hs_digest_add(d, hs_slice(how->type[i], strlen(how->type[i]) + 1));
	for (int i = 0; i < 2 && ok; i++) {
		ssize_t got = hs_io_read_at(fd, room, HEAD_BYTES, ends[i]);

		x->done->error = got < 0 ? errno : 0;
		ok = got >= 0 && hs_digest_add(d, hs_slice(room, (size_t)got));
	}
	return ok;
}

static enum hs_result make_key(const struct run *x, int fd, uint64_t size,
                               char key[static HS_IMPORT_CHECKPOINT_KEY + 1])
{
	struct hs_digest *d = hs_digest_new();
	uint8_t whole[HS_SHA256_BYTES];
	char *room = malloc(HEAD_BYTES);
	bool ok = d != NULL && room != NULL && digest_archive(x, d, fd, size, room) && hs_digest_end(d, whole);

	if (ok) {
		hs_hex_encode(whole, HS_IMPORT_CHECKPOINT_KEY / 2, key);
		key[HS_IMPORT_CHECKPOINT_KEY] = '\0';
	}
	hs_digest_free(d);
	free(room);
	return ok || x->done->error != 0 ? HS_OK : HS_E_MEMORY;
}

/*
 * Seeds the random ids with the archive's key: a repeated commit must give the same ids to the same
 * lines. NULL: without a checkpoint nothing is repeated.
 */
static void seed_ids(struct run *x, const char *key)
{
	uint8_t bytes[sizeof(uint64_t)];
	uint64_t seed = x->seed;

	if (key != NULL && hs_hex_decode(hs_slice(key, 2 * sizeof bytes), bytes, sizeof bytes))
		memcpy(&seed, bytes, sizeof seed);
	for (int i = 0; i < 2; i++)
		hs_record_maker_seed(&x->commit[i].maker, seed);
}

static enum hs_result newest_number(const struct run *x, const char *stream, uint64_t *newest)
{
	struct hs_sealed *list;
	size_t count;
	enum hs_result r = hs_sealed_list(x->resume.opened.dir.fd, stream, &list, &count);

	*newest = count > 0 ? list[count - 1].number : 0;
	free(list);
	return r;
}

static enum hs_result open_checkpoint(struct run *x, int fd, uint64_t size)
{
	char key[HS_IMPORT_CHECKPOINT_KEY + 1];
	enum hs_result r = make_key(x, fd, size, key);

	if (r == HS_OK && x->done->error == 0)
		r = hs_spool_dir_open(&x->resume.opened, x->settings, true);
	if (r != HS_OK || x->done->error != 0)
		return r;
	r = hs_import_checkpoint_open(x->resume.opened.dir.private_dir, key, &x->resume.checkpoint);
	x->done->in_use = r == HS_E_LOCKED;
	x->resume.on = r == HS_OK;
	if (r != HS_OK) {
		hs_spool_dir_close(&x->resume.opened);
		return x->done->in_use ? HS_OK : r;
	}
	seed_ids(x, key);
	if (x->how->again)
		hs_import_checkpoint_forget(&x->resume.checkpoint);
	x->done->done_before = x->resume.checkpoint.done;
	x->in.spot = x->resume.checkpoint.spot;
	x->done->resumed = x->resume.checkpoint.spot.line;
	x->done->rejected_before = x->resume.checkpoint.rejected;
	r = newest_number(x, "events", &x->resume.newest[HS_EVENTS]);
	return r == HS_OK ? newest_number(x, "rejected", &x->resume.newest[HS_REJECTED]) : r;
}

/* --- the run ------------------------------------------------------------------------ */

static bool go_on(struct run *x)
{
	const struct hs_importer *how = x->how;
	struct hs_imported so_far;

	pthread_mutex_lock(&x->appender.lock);
	so_far = *x->done;
	pthread_mutex_unlock(&x->appender.lock);
	x->done->stopped = how->go_on != NULL && !how->go_on(how->context, &so_far);
	return !x->done->stopped;
}

/* Not go_on: what was read is in the spool, and the import has not been stopped. */
static bool must_stop(void *context)
{
	const struct run *x = context;

	return x->how->go_on != NULL && !x->how->go_on(x->how->context, x->done);
}

/* Makes the summaries of the segments that were sealed since then. Maintenance makes those of a killed import. */
static void summarize(struct run *x, int64_t since_ms)
{
	struct hs_opened_spool opened;

	if (hs_spool_dir_open(&opened, x->settings, true) != HS_OK)
		return;
	hs_retention_summarize(&opened.dir, since_ms, must_stop, x);
	hs_spool_dir_close(&opened);
}

static enum hs_result commit_all(struct run *x)
{
	enum hs_result r = HS_OK, last;
	bool more = true;

	if (x->resume.on && x->resume.checkpoint.try.open)
		r = hs_import_finish_try(x, &x->commit[0], &more);
	if (r == HS_OK && !start_appender(x))
		r = HS_E_MEMORY;
	if (r != HS_OK)
		return r;
	for (int i = 0; r == HS_OK && more && go_on(x); i = !i) {
		hs_timestamp_text(hs_io_now(), x->commit[i].spooled_at);
		r = hs_import_fill(x, &x->commit[i], UINT64_MAX, &more);
		if (r == HS_OK && x->done->foreign == NULL)
			r = hand_over(x, &x->commit[i]);
	}
	last = hand_over(x, NULL);
	pthread_join(x->appender.thread, NULL);
	r = r == HS_OK ? last : r;
	if (r == HS_OK && x->resume.on && !more && x->done->error == 0 && x->done->foreign == NULL && !x->done->garbage)
		r = hs_import_checkpoint_done(&x->resume.checkpoint, &x->in.spot);
	return r;
}

static enum hs_result run(struct run *x, int fd)
{
	struct stat st;
	bool is_file;
	int64_t begun_ms = hs_io_now();
	enum hs_result r = HS_OK;

	if (hs_io_fstat(fd, &st) < 0)
		return HS_E_IO;
	is_file = S_ISREG(st.st_mode);
	seed_ids(x, NULL);
	if (is_file && !x->how->look_only)
		r = open_checkpoint(x, fd, (uint64_t)st.st_size);
	if (r != HS_OK || x->done->error != 0 || x->done->in_use || x->done->done_before)
		return r;
	if (!hs_line_reader_start_outside(&x->in.lines, fd, !is_file, (size_t)x->settings->max_body, x->in.spot.at)) {
		x->done->error = errno;
		return errno == ENOMEM ? HS_E_MEMORY : HS_OK;
	}
	r = commit_all(x);
	if (r == HS_OK && !x->how->look_only && !x->done->stopped && x->done->foreign == NULL)
		summarize(x, begun_ms);
	return r;
}

static bool init_commit(struct commit *c)
{
	c->weak.lines = &c->maker.batch.lines;
	c->weak.trace = malloc(COMMIT_EVENTS * sizeof *c->weak.trace);
	c->refused.lines = &c->rejected;
	c->refused.trace = malloc(COMMIT_EVENTS * sizeof *c->refused.trace);
	return hs_record_maker_init(&c->maker) && c->weak.trace != NULL && c->refused.trace != NULL;
}

static void free_commit(struct commit *c)
{
	hs_record_maker_free(&c->maker);
	hs_buf_free(&c->people);
	hs_buf_free(&c->rejected);
	free(c->weak.trace);
	free(c->refused.trace);
}

enum hs_result hs_import(struct hs_spool *spool, const struct hs_settings *settings, const struct hs_importer *importer,
                         int fd, const char *name, struct hs_imported *done)
{
	struct run x = { .spool = spool,
		         .settings = settings,
		         .how = importer,
		         .done = done,
		         .name = hs_slice_str(name),
		         .appender = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER } };
	enum hs_result r = HS_E_MEMORY;

	memset(done, 0, sizeof *done);
	x.seed = hs_io_random();
	if (x.name.n > HS_IMPORT_CHECKPOINT_NAME)
		x.name.n = HS_IMPORT_CHECKPOINT_NAME;
	hs_json_init(&x.in.json, x.seed);
	if (init_commit(&x.commit[0]) && init_commit(&x.commit[1]))
		r = run(&x, fd);
	if (x.resume.on) {
		hs_import_checkpoint_close(&x.resume.checkpoint);
		hs_spool_dir_close(&x.resume.opened);
	}
	free_commit(&x.commit[0]);
	free_commit(&x.commit[1]);
	hs_json_free(&x.in.json);
	hs_line_reader_free(&x.in.lines);
	hs_buf_free(&x.message);
	return r;
}

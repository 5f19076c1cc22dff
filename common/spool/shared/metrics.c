#include "spool/shared/metrics.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "spool/shared/metrics_private.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/file.h>

static const char NAME[] = HS_METRICS_FILE;
#define MAGIC UINT64_C(0x68736d6574726963)
enum {
	VERSION = 2,
	OPEN_TRIES = 3,
	LOCK_MS = 50, /* how long another process may take to set the file up */
	PROBES = 256, /* entries of the table of credentials that one name may be in */
	MINUTE_MS = 60000,
};

static const struct hs_metric_info table[HS_METRIC_COUNT] = {
#define ROW(NAME, name, kind, unit, label, help) \
	[HS_METRIC_##NAME] = { \
		#name, unit, help, HS_##kind, HS_LABEL_##label, HS_METRIC_CELLS_##label, offsetof(struct block, name) \
	},
	HS_METRICS(ROW)
#undef ROW
};

const struct hs_metric_info *hs_metric_info(enum hs_metric metric)
{
	assert(metric < HS_METRIC_COUNT);
	return &table[metric];
}

/* --- opening ------------------------------------------------------------------ */

struct hs_metrics *hs_metrics_new(size_t bytes)
{
	struct hs_metrics *m = calloc(1, sizeof *m);

	if (m == NULL || pthread_mutex_init(&m->lock, NULL) != 0) {
		free(m);
		return NULL;
	}
	m->bytes = bytes == HS_METRICS_BYTES ? sizeof(struct block) : bytes;
	assert(m->bytes >= offsetof(struct block, responses));
	return m;
}

void hs_metrics_free(struct hs_metrics *m)
{
	if (m == NULL)
		return;
	if (atomic_load(&m->block) != NULL)
		hs_io_unmap(atomic_load(&m->block), m->bytes);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

/* True if the owner can read and write it. (Root can read and write anything.) */
static bool is_usable(const struct stat *st)
{
	return S_ISREG(st->st_mode) && (st->st_mode & (S_IRUSR | S_IWUSR)) == (S_IRUSR | S_IWUSR);
}

/* Opens the file; one that is not a plain file to read and write is replaced. */
static int open_or_replace(int run_dir, mode_t mode)
{
	int fd = hs_io_open(run_dir, NAME);
	bool missing = fd < 0 && errno == ENOENT, known;
	struct stat st;

	if (fd < 0 && !missing && errno != EACCES && errno != ELOOP && errno != ENXIO)
		return -1;
	if (fd >= 0) {
		known = hs_io_fstat(fd, &st) == 0;
		if (known && is_usable(&st))
			return fd;
		hs_io_close(fd);
		if (!known)
			return -1;
	}
	if (!missing)                        /* another process may just have made it */
		hs_io_unlink(run_dir, NAME); /* if that fails, so does making it */
	return hs_io_open_or_make(run_dir, NAME, mode);
}

enum condition hs_metrics_check_head(const struct head *head, const struct stat *st, size_t bytes)
{
	uint64_t size = (uint64_t)st->st_size;
	char boot_id[37] = "";

	if (size < sizeof *head || atomic_load(&head->magic) != MAGIC)
		return USELESS;
	if (head->version != VERSION)
		return head->version < VERSION ? OLDER : NEWER;
	if (!hs_io_boot_id(boot_id))
		boot_id[0] = '\0';
	if (head->inode != (uint64_t)st->st_ino || size < head->bytes ||
	    strncmp(head->boot_id, boot_id, sizeof head->boot_id) != 0)
		return USELESS;
	return size < bytes ? SHORT : WHOLE;
}

enum condition hs_metrics_check_file(int fd, size_t bytes, struct stat *st)
{
	struct head head = { 0 };
	ssize_t n = hs_io_fstat(fd, st) < 0 ? -1 : hs_io_read_at(fd, (char *)&head, sizeof head, 0);

	if (n < (ssize_t)sizeof head)
		return n < 0 ? UNREAD : USELESS;
	return hs_metrics_check_head(&head, st, bytes);
}

/* Writes zeros rather than a hole: a full disk must not be a SIGBUS. */
static bool write_zeros(int fd, uint64_t from, uint64_t to)
{
	char *zeros = calloc(1, (size_t)(to - from));
	bool done = zeros != NULL && hs_io_write_at(fd, zeros, (size_t)(to - from), from) == 0;

	free(zeros);
	return done;
}

/* The head comes last: without it the file is useless, and set up once more. */
static bool set_up(int fd, const struct stat *st, size_t bytes)
{
	struct head head = { .magic = MAGIC,
		             .version = VERSION,
		             .bytes = bytes,
		             .inode = (uint64_t)st->st_ino,
		             .since_ms = hs_io_now() };

	if (!hs_io_boot_id(head.boot_id))
		head.boot_id[0] = '\0';
	return hs_io_truncate(fd, 0) == 0 && write_zeros(fd, 0, bytes) &&
	       hs_io_write_at(fd, (const char *)&head, sizeof head, 0) == 0;
}

static bool extend(int fd, const struct stat *st, uint64_t bytes)
{
	return write_zeros(fd, (uint64_t)st->st_size, bytes) &&
	       hs_io_write_at(fd, (const char *)&bytes, sizeof bytes, offsetof(struct head, bytes)) == 0;
}

static bool has_name(int run_dir, const struct stat *st)
{
	struct stat named;

	return hs_io_stat(run_dir, NAME, &named) == 0 && named.st_ino == st->st_ino && named.st_dev == st->st_dev;
}

/* Mends the file under flock(2), since two processes may find the same fault. False: try again, or give up. */
static bool mend(int fd, int run_dir, size_t bytes, struct stat *st)
{
	enum condition found;

	if (hs_io_lock_within(fd, LOCK_EX, LOCK_MS) < 0)
		return false;
	found = hs_metrics_check_file(fd, bytes, st); /* perhaps another process has mended it */
	if (found == NEWER || found == UNREAD || !has_name(run_dir, st))
		return false;
	if (found == OLDER)
		hs_io_unlink(run_dir, NAME); /* processes of that version go on in the file they have */
	return found == WHOLE || (found == SHORT && extend(fd, st, bytes)) ||
	       (found == USELESS && set_up(fd, st, bytes));
}

/* NULL: it failed; errno may say why. */
static struct block *open_block(int run_dir, mode_t mode, size_t bytes, struct stat *st)
{
	struct block *block = NULL;

	for (int i = 0; i < OPEN_TRIES && block == NULL; i++) {
		int fd = open_or_replace(run_dir, mode), saved;

		if (fd < 0)
			return NULL;
		if (hs_metrics_check_file(fd, bytes, st) == WHOLE || mend(fd, run_dir, bytes, st))
			block = hs_io_map(fd, bytes);
		saved = errno;
		hs_io_lock(fd, LOCK_UN); /* a mapping would hold it beyond the close */
		hs_io_close(fd);
		errno = saved;
	}
	return block;
}

static bool is_current(const struct hs_metrics *m, const struct block *block, int run_dir)
{
	struct stat named;

	return block != NULL && atomic_load(&block->head.magic) == MAGIC && hs_io_stat(run_dir, NAME, &named) == 0 &&
	       (uint64_t)named.st_ino == m->inode && (uint64_t)named.st_dev == m->device &&
	       (uint64_t)named.st_size >= m->bytes && is_usable(&named);
}

static void tell(struct hs_metrics *m, int error)
{
	if (!m->told)
		hs_log(HS_LOG_WARN,
		       ".hookspool/run/metrics: %s: the figures for stats and monitors are not counted; "
		       "remove the file, or stop the newer hookspool that made it",
		       error != 0 ? strerror(error) : "it is of a newer version");
	m->told = true;
}

bool hs_metrics_follow(struct hs_metrics *m, int run_dir, mode_t mode)
{
	struct block *was;
	struct stat st = { 0 };
	bool open;

	pthread_mutex_lock(&m->lock);
	was = atomic_load(&m->block);
	if (!is_current(m, was, run_dir)) {
		struct block *block;

		errno = 0;
		block = open_block(run_dir, mode, m->bytes, &st);
		if (block == NULL)
			tell(m, errno);
		m->device = (uint64_t)st.st_dev;
		m->inode = (uint64_t)st.st_ino;
		atomic_store(&m->block, block);
		if (was != NULL) /* other threads may be about to add to it */
			hs_io_unmap_lost(was, m->bytes);
	}
	atomic_store(&m->tried, true);
	open = atomic_load(&m->block) != NULL;
	pthread_mutex_unlock(&m->lock);
	return open;
}

bool hs_metrics_is_tried(const struct hs_metrics *m)
{
	return atomic_load(&m->tried);
}

/* --- counting ----------------------------------------------------------------- */

static struct block *block_of(struct hs_metrics *m)
{
	return atomic_load_explicit(&m->block, memory_order_acquire);
}

static void add(_Atomic uint64_t *cell, uint64_t n)
{
	atomic_fetch_add_explicit(cell, n, memory_order_relaxed);
}

/* A cell that this build knows may lie beyond what it has mapped, in tests. */
static void add_at(const struct hs_metrics *m, struct block *block, size_t offset, uint64_t n)
{
	if (offset < m->bytes)
		add((_Atomic uint64_t *)((char *)block + offset), n);
}

void hs_metrics_add_response(struct hs_metrics *m, int status)
{
	struct block *block = block_of(m);
	unsigned cell = (unsigned)status - HS_METRIC_FIRST_STATUS;

	if (block != NULL && cell < HS_METRIC_CELLS_STATUS)
		add_at(m, block, table[HS_METRIC_RESPONSES].offset + cell * sizeof(uint64_t), 1);
}

static uint64_t hash_of(enum hs_result reason)
{
	struct hs_slice name = hs_slice_str(hs_result_info(reason)->name);

	return hs_hash(name.p, name.n, 0);
}

_Atomic uint64_t *hs_metrics_find_reason(const struct block *block, enum hs_result reason, bool make)
{
	uint64_t id = hash_of(reason) | 1;

	for (uint64_t i = 0; i < HS_METRIC_REASONS; i++) {
		_Atomic uint64_t *pair =
		    (_Atomic uint64_t *)(uintptr_t)&block->refused[2 * ((id / 2 + i) % HS_METRIC_REASONS)];
		uint64_t there = atomic_load_explicit(pair, memory_order_relaxed);

		if (there == 0 && (!make || atomic_compare_exchange_strong(pair, &there, id)))
			return make ? pair : NULL;
		if (there == id)
			return pair;
	}
	return NULL;
}

/* True if all cells of the row are mapped: in tests a build may know fewer. */
static bool has_row(const struct hs_metrics *m, enum hs_metric metric)
{
	return table[metric].offset + table[metric].cells * sizeof(uint64_t) <= m->bytes;
}

uint64_t hs_metrics_pack_reason(enum hs_result reason, int64_t at_ms)
{
	return (uint64_t)(at_ms / 1000) << NAME_BITS | hash_of(reason) >> (64 - NAME_BITS);
}

void hs_metrics_add_refusal(struct hs_metrics *m, enum hs_result reason)
{
	struct block *block = block_of(m);
	_Atomic uint64_t *pair =
	    block != NULL && has_row(m, HS_METRIC_REFUSED) ? hs_metrics_find_reason(block, reason, true) : NULL;

	if (pair != NULL)
		add(pair + 1, 1);
	hs_metrics_set(m, hs_result_info(reason)->status == 503 ? HS_METRIC_LAST_FAILURE : HS_METRIC_LAST_REFUSAL,
	               hs_metrics_pack_reason(reason, hs_io_now()));
}

static const uint64_t bounds[][HS_METRIC_BUCKETS] = {
	[HS_LABEL_MS] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 4000, 10000, 60000 },
	[HS_LABEL_US] = { 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 500000, 1000000, 10000000 },
	[HS_LABEL_EVENTS] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000 },
};

uint64_t hs_metrics_bound(enum hs_metric histogram, size_t bucket)
{
	return bounds[table[histogram].label][bucket];
}

void hs_metrics_add_to(struct hs_metrics *m, enum hs_metric histogram, int64_t value)
{
	struct block *block = m != NULL ? block_of(m) : NULL;
	uint64_t n = value > 0 ? (uint64_t)value : 0;
	const uint64_t *bound = bounds[table[histogram].label];
	_Atomic uint64_t *cell;
	size_t bucket = 0;

	if (block == NULL || !has_row(m, histogram))
		return;
	cell = (_Atomic uint64_t *)((char *)block + table[histogram].offset);
	while (bucket < HS_METRIC_BUCKETS && n > bound[bucket])
		bucket++;
	add(&cell[bucket], 1);
	if (n > 0)
		add(&cell[HS_METRIC_BUCKETS + 1], n);
}

void hs_metrics_add_one(struct hs_metrics *m, enum hs_metric metric)
{
	struct block *block = m != NULL ? block_of(m) : NULL;

	if (block != NULL)
		add_at(m, block, table[metric].offset, 1);
}

void hs_metrics_set(struct hs_metrics *m, enum hs_metric metric, uint64_t value)
{
	struct block *block = m != NULL ? block_of(m) : NULL;

	if (block != NULL && has_row(m, metric))
		atomic_store_explicit((_Atomic uint64_t *)((char *)block + table[metric].offset), value,
		                      memory_order_relaxed);
}

static void add_tagged(_Atomic uint64_t *word, uint64_t tag, uint64_t n)
{
	uint64_t there = atomic_load_explicit(word, memory_order_relaxed);

	while (there >> TAG_SHIFT != tag >> TAG_SHIFT || there == 0)
		if (atomic_compare_exchange_weak_explicit(word, &there, tag | n, memory_order_relaxed,
		                                          memory_order_relaxed))
			return;
	add(word, n);
}

static void add_minute(struct block *block, const struct hs_metrics_sums *sums, uint64_t now_ms)
{
	uint64_t minute = now_ms / MINUTE_MS, tag = tag_of(minute);
	uint64_t bytes = sums->of[HS_METRIC_ACCEPTED_BYTES] + sums->of[HS_METRIC_REJECTED_BYTES];
	struct minute *slot = &block->minute[minute % HS_METRICS_MINUTES];

	if (sums->of[HS_METRIC_ACCEPTED] > 0)
		add_tagged(&slot->accepted, tag, sums->of[HS_METRIC_ACCEPTED]);
	if (sums->of[HS_METRIC_DUPLICATES] > 0)
		add_tagged(&slot->duplicate, tag, sums->of[HS_METRIC_DUPLICATES]);
	if (sums->of[HS_METRIC_REJECTED] > 0)
		add_tagged(&slot->rejected, tag, sums->of[HS_METRIC_REJECTED]);
	if (bytes > 0)
		add_tagged(&slot->bytes, tag, bytes);
}

/* The three rows by type are next to each other. */
static void add_types(const struct hs_metrics *m, struct block *block, const struct hs_metrics_sums *sums)
{
	static_assert(offsetof(struct block, suppressed_of) - offsetof(struct block, accepted_of) ==
	                  HS_FATE_SUPPRESSED * HS_EVENT_TYPES * sizeof(uint64_t),
	              "rows in the order of enum hs_metrics_fate");

	for (uint32_t rest = sums->types; rest != 0; rest &= rest - 1) {
		unsigned cell = (unsigned)__builtin_ctz(rest);

		add_at(m, block, offsetof(struct block, accepted_of) + cell * sizeof(uint64_t),
		       (&sums->of_type[0][0])[cell]);
	}
}

void hs_metrics_add(struct hs_metrics *m, const struct hs_metrics_sums *sums, int64_t now_ms)
{
	struct block *block = block_of(m);

	if (block == NULL)
		return;
#define ADD(NAME, name, kind, unit, label, help) \
	if (HS_METRIC_IS_SUMMED(HS_METRIC_##NAME) && sums->of[HS_METRIC_##NAME] > 0) \
		add_at(m, block, offsetof(struct block, name), sums->of[HS_METRIC_##NAME]);
	HS_METRICS(ADD)
#undef ADD
	add_types(m, block, sums);
	if (now_ms < 0)
		return;
	add_minute(block, sums, (uint64_t)now_ms);
	if (has_row(m, HS_METRIC_LAST_EVENT) && sums->of[HS_METRIC_ACCEPTED] > 0)
		atomic_store_explicit(block->last_event, (uint64_t)now_ms, memory_order_relaxed);
}

uint64_t hs_metrics_credential_id(enum hs_credential kind, struct hs_slice name)
{
	return hs_hash(name.p, name.n, (uint64_t)kind + 1) | 1;
}

static void put_name(struct credential *c, struct hs_slice name)
{
	uint64_t word[HS_CREDENTIAL_NAME / 8] = { 0 };

	memcpy(word, name.p, name.n);
	for (size_t i = 0; i < sizeof word / sizeof word[0]; i++)
		atomic_store_explicit(&c->name[i], word[i], memory_order_relaxed);
}

/* The entry of this id, taken if it is new; NULL: there is no room. */
static struct credential *find_credential(struct block *block, uint64_t id)
{
	for (uint64_t i = 0; i < PROBES; i++) {
		struct credential *c = &block->credential[((id >> 1) + i) % HS_METRICS_CREDENTIALS];
		uint64_t there = atomic_load_explicit(&c->id, memory_order_relaxed);

		if (there == id || (there == 0 && (atomic_compare_exchange_strong(&c->id, &there, id) || there == id)))
			return c;
	}
	return NULL;
}

static void note_time(struct credential *c, uint64_t before, uint64_t used)
{
	uint64_t last = before >> KIND_BITS, now = used >> KIND_BITS;

	if (before == 0)
		atomic_store_explicit(&c->first, now, memory_order_relaxed);
	else if (now > last && now - last > atomic_load_explicit(&c->pause, memory_order_relaxed))
		atomic_store_explicit(&c->pause, now - last, memory_order_relaxed);
	if (before != used) /* most requests only read: the line stays in every core's cache */
		atomic_store_explicit(&c->used, used, memory_order_release);
}

int hs_metrics_note_use(struct hs_metrics *m, enum hs_credential kind, struct hs_slice name, int64_t now_ms)
{
	struct block *block = block_of(m);
	uint64_t used = (uint64_t)(now_ms / 1000) << KIND_BITS | (uint64_t)kind, before;
	struct credential *c;

	if (block == NULL || name.n == 0 || name.n > HS_CREDENTIAL_NAME || now_ms < 0)
		return -1;
	c = find_credential(block, hs_metrics_credential_id(kind, name));
	if (c == NULL)
		return -1;
	before = atomic_load_explicit(&c->used, memory_order_relaxed);
	if (before == 0)
		put_name(c, name);
	note_time(c, before, used);
	return (int)(c - block->credential);
}

void hs_metrics_add_events(struct hs_metrics *m, int entry, uint64_t events)
{
	struct block *block = block_of(m);

	if (block != NULL && entry >= 0 && entry < HS_METRICS_CREDENTIALS)
		add(&block->credential[entry].events, events);
}

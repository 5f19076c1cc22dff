#include "spool/dedup/sealed_ids.h"
#include "base/array.h"
#include "base/io.h"
#include "spool/file/gzip.h"
#include "spool/summary/summary_file.h"

#include <stdlib.h>
#include <string.h>

enum {
	NEAR = 256,        /* ids: a guess is rarely further off */
	STEP_IDS = 2048,   /* more than a step takes from a run */
	FETCHED_MOST = 16, /* ids whose places are fetched one by one; for more, all first halves are */
	WORD = 64,
};

/* --- checking --------------------------------------------------------------------- */

static bool is_checked(const struct hs_sealed_run *run, size_t chunk)
{
	return run->check == NULL || (run->check->checked[chunk / WORD] >> chunk % WORD & 1) != 0;
}

static void check(const struct hs_sealed_run *run, size_t chunk)
{
	size_t at = chunk * HS_SUMMARY_CHUNK, left = run->packed.n - at;
	struct hs_slice bytes = hs_slice(run->packed.p + at, left < HS_SUMMARY_CHUNK ? left : HS_SUMMARY_CHUNK);

	if (hs_crc32(0, bytes) == run->check->sum[chunk])
		run->check->checked[chunk / WORD] |= UINT64_C(1) << chunk % WORD;
	else
		run->check->damaged = true;
}

/* Checks the bytes, unless that was done. */
static void touch(const struct hs_sealed_run *run, size_t at, size_t n)
{
	for (size_t chunk = at / HS_SUMMARY_CHUNK; chunk <= (at + n - 1) / HS_SUMMARY_CHUNK; chunk++)
		if (!is_checked(run, chunk))
			check(run, chunk);
}

/* Starts to read bytes, of which the first are not checked yet: otherwise they are in memory. */
static void fetch(const struct hs_sealed_run *run, size_t at, size_t n)
{
	if (at < run->packed.n && !is_checked(run, at / HS_SUMMARY_CHUNK))
		hs_io_map_fetch(run->packed.p + at, n < run->packed.n - at ? n : run->packed.n - at);
}

/* About where an id is: ids are hashes, so they are evenly spread. */
static size_t guess(const struct hs_sealed_run *run, uint64_t high)
{
	return hs_id_block_guess(run->packed, 0, UINT64_MAX, high);
}

void hs_sealed_run_fetch(const struct hs_sealed_run *run, uint64_t high)
{
	size_t n = hs_sealed_run_count(run), i = guess(run, high);

	i = i > NEAR ? i - NEAR : 0;
	fetch(run, i * sizeof(uint64_t), STEP_IDS * sizeof(uint64_t));
	fetch(run, (n + i) * sizeof(uint64_t), STEP_IDS * sizeof(uint64_t));
	fetch(run, 2 * n * sizeof(uint64_t) + i * sizeof(uint32_t), STEP_IDS * sizeof(uint32_t));
}

/* --- opening --------------------------------------------------------------------- */

static void close_run(struct hs_sealed_run *run)
{
	if (run->map != NULL)
		hs_io_unmap((void *)(uintptr_t)run->map, run->map_bytes);
	free(run->check);
}

void hs_sealed_ids_close(struct hs_sealed_ids *s)
{
	for (size_t i = 0; i < s->count; i++)
		close_run(&s->run[i]);
	free(s->run);
	free(s->missing);
	*s = (struct hs_sealed_ids){ 0 };
}

const struct hs_sealed_run *hs_sealed_ids_of(const struct hs_sealed_ids *s, uint64_t number)
{
	size_t i = hs_array_from(s->run, s->count, sizeof *s->run, number);

	return i < s->count && s->run[i].number == number ? &s->run[i] : NULL;
}

bool hs_sealed_ids_has(const struct hs_sealed_ids *s, uint64_t number)
{
	size_t i = hs_array_from(s->missing, s->missing_count, sizeof *s->missing, number);

	return (i < s->missing_count && s->missing[i].number == number) || hs_sealed_ids_of(s, number) != NULL;
}

/* NULL: damaged, or out of memory. */
static struct hs_sealed_check *begin_check(struct hs_summary_reader *summary, uint64_t ids_bytes)
{
	size_t chunks = (size_t)(ids_bytes + HS_SUMMARY_CHUNK - 1) / HS_SUMMARY_CHUNK;
	size_t head = sizeof(struct hs_sealed_check) + (chunks + WORD - 1) / WORD * sizeof(uint64_t);
	struct hs_slice sums = hs_summary_read(summary, HS_SUMMARY_SUMS);
	struct hs_sealed_check *c;

	if (sums.p == NULL || sums.n != chunks * sizeof(uint32_t))
		return NULL;
	c = calloc(1, head + sums.n);
	if (c == NULL)
		return NULL;
	memcpy((char *)c + head, sums.p, sums.n);
	c->sum = (const uint32_t *)(const void *)((const char *)c + head);
	return c;
}

/* Maps the whole file, since a mapping begins at a page, unless the summary has no ids or is damaged. */
static void map_run(struct hs_summary_reader *summary, struct hs_sealed_run *run)
{
	const struct hs_summary_part *part = hs_summary_find(&summary->head, HS_SUMMARY_IDS);

	if (part != NULL)
		run->check = begin_check(summary, part->bytes);
	if (run->check == NULL)
		return;
	run->map_bytes = (size_t)(part->offset + part->bytes);
	run->map = hs_io_map_guarded(summary->fd, run->map_bytes);
	run->packed = hs_slice((const char *)run->map + part->offset, (size_t)part->bytes);
	if (run->map == NULL)
		close_run(run);
}

/* run->map is NULL if there is no such summary. */
static void open_run(struct hs_summary_reader *summary, const struct hs_spool_dir *dir, struct hs_sealed *sealed,
                     struct hs_sealed_run *run)
{
	struct stat st;

	*run = (struct hs_sealed_run){ .number = sealed->number };
	if (hs_sealed_stat(dir->fd, "events", sealed, &st) == 0 &&
	    hs_summary_open(summary, dir, false, sealed->number, &st))
		map_run(summary, run);
}

static enum hs_result add_missing(struct hs_sealed_ids *s, const struct hs_sealed *sealed)
{
	if (!HS_ARRAY_ROOM(&s->missing, s->missing_count, &s->missing_cap))
		return HS_E_MEMORY;
	s->missing[s->missing_count++] = *sealed;
	return HS_OK;
}

static enum hs_result add(struct hs_sealed_ids *s, struct hs_sealed_run run)
{
	if (!HS_ARRAY_ROOM(&s->run, s->count, &s->cap)) {
		close_run(&run);
		return HS_E_MEMORY;
	}
	s->run[s->count++] = run;
	return HS_OK;
}

/* Takes the run out of the old list, if it is there; its map is NULL if it was dropped. */
static bool take_open(struct hs_sealed_ids *old, uint64_t number, struct hs_sealed_run *run)
{
	struct hs_sealed_run *there = (struct hs_sealed_run *)(uintptr_t)hs_sealed_ids_of(old, number);

	if (there == NULL)
		return false;
	*run = *there;
	*there = (struct hs_sealed_run){ .number = number };
	return true;
}

enum hs_result hs_sealed_ids_open(struct hs_sealed_ids *s, const struct hs_spool_dir *dir, uint64_t from, uint64_t to,
                                  uint32_t since_s)
{
	struct hs_summary_reader summary = HS_SUMMARY_READER_NONE;
	struct hs_sealed_ids old = *s;
	struct hs_sealed *list;
	size_t count;
	enum hs_result r = hs_sealed_list(dir->fd, "events", &list, &count);

	*s = (struct hs_sealed_ids){ 0 };
	for (size_t i = 0; i < count && r == HS_OK && list[i].number < to; i++) {
		struct hs_sealed_run run;
		bool again = i > 0 && list[i].number == list[i - 1].number;

		if (list[i].number < from || again ||
		    hs_summary_is_before(&summary, dir, list, count, i, (int64_t)since_s * 1000))
			continue;
		if (!take_open(&old, list[i].number, &run))
			open_run(&summary, dir, &list[i], &run);
		r = run.map != NULL ? add(s, run) : add_missing(s, &list[i]);
	}
	hs_summary_close(&summary);
	hs_sealed_ids_close(&old);
	free(list);
	return r;
}

/* --- looking up --------------------------------------------------------------------- */

uint64_t hs_sealed_run_high(const struct hs_sealed_run *run, size_t i)
{
	uint64_t high;

	touch(run, i * sizeof high, sizeof high);
	memcpy(&high, run->packed.p + i * sizeof high, sizeof high);
	return high;
}

struct hs_id_block_entry hs_sealed_run_at(const struct hs_sealed_run *run, size_t i)
{
	size_t n = hs_sealed_run_count(run);

	touch(run, i * sizeof(uint64_t), sizeof(uint64_t));
	touch(run, (n + i) * sizeof(uint64_t), sizeof(uint64_t));
	touch(run, 2 * n * sizeof(uint64_t) + i * sizeof(uint32_t), sizeof(uint32_t));
	return hs_id_block_at(run->packed, i);
}

size_t hs_sealed_run_from(const struct hs_sealed_run *run, uint64_t high)
{
	size_t n = hs_sealed_run_count(run), i = guess(run, high);

	while (i > 0 && hs_sealed_run_high(run, i - 1) >= high)
		i--;
	while (i < n && hs_sealed_run_high(run, i) < high)
		i++;
	return i;
}

/* Asks the kernel for the places in all runs before it waits for the first of them. */
static void fetch_places(const struct hs_sealed_ids *s, const struct hs_id_block_entry *e, size_t n)
{
	for (size_t k = 0; k < s->count; k++) {
		const struct hs_sealed_run *run = &s->run[k];

		if (n > FETCHED_MOST && !run->check->fetched)
			fetch(run, 0, hs_sealed_run_count(run) * sizeof e->high);
		run->check->fetched |= n > FETCHED_MOST;
		for (size_t i = 0; i < n && !run->check->fetched; i++) {
			size_t at = guess(run, e[i].high);

			fetch(run, (at > NEAR ? at - NEAR : 0) * sizeof e->high, 2 * NEAR * sizeof e->high);
		}
	}
}

/* As hs_id_block_find, with checks. */
static bool find_in(const struct hs_sealed_run *run, const struct hs_id_block_entry *want, uint32_t since_s)
{
	size_t n = hs_sealed_run_count(run);

	for (size_t i = hs_sealed_run_from(run, want->high); i < n && hs_sealed_run_high(run, i) == want->high; i++) {
		struct hs_id_block_entry e = hs_sealed_run_at(run, i);

		if (e.low == want->low)
			return e.spooled_s == 0 || e.spooled_s >= since_s;
	}
	return false;
}

bool hs_sealed_ids_find(const struct hs_sealed_ids *s, const struct hs_id_block_entry *e, size_t n, uint32_t since_s,
                        bool *found)
{
	bool sound = true;

	fetch_places(s, e, n);
	for (size_t k = 0; k < s->count; k++) {
		for (size_t i = 0; i < n; i++)
			found[i] |= !found[i] && find_in(&s->run[k], &e[i], since_s);
		sound &= !hs_sealed_run_is_damaged(&s->run[k]);
	}
	return sound;
}

bool hs_sealed_ids_drop_damaged(struct hs_sealed_ids *s, const struct hs_spool_dir *dir)
{
	bool dropped = false;

	for (size_t i = 0; i < s->count; i++) {
		struct hs_sealed_run *run = &s->run[i];

		if (!hs_sealed_run_is_damaged(run))
			continue;
		hs_summary_discard(dir, false, run->number);
		close_run(run);
		*run = (struct hs_sealed_run){ .number = run->number };
		dropped = true;
	}
	return dropped;
}

#include "spool/dedup/sealed_ids.h"
#include "base/array.h"
#include "base/io.h"
#include "spool/summary/summary_file.h"

#include <stdlib.h>
#include <string.h>

enum { CTIME_MS = 1000 /* a file's time of change is of the kernel's coarse clock: far less behind */ };

/* The state of hs_sealed_ids_open. */
struct opening {
	const struct hs_spool_dir *dir;
	struct hs_index_print *print;
	struct hs_summary_reader summary;
	bool trusted; /* one was not checked again */
};

/* --- opening --------------------------------------------------------------------- */

static void close_run(struct hs_sealed_run *run)
{
	hs_io_unmap((void *)(uintptr_t)run->map, run->map_bytes);
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

/* True if the file was checked by some process, and has not changed since. */
static bool was_checked(const struct hs_index_print *print, uint64_t number, int fd)
{
	struct stat st;

	return print->checked_ns != 0 && number >= print->checked_from && number < print->checked_to &&
	       hs_io_fstat(fd, &st) == 0 &&
	       st.st_ctim.tv_sec * INT64_C(1000000000) + st.st_ctim.tv_nsec < print->checked_ns;
}

/* Maps the whole file: a mapping begins at a page. False: there is no such summary, or it is damaged. */
static bool map_run(struct opening *o, struct hs_sealed_run *run)
{
	struct hs_summary_reader *summary = &o->summary;
	const struct hs_summary_part *part = hs_summary_find(&summary->head, HS_SUMMARY_IDS);

	if (part == NULL)
		return false;
	if (was_checked(o->print, run->number, summary->fd))
		o->trusted = true;
	else if (hs_summary_read(summary, HS_SUMMARY_IDS).p == NULL) /* compares the check sum */
		return false;
	run->map_bytes = (size_t)(part->offset + part->bytes);
	run->map = hs_io_map_guarded(summary->fd, run->map_bytes);
	run->packed = hs_slice((const char *)run->map + part->offset, (size_t)part->bytes);
	return run->map != NULL;
}

static bool open_run(struct opening *o, struct hs_sealed *sealed, struct hs_sealed_run *run)
{
	int fd = hs_sealed_open(o->dir->fd, "events", sealed);
	struct stat st;
	bool ok;

	run->number = sealed->number;
	ok = fd >= 0 && hs_io_fstat(fd, &st) == 0 && hs_summary_open(&o->summary, o->dir, false, sealed->number, &st) &&
	     map_run(o, run);
	if (fd >= 0)
		hs_io_close(fd);
	return ok;
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

/* Takes the run out of the old list, if it is there. */
static bool take_open(struct hs_sealed_ids *old, uint64_t number, struct hs_sealed_run *run)
{
	struct hs_sealed_run *there = (struct hs_sealed_run *)(uintptr_t)hs_sealed_ids_of(old, number);

	if (there == NULL || there->map == NULL)
		return false;
	*run = *there;
	there->map = NULL;
	there->map_bytes = 0;
	return true;
}

static void close_rest(struct hs_sealed_ids *old)
{
	size_t kept = 0;

	for (size_t i = 0; i < old->count; i++)
		if (old->run[i].map != NULL)
			old->run[kept++] = old->run[i];
	old->count = kept;
	hs_sealed_ids_close(old);
}

enum hs_result hs_sealed_ids_open(struct hs_sealed_ids *s, const struct hs_spool_dir *dir, struct hs_index_print *print,
                                  uint64_t from, uint64_t to, uint32_t since_s)
{
	struct opening o = { dir, print, HS_SUMMARY_READER_NONE, false };
	int64_t began_ns = (hs_io_now() - CTIME_MS) * INT64_C(1000000);
	struct hs_sealed_ids old = *s;
	struct hs_sealed *list = NULL;
	size_t count = 0;
	enum hs_result r = hs_sealed_list(dir->fd, "events", &list, &count);

	*s = (struct hs_sealed_ids){ 0 };
	for (size_t i = 0; i < count && r == HS_OK && list[i].number < to; i++) {
		struct hs_sealed_run run;
		bool again = i > 0 && list[i].number == list[i - 1].number;

		if (list[i].number < from || again || list[i].sealed_ms / 1000 < (int64_t)since_s)
			continue;
		if (take_open(&old, list[i].number, &run) || open_run(&o, &list[i], &run))
			r = add(s, run);
		else
			r = add_missing(s, &list[i]);
	}
	if (r == HS_OK && !o.trusted && old.count == 0) { /* all were checked just now */
		print->checked_from = from;
		print->checked_to = to;
		print->checked_ns = began_ns;
	}
	hs_summary_close(&o.summary);
	close_rest(&old);
	free(list);
	return r;
}

/* --- looking up --------------------------------------------------------------------- */

uint64_t hs_sealed_run_high(const struct hs_sealed_run *run, size_t i)
{
	uint64_t high;

	memcpy(&high, run->packed.p + i * sizeof high, sizeof high);
	return high;
}

struct hs_id_block_entry hs_sealed_run_at(const struct hs_sealed_run *run, size_t i)
{
	return hs_id_block_at(run->packed, i);
}

size_t hs_sealed_run_from(const struct hs_sealed_run *run, uint64_t high)
{
	size_t low = 0, top = hs_sealed_run_count(run);

	while (low < top) {
		size_t middle = low + (top - low) / 2;

		if (hs_sealed_run_high(run, middle) < high)
			low = middle + 1;
		else
			top = middle;
	}
	return low;
}

void hs_sealed_ids_find(const struct hs_sealed_ids *s, const struct hs_id_block_entry *e, size_t n, uint32_t since_s,
                        bool *found)
{
	for (size_t k = 0; k < s->count; k++)
		for (size_t i = 0; i < n; i++) {
			struct hs_slice packed = s->run[k].packed;
			uint32_t spooled_s;
			size_t near = hs_id_block_guess(packed, 0, UINT64_MAX, e[i].high);

			if (!found[i] && packed.n > 0 && hs_id_block_find(packed, near, &e[i], &spooled_s))
				found[i] = spooled_s == 0 || spooled_s >= since_s;
		}
}

/* metrics_figures: reads what metrics.c counts. */
#include "base/io.h"
#include "spool/shared/metrics.h"
#include "spool/shared/metrics_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct hs_metrics_figures {
	size_t bytes; /* of the block, as the file has it */
	struct block block;
};

/* Word by word, since writers are at work. */
static void copy_words(void *to, const void *from, size_t bytes)
{
	_Atomic uint64_t *word = (_Atomic uint64_t *)(uintptr_t)from;

	for (size_t i = 0; i < bytes / sizeof(uint64_t); i++) {
		uint64_t value = atomic_load_explicit(&word[i], memory_order_acquire);

		memcpy((char *)to + i * sizeof value, &value, sizeof value);
	}
}

static bool copy_file(int fd, struct hs_metrics_figures *f)
{
	struct stat st;
	const void *p;

	if (hs_metrics_check_file(fd, 0, &st) != WHOLE)
		return false;
	f->bytes = (uint64_t)st.st_size < sizeof f->block ? (size_t)st.st_size : sizeof f->block;
	p = hs_io_map_read(fd, f->bytes);
	if (p == NULL)
		return false;
	copy_words(&f->block, p, f->bytes);
	copy_words(&f->block.head, p, sizeof f->block.head); /* the file may have been cut meanwhile */
	hs_io_unmap((void *)(uintptr_t)p, f->bytes);
	return hs_metrics_check_head(&f->block.head, &st, 0) == WHOLE;
}

struct hs_metrics_figures *hs_metrics_read(int run_dir)
{
	int fd = hs_io_open_plain(run_dir, HS_METRICS_FILE);
	struct hs_metrics_figures *f;

	errno = fd < 0 ? errno : 0;
	f = fd < 0 ? NULL : calloc(1, sizeof *f);

	if (f != NULL && !copy_file(fd, f)) {
		free(f);
		f = NULL;
	}
	if (fd >= 0)
		hs_io_close(fd);
	return f;
}

void hs_metrics_figures_free(struct hs_metrics_figures *f)
{
	free(f);
}

int64_t hs_metrics_since(const struct hs_metrics_figures *f)
{
	return f != NULL ? f->block.head.since_ms : 0;
}

uint64_t hs_metrics_value(const struct hs_metrics_figures *f, enum hs_metric metric, size_t cell)
{
	const struct hs_metric_info *info = hs_metric_info(metric);

	assert(cell < info->cells);
	/* cells that the file does not have are 0 in the copy */
	return f == NULL ? 0 : atomic_load((_Atomic uint64_t *)((uintptr_t)&f->block + info->offset) + cell);
}

uint64_t hs_metrics_refused(const struct hs_metrics_figures *f, enum hs_result reason)
{
	const _Atomic uint64_t *pair = f != NULL ? hs_metrics_find_reason(&f->block, reason, false) : NULL;

	return pair != NULL ? atomic_load(&pair[1]) : 0;
}

bool hs_metrics_last(const struct hs_metrics_figures *f, enum hs_metric row, enum hs_result *reason, int64_t *at_ms)
{
	uint64_t packed = hs_metrics_value(f, row, 0);

	*at_ms = (int64_t)(packed >> NAME_BITS) * 1000;
	for (int r = HS_OK + 1; packed != 0 && r < HS_RESULT_COUNT; r++)
		if (packed == hs_metrics_pack_reason((enum hs_result)r, *at_ms)) {
			*reason = (enum hs_result)r;
			return true;
		}
	return false;
}

static uint64_t take_tagged(const _Atomic uint64_t *word, uint64_t tag, bool *found)
{
	uint64_t there = atomic_load(word);

	if (there >> TAG_SHIFT != tag >> TAG_SHIFT || there == 0)
		return 0;
	*found = true;
	return there & ((UINT64_C(1) << TAG_SHIFT) - 1);
}

bool hs_metrics_minute(const struct hs_metrics_figures *f, int64_t minute, struct hs_metrics_minute *found)
{
	uint64_t tag = tag_of((uint64_t)minute);
	const struct minute *slot;
	bool any = false;

	*found = (struct hs_metrics_minute){ 0 };
	if (f == NULL || minute < 0)
		return false;
	slot = &f->block.minute[minute % HS_METRICS_MINUTES];
	found->accepted = take_tagged(&slot->accepted, tag, &any);
	found->duplicate = take_tagged(&slot->duplicate, tag, &any);
	found->rejected = take_tagged(&slot->rejected, tag, &any);
	found->bytes = take_tagged(&slot->bytes, tag, &any);
	return any;
}

const char *hs_credential_name(enum hs_credential kind)
{
	static const char *const name[HS_CREDENTIALS] = {
		[HS_CREDENTIAL_SECRET] = "secret", [HS_CREDENTIAL_KEY] = "key", [HS_CREDENTIAL_SOURCE] = "source"
	};

	return name[kind];
}

/* A damaged file may say any number of seconds; it counts as the last one that a timestamp has. */
static int64_t ms_of(uint64_t seconds)
{
	static const uint64_t last = 253402300799;

	return (int64_t)(seconds < last ? seconds : last) * 1000;
}

bool hs_metrics_use(const struct hs_metrics_figures *f, size_t i, struct hs_metrics_use *use)
{
	const struct credential *c;
	uint64_t used;

	if (f == NULL || i >= HS_METRICS_CREDENTIALS)
		return false;
	c = &f->block.credential[i];
	used = atomic_load(&c->used);
	use->kind = (enum hs_credential)(used & ((1U << KIND_BITS) - 1));
	use->last_ms = ms_of(used >> KIND_BITS);
	use->first_ms = ms_of(atomic_load(&c->first));
	use->pause_ms = ms_of(atomic_load(&c->pause));
	use->events = atomic_load(&c->events);
	copy_words(use->name, c->name, HS_CREDENTIAL_NAME);
	use->name[HS_CREDENTIAL_NAME] = '\0';
	return used != 0 && use->kind < HS_CREDENTIALS &&
	       hs_metrics_credential_id(use->kind, hs_slice_str(use->name)) == atomic_load(&c->id);
}

bool hs_metrics_is_quiet(const struct hs_metrics_use *use, int64_t now_ms)
{
	enum { DAY_MS = 86400000, LEAST_MS = 600000 };
	int64_t silent_ms = now_ms - use->last_ms;

	return use->last_ms - use->first_ms >= DAY_MS && silent_ms >= LEAST_MS && silent_ms > 2 * use->pause_ms;
}

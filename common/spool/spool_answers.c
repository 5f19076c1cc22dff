/* Counts answers, and uses of credentials, in the metrics of a spool. */
#include "base/io.h"
#include "spool/spool.h"
#include "spool/spool_private.h"

#include <assert.h>

/* For a process that refuses its request before it opens the spool. */
static void open_metrics(struct hs_spool *spool)
{
	int run_dir = hs_spool_dir_open_run(spool->settings->spool_dir);

	if (run_dir < 0)
		return;
	hs_spool_follow_metrics(spool, run_dir);
	hs_io_close(run_dir);
}

/* Names a secret by its label or, without one, by its position in the settings, as '#1'. */
static struct hs_slice secret_name(const struct hs_settings *settings, unsigned secret, char position[static 3])
{
	struct hs_slice label = hs_slice_str(settings->secret_tenant[secret]);
	size_t n = 0;

	static_assert(HS_SECRETS_MAX < 100, "two digits");
	if (label.n > 0)
		return label;
	position[n++] = '#';
	if (secret + 1 >= 10)
		position[n++] = (char)('0' + (secret + 1) / 10);
	position[n++] = (char)('0' + (secret + 1) % 10);
	return hs_slice(position, n);
}

/*
 * The metrics show seconds, and most requests have the same credential as the one before: each is noted
 * once in 1024 ms. What was noted last is one word: the time, the entry in the metrics, and 32 bits of
 * the address of its label, which tell a credential from the others of these settings.
 */
enum { ENTRY_SHIFT = 32, TIME_SHIFT = 44 };
#define ENTRY_MASK UINT64_C(0xfff)
static_assert(HS_METRICS_CREDENTIALS < 0xfff, "an entry, or ENTRY_MASK for none");

static uint64_t use_of(const char *label, int64_t at_ms)
{
	return (uint64_t)at_ms >> 10 << TIME_SHIFT | (uint32_t)(uintptr_t)label;
}

/* True if this use was noted; *entry is where, or -1. */
static bool is_noted(const _Atomic uint64_t *noted, uint64_t use, int *entry)
{
	uint64_t there = atomic_load_explicit(noted, memory_order_relaxed);
	uint64_t at = there >> ENTRY_SHIFT & ENTRY_MASK;

	*entry = at == ENTRY_MASK ? -1 : (int)at;
	return (there & ~(ENTRY_MASK << ENTRY_SHIFT)) == use;
}

static int note(struct hs_spool *spool, enum hs_credential kind, uint64_t use, struct hs_slice name, int64_t at_ms)
{
	int entry = hs_metrics_note_use(spool->metrics, kind, name, at_ms);
	uint64_t at = entry < 0 ? ENTRY_MASK : (uint64_t)entry;

	atomic_store_explicit(&spool->noted[kind], use | at << ENTRY_SHIFT, memory_order_relaxed);
	return entry;
}

/* `label` points into the settings. */
static void count_label(struct hs_spool *spool, enum hs_credential kind, struct hs_slice label,
                        const struct hs_answered *answered)
{
	uint64_t use = use_of(label.p, answered->arrived_ms);
	int entry;

	if (!is_noted(&spool->noted[kind], use, &entry))
		entry = note(spool, kind, use, label, answered->arrived_ms);
	if (answered->accepted > 0)
		hs_metrics_add_events(spool->metrics, entry, answered->accepted);
}

static void count_secret(struct hs_spool *spool, const struct hs_answered *answered)
{
	unsigned secret = answered->secret - 1;
	uint64_t use = use_of(spool->settings->secret_tenant[secret], answered->arrived_ms);
	char position[3];
	int entry;

	if (!is_noted(&spool->noted[HS_CREDENTIAL_SECRET], use, &entry))
		entry = note(spool, HS_CREDENTIAL_SECRET, use, secret_name(spool->settings, secret, position),
		             answered->arrived_ms);
	if (answered->accepted > 0)
		hs_metrics_add_events(spool->metrics, entry, answered->accepted);
}

void hs_spool_count_answer(struct hs_spool *spool, const struct hs_answered *answered)
{
	if (!hs_metrics_is_tried(spool->metrics))
		open_metrics(spool);
	hs_metrics_add_response(spool->metrics, answered->status);
	if (answered->reason != HS_OK)
		hs_metrics_add_refusal(spool->metrics, answered->reason);
	if (answered->begun_ms != 0)
		hs_metrics_add_to(spool->metrics, HS_METRIC_REQUEST_MS, hs_io_now_monotonic() - answered->begun_ms);
	if (answered->dropped > 0) {
		struct hs_metrics_sums sums = { .of[HS_METRIC_DROPPED] = answered->dropped };

		hs_metrics_add(spool->metrics, &sums, answered->arrived_ms);
	}
	if (answered->key.n > 0)
		count_label(spool, HS_CREDENTIAL_KEY, answered->key, answered);
	if (answered->source.n > 0)
		count_label(spool, HS_CREDENTIAL_SOURCE, answered->source, answered);
	if (answered->secret > 0)
		count_secret(spool, answered);
}

void hs_spool_count_refusal(struct hs_spool *spool, enum hs_result reason)
{
	if (!hs_metrics_is_tried(spool->metrics))
		open_metrics(spool);
	hs_metrics_add_refusal(spool->metrics, reason);
}

void hs_spool_note_reload(struct hs_spool *spool, bool good)
{
	if (!hs_metrics_is_tried(spool->metrics))
		open_metrics(spool);
	hs_metrics_set(spool->metrics, HS_METRIC_RELOADS_REFUSED, !good);
}

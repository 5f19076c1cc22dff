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
 * True if this use need not be noted. The metrics show seconds, and most requests have the same
 * credential as the one before: each is noted once in 1024 ms. The address of its label tells a
 * credential from the others of these settings.
 */
static bool is_noted(_Atomic uint64_t *noted, const char *label, int64_t at_ms)
{
	uint64_t use = (uint64_t)at_ms >> 10 << 32 | (uint32_t)(uintptr_t)label;

	if (atomic_load_explicit(noted, memory_order_relaxed) == use)
		return true;
	atomic_store_explicit(noted, use, memory_order_relaxed);
	return false;
}

static void note_key(struct hs_spool *spool, struct hs_slice key, int64_t at_ms)
{
	if (!is_noted(&spool->noted[HS_CREDENTIAL_KEY], key.p, at_ms))
		hs_metrics_note_use(spool->metrics, HS_CREDENTIAL_KEY, key, at_ms);
}

static void note_secret(struct hs_spool *spool, unsigned secret, int64_t at_ms)
{
	char position[3];

	if (!is_noted(&spool->noted[HS_CREDENTIAL_SECRET], spool->settings->secret_tenant[secret], at_ms))
		hs_metrics_note_use(spool->metrics, HS_CREDENTIAL_SECRET,
		                    secret_name(spool->settings, secret, position), at_ms);
}

void hs_spool_count_answer(struct hs_spool *spool, const struct hs_answered *answered)
{
	if (!hs_metrics_is_tried(spool->metrics))
		open_metrics(spool);
	hs_metrics_add_response(spool->metrics, answered->status);
	if (answered->dropped > 0) {
		struct hs_metrics_sums sums = { .of[HS_METRIC_DROPPED] = answered->dropped };

		hs_metrics_add(spool->metrics, &sums, answered->arrived_ms);
	}
	if (answered->key.n > 0)
		note_key(spool, answered->key, answered->arrived_ms);
	if (answered->secret > 0)
		note_secret(spool, answered->secret - 1, answered->arrived_ms);
}

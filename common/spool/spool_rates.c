/* Opens the limits of senders once for a spool, and writes them back. */
#include "base/io.h"
#include "base/log.h"
#include "spool/spool.h"
#include "spool/spool_private.h"

enum { SAVE_MS = 60000 };

static struct hs_rates *open_rates(struct hs_spool *spool)
{
	struct spool_view *v;
	struct hs_rates *rates;
	enum hs_result r = hs_spool_borrow(spool, &v);

	if (r != HS_OK)
		return NULL; /* it is logged, and the request will fail */
	rates = hs_rates_open(v->opened.dir.private_dir, 0600, &r);
	hs_spool_give_back(spool);
	if (rates == NULL && !atomic_exchange(&spool->no_rates, true))
		hs_log_result(r, "open .hookspool/rates: senders are not limited");
	return rates;
}

static struct hs_rates *open_once(struct hs_spool *spool)
{
	struct hs_rates *rates = open_rates(spool), *none = NULL;

	if (rates == NULL || atomic_compare_exchange_strong(&spool->rates, &none, rates))
		return rates;
	hs_rates_close(rates); /* another thread was faster */
	return none;
}

struct hs_rates *hs_spool_rates(struct hs_spool *spool, bool open)
{
	struct hs_rates *rates = atomic_load(&spool->rates);

	return rates != NULL || !open || atomic_load(&spool->no_rates) ? rates : open_once(spool);
}

/* The obstacle may be gone. */
static void open_again(struct hs_spool *spool)
{
	if (!atomic_load(&spool->no_rates) || open_once(spool) == NULL)
		return;
	atomic_store(&spool->no_rates, false);
	hs_log(HS_LOG_INFO, "open .hookspool/rates: senders are limited again");
}

void hs_spool_save_rates(struct hs_spool *spool)
{
	struct hs_rates *rates = atomic_load(&spool->rates);
	int64_t now = hs_io_now_monotonic();
	enum hs_result r;

	if (rates == NULL)
		open_again(spool);
	if (rates == NULL || now - spool->rates_saved_ms < SAVE_MS)
		return;
	spool->rates_saved_ms = now;
	r = hs_rates_save(rates);
	if (r != HS_OK)
		hs_log_result(r, "write .hookspool/rates");
}

#include "cgi/http/rate_limit.h"
#include "spool/shared/rates.h"

#include <stdio.h>

enum {
	INFLATED = 16 << 10, /* bytes that cost as much as a request */
	PREFIX_BYTES = 8,    /* of IPv6: a sender can use all addresses of its /64 */
};

static struct hs_rates *rates_of(const struct hs_exchange *exchange)
{
	const struct hs_store_ops *store = exchange->scratch->store;

	return store->rates != NULL ? store->rates(store->self) : NULL;
}

static enum hs_result ask(struct hs_exchange *exchange, struct hs_rates *rates, const struct hs_rate *rate,
                          enum hs_result refusal)
{
	unsigned seconds = hs_rates_wait(rates, rate, exchange->scratch->store->now());

	if (seconds == 0)
		return HS_OK;
	snprintf(exchange->outcome.retry_after, sizeof exchange->outcome.retry_after, "%hu", (unsigned short)seconds);
	return refusal;
}

/* --- the address -------------------------------------------------------------- */

static bool is_ipv4(const struct hs_ip_address *address)
{
	static const uint8_t mapped[12] = { [10] = 0xFF, [11] = 0xFF };

	return memcmp(address->byte, mapped, sizeof mapped) == 0;
}

static struct hs_rate rate_of_address(const struct hs_exchange *exchange)
{
	const struct hs_ip_address *sender = &exchange->sender;

	return (struct hs_rate){ .name = hs_slice((const char *)sender->byte,
		                                  is_ipv4(sender) ? sizeof sender->byte : PREFIX_BYTES),
		                 .is_address = true,
		                 .rate = exchange->has_sender ? exchange->settings->address_rate : 0 };
}

enum hs_result hs_rate_limit_address(struct hs_exchange *exchange)
{
	struct hs_rate rate = rate_of_address(exchange);
	struct hs_rates *rates;
	enum hs_result result;

	if (rate.rate == 0)
		return HS_OK;
	rates = rates_of(exchange);
	result = ask(exchange, rates, &rate, HS_E_RATE_ADDRESS);
	if (result == HS_OK)
		hs_rates_charge(rates, &rate, 1, 0, exchange->scratch->store->now());
	return result;
}

void hs_rate_limit_inflated(struct hs_exchange *exchange, enum hs_result result)
{
	struct hs_rate rate = rate_of_address(exchange);
	uint64_t bytes = exchange->scratch->body.n;

	if (result == HS_E_GZIP || result == HS_E_INFLATED)
		bytes = (uint64_t)exchange->settings->max_sdk_body;
	if (rate.rate != 0 && bytes >= INFLATED)
		hs_rates_charge(rates_of(exchange), &rate, bytes / INFLATED, 0, exchange->scratch->store->now());
}

/* --- the source --------------------------------------------------------------- */

static struct hs_rate rate_of_source(const struct hs_source *source)
{
	return (struct hs_rate){ .name = hs_slice_str(source->label), .rate = source->rate, .daily = source->daily };
}

enum hs_result hs_rate_limit_source(struct hs_exchange *exchange)
{
	struct hs_rate rate = rate_of_source(exchange->source), daily = rate;
	struct hs_rates *rates;
	enum hs_result result;

	if (rate.rate == 0 && rate.daily == 0)
		return HS_OK;
	rates = rates_of(exchange);
	daily.rate = 0;
	rate.daily = 0;
	result = ask(exchange, rates, &daily, HS_E_DAILY_SOURCE);
	return result == HS_OK ? ask(exchange, rates, &rate, HS_E_RATE_SOURCE) : result;
}

void hs_rate_limit_taken(struct hs_exchange *exchange)
{
	struct hs_rate rate = rate_of_source(exchange->source);
	const struct hs_scratch *scratch = exchange->scratch;
	const struct hs_record_batch *batch = &scratch->maker.batch;
	const struct hs_stamp stamp = { .direct = &scratch->direct };
	uint64_t events = batch->count + exchange->outcome.rejected;
	struct hs_charge *charge = &exchange->charge;

	*charge = (struct hs_charge){ .events = events > 0 ? events : 1,
		                      .bytes = scratch->body.n,
		                      .give_back = hs_rate_limit_give_back };
	if (batch->count > 1)
		charge->bytes += (batch->count - 1) * hs_stamp_shared(&stamp); /* the body has it once */
	if (rate.rate == 0 && rate.daily == 0)
		return;
	charge->rates = rates_of(exchange);
	hs_rates_charge(charge->rates, &rate, charge->events, charge->bytes, scratch->store->now());
}

/* The scratch may be another request's by now. */
void hs_rate_limit_give_back(struct hs_exchange *exchange)
{
	struct hs_charge *charge = &exchange->charge;
	struct hs_rate rate = rate_of_source(exchange->source);

	charge->give_back = NULL;
	hs_rates_give_back(charge->rates, &rate, charge->events, charge->bytes, exchange->answered.arrived_ms);
}

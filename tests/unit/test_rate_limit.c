/* rate_limit: which sender is asked and charged, for what. */
#include "cgi/http/rate_limit.h"
#include "spool/shared/rates.h"
#include "tests/lib/temp_dir.h"
#include "tests/lib/unit.h"

enum { BURST = HS_RATES_BURST_MS / 1000, MOST = 1 << 20 };

static const int64_t NOON = (INT64_C(20000) * 24 + 12) * 3600 * 1000;

static struct {
	struct hs_rates *rates;
	struct hs_settings settings;
	struct hs_source source;
	struct hs_store_ops store;
	struct hs_scratch scratch;
	struct hs_exchange exchange;
} f;

static int64_t now(void)
{
	return NOON;
}

static struct hs_rates *rates_of(void *self)
{
	assert_ptr_equal(self, &f);
	return f.rates;
}

/* Each address may send a request a second; the source has no limits. */
FIXTURE(begin)
{
	enum hs_result result;

	if (temp_dir_begin(state) != 0)
		return -1;
	memset(&f, 0, sizeof f);
	f.rates = hs_rates_open(temp.fd, 0600, &result);
	f.settings.address_rate = 1000;
	f.settings.max_sdk_body = MOST;
	f.source = (struct hs_source){ .label = "shop" };
	f.store = (struct hs_store_ops){ .self = &f, .now = now, .rates = rates_of };
	f.scratch.store = &f.store;
	f.exchange = (struct hs_exchange){ .scratch = &f.scratch, .settings = &f.settings, .source = &f.source };
	return 0;
}

FIXTURE(end)
{
	hs_rates_close(f.rates);
	return temp_dir_end(state);
}

static void send_from(const char *address)
{
	f.exchange.has_sender = true;
	assert_true(hs_ip_address_read(hs_slice_str(address), &f.exchange.sender));
}

/* The number of requests that the address may send at once, at most 99. */
static int let_in(const char *address)
{
	int n = 0;

	send_from(address);
	while (n < 99 && hs_rate_limit_address(&f.exchange) == HS_OK)
		n++;
	return n;
}

TEST(an_address_gets_its_burst)
{
	assert_int_equal(let_in("192.0.2.1"), BURST);
	assert_result(hs_rate_limit_address(&f.exchange), HS_E_RATE_ADDRESS);
	assert_string_equal(f.exchange.outcome.retry_after, "1");
	assert_int_equal(let_in("192.0.2.2"), BURST);
}

TEST(addresses_of_ipv6_count_as_their_network)
{
	assert_int_equal(let_in("2001:db8:1:2::1"), BURST);
	assert_int_equal(let_in("2001:db8:1:2:ffff::2"), 0);
	assert_int_equal(let_in("2001:db8:1:3::1"), BURST);
	assert_int_equal(let_in("::1"), BURST); /* not the network of all IPv4 */
	assert_int_equal(let_in("192.0.2.1"), BURST);
}

TEST(without_limit_address_or_file_all_are_let_in)
{
	f.settings.address_rate = 0;
	assert_int_equal(let_in("192.0.2.1"), 99);
	f.settings.address_rate = 1000;
	f.exchange.has_sender = false;
	for (int i = 0; i < 2 * BURST; i++)
		assert_result(hs_rate_limit_address(&f.exchange), HS_OK);
	f.store.rates = NULL;
	assert_int_equal(let_in("192.0.2.1"), 99);
	hs_rates_close(f.rates);
	f.rates = NULL;
	f.store.rates = rates_of;
	assert_int_equal(let_in("192.0.2.1"), 99);
	f.source.rate = f.source.daily = 1;
	assert_result(hs_rate_limit_source(&f.exchange), HS_OK);
	hs_rate_limit_taken(&f.exchange);
}

/* Each 16 KB cost as much as a request; refused gzip costs the most that it could have become. */
TEST(inflated_bytes_cost_the_address)
{
	static const struct {
		enum hs_result result;
		size_t n;
		int units;
	} costs[] = { { HS_OK, (16 << 10) - 1, 0 }, { HS_OK, 16 << 10, 1 },      { HS_OK, 81920, 5 },
		      { HS_E_GZIP, 100, BURST },    { HS_E_INFLATED, 9, BURST }, { HS_E_LARGE_BODIES, 9, 0 } };
	char address[] = "192.0.2.0";

	for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
		address[sizeof address - 2]++;
		send_from(address);
		f.scratch.body.n = costs[i].n;
		hs_rate_limit_inflated(&f.exchange, costs[i].result);
		assert_int_equal(let_in(address), BURST - costs[i].units);
	}
	assert_int_equal(MOST / (16 << 10) > BURST, 1);
}

static void take(size_t events, uint64_t rejected, size_t bytes)
{
	f.scratch.maker.batch.count = events;
	f.exchange.outcome.rejected = rejected;
	f.scratch.body.n = bytes;
	hs_rate_limit_taken(&f.exchange);
}

TEST(a_source_pays_for_its_events)
{
	f.source.rate = 1000;
	take(BURST - 3, 1, 5);
	take(0, 0, 5); /* a body that is no JSON counts as an event */
	assert_result(hs_rate_limit_source(&f.exchange), HS_OK);
	take(30, 0, 5);
	assert_result(hs_rate_limit_source(&f.exchange), HS_E_RATE_SOURCE);
	assert_string_equal(f.exchange.outcome.retry_after, "30");
	f.source.label[0] = 'c';
	assert_result(hs_rate_limit_source(&f.exchange), HS_OK);
}

TEST(a_source_pays_for_its_bytes)
{
	f.source.daily = 1000;
	take(1000, 0, 999);
	assert_result(hs_rate_limit_source(&f.exchange), HS_OK);
	take(1, 0, 1);
	assert_result(hs_rate_limit_source(&f.exchange), HS_E_DAILY_SOURCE);
	assert_string_equal(f.exchange.outcome.retry_after, "300");
	f.source.rate = 1000;
	take(1000, 0, 1);
	assert_result(hs_rate_limit_source(&f.exchange), HS_E_DAILY_SOURCE);
}

TEST(a_source_does_not_pay_for_what_it_has_to_send_again)
{
	f.exchange.answered.arrived_ms = NOON;
	for (int i = 0; i < 3; i++) {
		f.source.rate = f.source.daily = 1000;
		take(1000, 0, 1000);
		assert_result(hs_rate_limit_source(&f.exchange), HS_E_DAILY_SOURCE);
		hs_rate_limit_give_back(&f.exchange);
		assert_result(hs_rate_limit_source(&f.exchange), HS_OK);
		f.source.rate = f.source.daily = 0; /* nothing is charged, and nothing given back */
		take(1000, 0, 1000);
		hs_rate_limit_give_back(&f.exchange);
	}
	f.source.daily = 1000;
	take(1, 0, 1000);
	assert_result(hs_rate_limit_source(&f.exchange), HS_E_DAILY_SOURCE);
}

TEST(a_source_pays_for_a_context_once_an_event)
{
	struct hs_json context = { .text = { "", 100 } };

	f.source.daily = 1000;
	f.scratch.direct.context = &context;
	take(9, 0, 199);
	assert_result(hs_rate_limit_source(&f.exchange), HS_OK);
	take(1, 0, 1);
	assert_result(hs_rate_limit_source(&f.exchange), HS_E_DAILY_SOURCE);
	f.scratch.direct.context = NULL;
}

TESTS("rate_limit", begin, end)

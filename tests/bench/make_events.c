/*
 * Prints events as a shop's pages send them, a line each: make_events COUNT [FIRST].
 *
 * They take about 1,400 bytes in a spool and compress as such events do: ids, sums and addresses are
 * random, names and pages come from short lists. The same arguments give the same bytes. Each of
 * COUNT / 15 users has 15 events, close together in time, as visits are; an event in 100,000 is a
 * delete, and one in 200,000 is called "Rare Event".
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { VISIT = 15, USERS_AT_ONCE = 1000 };

static uint64_t state;

/* splitmix64 */
static uint64_t draw(void)
{
	uint64_t z = state += 0x9E3779B97F4A7C15;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
	z = (z ^ z >> 27) * 0x94D049BB133111EB;
	return z ^ z >> 31;
}

static unsigned below(unsigned n)
{
	return (unsigned)(draw() % n);
}

static const char *const names[] = { "Product Viewed",   "Product Added",          "Cart Viewed",
	                             "Checkout Started", "Order Completed",        "Product Searched",
	                             "Coupon Entered",   "Wishlist Product Added", "Promotion Clicked",
	                             "Product Shared",   "Product List Viewed",    "Payment Info Entered" };
static const char *const agents[] = {
	"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari",
};
static const char *const goods[] = { "Mug, white", "Tea Pot", "Kettle", "Saucer", "Spoon", "Strainer", "Tin", "Tray" };

/* The time of an event: one a second. */
static void print_time(char out[25], uint64_t nth)
{
	time_t s = (time_t)(1700000000 + nth);
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(out, 25, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + 19, 6, ".%03uZ", below(1000));
}

static void print_products(void)
{
	unsigned count = 1 + below(4);

	for (unsigned i = 0; i < count; i++)
		printf("%s{\"sku\":\"%05u-%02u\",\"name\":\"%s\",\"price\":%u.%02u,\"quantity\":%u}", i > 0 ? "," : "",
		       below(100000), below(100), goods[below(8)], below(200), below(100), 1 + below(5));
}

static void print_event(uint64_t nth)
{
	uint64_t group = nth / (VISIT * USERS_AT_ONCE), user = group * USERS_AT_ONCE + nth % USERS_AT_ONCE;
	uint64_t a = draw(), b = draw();
	const char *page = names[below(12)];
	char at[25];

	print_time(at, nth);
	printf("{\"type\":\"%s\",\"messageId\":\"ajs-next-%016" PRIx64 "-%08x\",\"userId\":\"user-%" PRIu64
	       "\",\"anonymousId\":\"%08" PRIx64 "-0000-4000-8000-%012" PRIx64 "\",\"timestamp\":\"%s\"",
	       nth % 100000 == 99999 ? "delete" : "track", a, (unsigned)b, user, user * 2654435761U & 0xFFFFFFFF, user,
	       at);
	if (nth % 100000 == 99999) {
		puts("}");
		return;
	}
	printf(
	    ",\"event\":\"%s\",\"context\":{\"ip\":\"%u.%u.%u.%u\",\"locale\":\"en-GB\",\"timezone\":\"Europe/London\","
	    "\"userAgent\":\"%s\",\"library\":{\"name\":\"analytics.js\",\"version\":\"next-1.76.0\"},\"page\":{"
	    "\"path\":\"/shop/%x\",\"referrer\":\"https://www.example.com/search?q=%x\",\"title\":\"%s - the tea "
	    "shop\","
	    "\"url\":\"https://shop.example.com/shop/%x\",\"search\":\"?utm_source=letter&utm_campaign=%x\"}},",
	    nth % 200000 == 77 ? "Rare Event" : page, 1 + below(222), below(256), below(256), below(256),
	    agents[below(4)], below(1 << 20), below(1 << 24), page, below(1 << 20), below(64));
	printf("\"properties\":{\"orderId\":\"o-%010" PRIx64
	       "\",\"total\":%u.%02u,\"shipping\":%u.%02u,\"currency\":\"EUR\","
	       "\"coupon\":\"%x\",\"sessionId\":\"%016" PRIx64 "\",\"products\":[",
	       draw() & 0xFFFFFFFFFF, below(500), below(100), below(10), below(100), below(4096), draw());
	print_products();
	puts("]}}");
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 0, first = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;

	if (count == 0) {
		fputs("usage: make_events COUNT [FIRST]\n", stderr);
		return 2;
	}
	state = first;
	for (uint64_t i = first; i < first + count; i++)
		print_event(i);
	return ferror(stdout) != 0;
}

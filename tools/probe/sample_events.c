#include "tools/probe/sample_events.h"
#include "base/timestamp.h"

#include <stdio.h>
#include <string.h>

#define USER "\"userId\":\"" HS_TEST_USER "\""
#define VISITOR "\"anonymousId\":\"" HS_TEST_USER "\""
#define ID "\"messageId\":\"" HS_SAMPLE_EVENTS_ID "\""
#define NOW "\"timestamp\":\"" HS_SAMPLE_EVENTS_NOW "\""
#define COMMON ID "," USER "," NOW

/* clang-format off */
static const struct hs_sample_events_event samples[] = {
	{ "identify", "{\"type\":\"identify\"," COMMON "," VISITOR ","
	  "\"traits\":{\"email\":\"peter@example.com\",\"plan\":\"premium\",\"logins\":5}}" },
	{ "track", "{\"type\":\"track\"," COMMON ",\"event\":\"Order Completed\","
	  "\"properties\":{\"orderId\":\"o-1\",\"total\":39.950,\"currency\":\"EUR\"}}" },
	{ "page", "{\"type\":\"page\"," COMMON ",\"name\":\"Home\",\"category\":\"Shop\","
	  "\"properties\":{\"path\":\"/\",\"url\":\"https://example.com/\"}}" },
	{ "screen", "{\"type\":\"screen\"," COMMON ",\"name\":\"Cart\","
	  "\"properties\":{\"items\":3}}" },
	{ "group", "{\"type\":\"group\"," COMMON ",\"groupId\":\"g-1\","
	  "\"traits\":{\"name\":\"Initech\",\"employees\":329}}" },
	{ "alias", "{\"type\":\"alias\"," COMMON ",\"previousId\":\"a-1\"}" },
	{ "delete", "{\"type\":\"delete\"," COMMON "}" },

	/* "The casing on these fields will vary by customer" */
	{ "track: user_id", "{\"type\":\"track\",\"message_id\":\"" HS_SAMPLE_EVENTS_ID "\","
	  "\"user_id\":\"" HS_TEST_USER "\",\"event\":\"Casing\",\"sent_at\":\"" HS_SAMPLE_EVENTS_NOW "\"}" },
	{ "identify: UserID, MessageID", "{\"type\":\"identify\",\"MessageID\":\"" HS_SAMPLE_EVENTS_ID "\","
	  "\"UserID\":\"" HS_TEST_USER "\",\"Traits\":{}}" },
	{ "alias: User ID, Previous ID", "{\"type\":\"alias\",\"Message ID\":\"" HS_SAMPLE_EVENTS_ID "\","
	  "\"User ID\":\"" HS_TEST_USER "\",\"Previous ID\":\"a-1\"}" },

	{ "track: no messageId", "{\"type\":\"track\"," USER ",\"event\":\"No Id\","
	  "\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"properties\":{\"run\":\"" HS_SAMPLE_EVENTS_ID "\"}}" },
	{ "delete: no messageId", "{\"type\":\"delete\"," USER ","
	  "\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"context\":{\"run\":\"" HS_SAMPLE_EVENTS_ID "\"}}" },
	{ "delete: messageId of a job", "{\"type\":\"delete\","
	  "\"messageId\":\"delete-reg-6543321::job-2-" HS_SAMPLE_EVENTS_ID "\"," USER "}" },
	{ "page: messageId of the browser", "{\"type\":\"page\",\"messageId\":\"ajs-" HS_SAMPLE_EVENTS_ID "\","
	  USER ",\"context\":{\"userAgentData\":{\"brands\":[{\"brand\":\"Chromium\","
	  "\"version\":\"120\"}],\"mobile\":false}}}" },
	{ "track: a number as userId", "{\"type\":\"track\"," ID "," VISITOR ",\"userId\":4711,"
	  "\"event\":\"Number\"," NOW "}" },
	{ "track: anonymousId alone", "{\"type\":\"track\"," ID "," VISITOR ","
	  "\"event\":\"Anonymous\"," NOW "}" },

	{ "track: version 2", "{\"type\":\"track\"," COMMON ",\"event\":\"Version\",\"version\":2}" },
	{ "track: version \"1.1\"", "{\"type\":\"track\"," COMMON ",\"event\":\"Version\","
	  "\"version\":\"1.1\"}" },
	{ "page: null for objects", "{\"type\":\"page\"," COMMON ",\"category\":null,"
	  "\"context\":null,\"integrations\":null,\"properties\":null}" },
	{ "page: [] for objects", "{\"type\":\"page\"," COMMON ",\"context\":[],"
	  "\"integrations\":[],\"properties\":{\"empty\":{},\"list\":[]}}" },
	{ "track: time stamp in Go's format", "{\"type\":\"track\"," ID "," USER ",\"event\":\"Go\","
	  "\"timestamp\":\"2020-05-09 23:54:49.209808489 +0000 UTC m=+70366.298768264\"}" },

	{ "track: blanks in keys", "{\"type\":\"track\"," COMMON ",\"event\":\"Blanks\","
	  "\"properties\":{\"total billed\":830.00,\"user visit id\":1.0}}" },
	{ "track: array of objects", "{\"type\":\"track\"," COMMON ",\"event\":\"Order Completed\","
	  "\"properties\":{\"products\":[{\"id\":\"p-1\",\"price\":1e1},{\"id\":\"p-2\"}]}}" },
	{ "identify: deep traits", "{\"type\":\"identify\"," COMMON ",\"traits\":{\"address\":{"
	  "\"city\":\"Z\xC3\xBCrich\",\"geo\":{\"lat\":47.3769,\"lon\":8.5417}}}}" },
	{ "track: numbers and escapes", "{\"type\":\"track\"," COMMON ",\"event\":\"\\ud83d\\ude00\","
	  "\"properties\":{\"n\":123456789012345678901234567890,\"s\":\"a\\/b\\u00e9\"}}" },
	{ "track: replayed", "{\"type\":\"track\"," ID "," USER ",\"event\":\"Replayed\","
	  "\"timestamp\":\"2019-03-01T00:00:00.000Z\",\"receivedAt\":\"2019-03-01T00:00:01.000Z\","
	  "\"integrations\":{\"All\":false,\"Webhooks\":true}}" },

	/* A receiver answers 501 to a type it does not know: yellow, not a failure. */
	{ "unknown type", "{\"type\":\"hookspool-suite\"," COMMON "}" },
};
/* clang-format on */

size_t hs_sample_events_count(void)
{
	return sizeof samples / sizeof samples[0];
}

const struct hs_sample_events_event *hs_sample_events_event(size_t i)
{
	return &samples[i];
}

void hs_sample_events_put(size_t i, const char *run, int64_t now_ms, struct hs_buf *out)
{
	char id[96], now[HS_TIMESTAMP_TEXT + 1];
	const char *p = samples[i].text, *at;

	snprintf(id, sizeof id, "suite-%zu%s%s", i + 1, run[0] != '\0' ? "-" : "", run);
	hs_timestamp_text(now_ms, now);
	while ((at = strchr(p, '@')) != NULL) {
		bool is_id = strncmp(at, HS_SAMPLE_EVENTS_ID, strlen(HS_SAMPLE_EVENTS_ID)) == 0;
		bool is_now = strncmp(at, HS_SAMPLE_EVENTS_NOW, strlen(HS_SAMPLE_EVENTS_NOW)) == 0;
		size_t skip = is_id ? strlen(HS_SAMPLE_EVENTS_ID) : is_now ? strlen(HS_SAMPLE_EVENTS_NOW) : 1;

		hs_buf_put(out, p, (size_t)(at - p));
		hs_buf_put_slice(out, is_id ? hs_slice_str(id) : is_now ? hs_slice_str(now) : HS_SLICE("@"));
		p = at + skip;
	}
	hs_buf_put_slice(out, hs_slice_str(p));
}

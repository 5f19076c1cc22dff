#include "spool/write/rejected.h"
#include "base/base64.h"
#include "base/digest.h"
#include "base/hex.h"
#include "base/result.h"
#include "base/utf8.h"

static void put_member(struct hs_buf *out, struct hs_slice label, struct hs_slice value)
{
	if (value.n == 0)
		return;
	hs_buf_put_slice(out, label);
	hs_buf_put_json(out, value);
}

/* The first n bytes, without a fragment of a character at the end if the body is UTF-8. */
static struct hs_slice cut(struct hs_slice body, size_t n)
{
	size_t start = n;

	if (n >= body.n)
		return body;
	while (start > 0 && n - start < 3 && ((unsigned char)body.p[start] & 0xC0) == 0x80)
		start--;
	if (start < n && hs_utf8_length(body.p + start, body.n - start) > n - start)
		n = start;
	return hs_slice(body.p, n);
}

/* How many bytes of the next body can be kept. */
static size_t room_for_body(const struct hs_buf *out, const struct hs_settings *settings)
{
	int64_t most = settings == NULL ? INT64_MAX : settings->rejected_max / 16;

	if (settings == NULL)
		return SIZE_MAX;
	if (out->n > (size_t)most)
		return 0;
	return (size_t)(settings->rejected_body < most ? settings->rejected_body : most);
}

static void put_what_was_cut(struct hs_buf *out, const struct hs_rejection *r, size_t kept)
{
	char hex[2 * HS_SHA256_BYTES];
	uint8_t hash[HS_SHA256_BYTES];

	if (kept > 0)
		hs_buf_put_slice(out, HS_SLICE(",\"body_cut\":true"));
	hs_buf_put_slice(out, HS_SLICE(",\"body_bytes\":"));
	hs_buf_put_uint(out, r->body.n);
	if (r->settings->rejected_body == 0 || !hs_sha256(r->body, hash))
		return;
	hs_hex_encode(hash, sizeof hash, hex);
	put_member(out, HS_SLICE(",\"body_sha256\":"), hs_slice(hex, sizeof hex));
}

void hs_rejected_put(struct hs_buf *out, const struct hs_rejection *r)
{
	struct hs_slice body = cut(r->body, room_for_body(out, r->settings));

	if (r->settings != NULL && out->n > (size_t)r->settings->rejected_max / 8)
		return;
	hs_buf_put_slice(out, HS_SLICE("{\"spooled_at\":"));
	hs_buf_put_json(out, r->spooled_at);
	hs_buf_put_slice(out, HS_SLICE(",\"status\":"));
	hs_buf_put_uint(out, (uint64_t)r->status);
	put_member(out, HS_SLICE(",\"tenant\":"),
	           r->tenant); /* before all that a sender can choose: see rejected_quota.c */
	put_member(out, HS_SLICE(",\"message\":"), r->message);
	put_member(out, HS_SLICE(",\"remote_addr\":"), r->remote_addr);
	if (body.n < r->body.n)
		put_what_was_cut(out, r, body.n);
	hs_buf_put_slice(out, HS_SLICE(",\"body\":"));
	if (!hs_buf_put_json(out, body)) {
		hs_buf_put_slice(out, HS_SLICE(",\"body_base64\":\""));
		hs_base64_encode(body, out);
		hs_buf_putc(out, '"');
	}
	hs_buf_put_slice(out, HS_SLICE("}\n"));
}

static struct hs_slice without_offset(struct hs_slice message)
{
	static const struct hs_slice at = { ", at byte ", 10 };
	size_t n = message.n;

	while (n > 0 && message.p[n - 1] >= '0' && message.p[n - 1] <= '9')
		n--;
	if (n < message.n && n >= at.n && hs_bytes_eq(message.p + n - at.n, at.p, at.n))
		message.n = n - at.n;
	return message;
}

struct hs_slice hs_rejected_reason(struct hs_slice message)
{
	struct hs_slice text = without_offset(message);

	for (int r = HS_OK + 1; r < HS_RESULT_COUNT; r++) {
		struct hs_slice known = hs_slice_str(hs_result_info((enum hs_result)r)->message);
		size_t before = text.n - known.n;

		if (text.n >= known.n && hs_bytes_eq(text.p + before, known.p, known.n) &&
		    (before == 0 || (before > 1 && hs_bytes_eq(text.p + before - 2, ": ", 2))))
			return known;
	}
	return message;
}

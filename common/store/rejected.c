#include "store/rejected.h"
#include "core/base64.h"
#include "core/result.h"

static void put_member(struct hs_buf *out, struct hs_slice label, struct hs_slice value)
{
	if (value.n == 0)
		return;
	hs_buf_put_slice(out, label);
	hs_buf_put_json(out, value);
}

void hs_rejected_put(struct hs_buf *out, const struct hs_rejection *r)
{
	hs_buf_put_slice(out, HS_SLICE("{\"spooled_at\":"));
	hs_buf_put_json(out, r->spooled_at);
	hs_buf_put_slice(out, HS_SLICE(",\"status\":"));
	hs_buf_put_uint(out, (uint64_t)r->status);
	put_member(out, HS_SLICE(",\"message\":"), r->message);
	put_member(out, HS_SLICE(",\"tenant\":"), r->tenant);
	put_member(out, HS_SLICE(",\"remote_addr\":"), r->remote_addr);
	hs_buf_put_slice(out, HS_SLICE(",\"body\":"));
	if (!hs_buf_put_json(out, r->body)) {
		hs_buf_put_slice(out, HS_SLICE(",\"body_base64\":\""));
		hs_base64_encode(r->body, out);
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

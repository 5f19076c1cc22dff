#include "store/rejected.h"
#include "core/base64.h"

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

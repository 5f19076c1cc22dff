#include "spool/write/rejected.h"
#include "base/base64.h"
#include "base/digest.h"
#include "base/json_writer.h"
#include "base/result.h"
#include "base/utf8.h"

static void put_text(struct hs_json_writer *w, const char *name, struct hs_slice value)
{
	if (value.n > 0)
		hs_json_writer_text(w, name, value);
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

static void put_cut(struct hs_json_writer *w, const struct hs_rejection *r, size_t kept)
{
	uint8_t hash[HS_SHA256_BYTES];

	if (kept > 0)
		hs_json_writer_bool(w, "body_cut", true);
	hs_json_writer_uint(w, "body_bytes", r->body.n);
	if (r->settings->rejected_body > 0 && hs_sha256(r->body, hash))
		hs_json_writer_hex(w, "body_sha256", hs_slice((const char *)hash, sizeof hash));
}

void hs_rejected_put(struct hs_buf *out, const struct hs_rejection *r)
{
	struct hs_json_writer w = { .out = out };
	struct hs_slice body = cut(r->body, r->keeps_no_body ? 0 : room_for_body(out, r->settings));

	if (r->settings != NULL && out->n > (size_t)r->settings->rejected_max / 8)
		return;
	hs_json_writer_object(&w, NULL);
	hs_json_writer_text(&w, "spooled_at", r->spooled_at);
	hs_json_writer_uint(&w, "status", (uint64_t)r->status);
	put_text(&w, "tenant", r->tenant); /* before what a sender can choose: see rejected_quota.c */
	put_text(&w, "source", r->source);
	put_text(&w, "message", r->message);
	put_text(&w, "remote_addr", r->remote_addr);
	if (body.n < r->body.n)
		put_cut(&w, r, body.n);
	if (!hs_json_writer_text(&w, "body", body)) {
		hs_json_writer_raw(&w, "body_base64", HS_SLICE("\""));
		hs_base64_encode(body, out);
		hs_buf_putc(out, '"');
	}
	hs_json_writer_end(&w, '}');
	hs_buf_putc(out, '\n');
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

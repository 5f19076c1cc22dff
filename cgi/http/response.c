#include "cgi/http/response.h"

#include <assert.h>

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *text; /* RFC 9110, 15 */
	} reasons[] = {
		{ 200, "OK" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 411, "Length Required" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 429, "Too Many Requests" }, /* RFC 6585, 4 */
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Error";
}

void hs_response_header(struct hs_response *r, struct hs_slice name, struct hs_slice value)
{
	assert(r->headers < HS_RESPONSE_HEADERS);
	r->header[r->headers++] = (struct hs_header){ name, value };
}

static void put_header(struct hs_buf *head, struct hs_slice name, struct hs_slice value)
{
	char *to = hs_buf_reserve(head, name.n + value.n + 4);

	if (to == NULL)
		return;
	memcpy(to, "\r\n", 2);
	hs_bytes_copy(to + 2, name.p, name.n);
	memcpy(to + 2 + name.n, ": ", 2);
	hs_bytes_copy(to + 4 + name.n, value.p, value.n);
	head->n += name.n + value.n + 4;
}

void hs_response_print(const struct hs_response *r, bool without_body, struct hs_buf *head)
{
	hs_buf_reset(head);
	hs_buf_put_slice(head, HS_SLICE("Status: "));
	hs_buf_put_uint(head, (uint64_t)r->status);
	hs_buf_putc(head, ' ');
	hs_buf_put_slice(head, hs_slice_str(reason(r->status)));
	if (r->status != 204 && r->status != 304) {
		put_header(head, HS_SLICE("Content-Type"), r->media_type);
		hs_buf_put_slice(head, HS_SLICE("\r\nContent-Length: "));
		hs_buf_put_uint(head, r->body->n);
	}
	for (unsigned i = 0; i < r->headers; i++)
		put_header(head, r->header[i].name, r->header[i].value);
	hs_buf_put_slice(head, HS_SLICE("\r\n\r\n"));
	if (without_body)
		hs_buf_reset(r->body);
}

/*
 * FastCGI records give the same result in one piece and in pieces of any size (the
 * first byte says which), no buffer grows beyond its bound, the pairs that were checked can be
 * read, and what libfcgi may read is a whole request to our own reader, too.
 */
#include "cgi/server/fcgi_records.h"
#include "tests/fuzz/fuzz.h"

static bool same(const struct hs_buf *a, const struct hs_buf *b)
{
	return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

static void check(struct hs_fcgi_request *f)
{
	struct hs_buf text = { 0 };
	size_t count = 0, zeros = 0;

	MUST(f->head.n <= HS_FCGI_HEAD_MAX && f->reply.n <= HS_FCGI_REPLY_MAX);
	MUST(f->small.n <= HS_FCGI_VALUES_MAX);
	if (f->state != HS_FCGI_BODY && f->state != HS_FCGI_WHOLE)
		return;
	MUST(hs_fcgi_variables(hs_buf_slice(&f->head), &text, &count));
	for (size_t i = 0; i < text.n; i++)
		zeros += text.p[i] == '\0';
	MUST(zeros == count);
	MUST(count == 0 || text.p[text.n - 1] == '\0');
	hs_buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hs_fcgi_request one = { 0 }, many = { 0 };
	size_t step = size > 0 ? data[0] + 1u : 1;
	struct hs_slice copy = fuzz_copy(size > 0 ? data + 1 : data, size > 0 ? size - 1 : 0);
	const unsigned char *p = (const unsigned char *)copy.p;

	hs_fcgi_feed(&one, p, copy.n);
	for (size_t at = 0; at < copy.n; at += step) {
		struct hs_slice part = fuzz_copy(p + at, copy.n - at < step ? copy.n - at : step);

		hs_fcgi_feed(&many, (const unsigned char *)part.p, part.n);
		free((char *)part.p);
	}
	check(&one);
	check(&many);
	MUST(one.state == many.state && one.number == many.number && one.aborted == many.aborted);
	MUST(same(&one.head, &many.head) && same(&one.body, &many.body) && same(&one.reply, &many.reply));
	if (hs_fcgi_records_whole(p, copy.n))
		MUST(one.state == HS_FCGI_WHOLE && one.reply.n == 0);
	hs_fcgi_request_free(&one);
	hs_fcgi_request_free(&many);
	free((char *)copy.p);
	return 0;
}

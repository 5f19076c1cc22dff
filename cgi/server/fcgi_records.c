#include "cgi/server/fcgi_records.h"

#include <stdint.h>
#include <string.h>

/* FastCGI specification 1.0, 8 */
enum { VERSION = 1, RESPONDER = 1, NULL_NUMBER = 0 };
enum {
	BEGIN_REQUEST = 1,
	ABORT_REQUEST = 2,
	END_REQUEST = 3,
	PARAMS = 4,
	STDIN = 5,
	STDOUT = 6,
	GET_VALUES = 9,
	GET_VALUES_RESULT = 10,
	UNKNOWN_TYPE = 11,
};
enum { REQUEST_COMPLETE = 0, CANT_MPX_CONN = 1, UNKNOWN_ROLE = 3 };
enum { HEADER = HS_FCGI_HEADER_BYTES, BODY = 8 }; /* BEGIN_REQUEST, END_REQUEST and UNKNOWN_TYPE have 8 bytes */

struct record {
	unsigned type;
	size_t number, content, padding;
};

static size_t two_bytes(const unsigned char *p)
{
	return (size_t)p[0] << 8 | p[1];
}

static bool read_header(const unsigned char *p, struct record *r)
{
	*r = (struct record){ p[1], two_bytes(p + 2), two_bytes(p + 4), p[6] };
	return p[0] == VERSION;
}

/* --- name-value pairs (3.4) ---------------------------------------------------- */

/* Where a reader of pairs stands. Zeroed: between two of them, where the stream may end. */
struct pairs {
	unsigned char length[8]; /* of name and value, as far as they are there */
	size_t n, skip;          /* bytes of those; of name and value that are to come */
};

static size_t length_bytes(unsigned char first)
{
	return first >> 7 ? 4 : 1;
}

static size_t read_length(const unsigned char *p)
{
	if (length_bytes(p[0]) == 1)
		return p[0];
	return (size_t)(p[0] & 0x7F) << 24 | (size_t)p[1] << 16 | two_bytes(p + 2);
}

/* One byte of the lengths; when both are there, name and value follow. */
static void pairs_length(struct pairs *s, unsigned char byte)
{
	size_t name;

	s->length[s->n++] = byte;
	name = length_bytes(s->length[0]);
	if (s->n <= name || s->n < name + length_bytes(s->length[name]))
		return;
	s->skip = read_length(s->length) + read_length(s->length + name);
	s->n = 0;
}

static void pairs_feed(struct pairs *s, const unsigned char *p, size_t n)
{
	while (n > 0) {
		size_t skip = s->skip < n ? s->skip : n;

		s->skip -= skip;
		p += skip;
		n -= skip;
		if (n > 0) {
			pairs_length(s, *p++);
			n--;
		}
	}
}

static bool pairs_end(const struct pairs *s)
{
	return s->n == 0 && s->skip == 0;
}

bool hs_fcgi_variables(struct hs_slice pairs, struct hs_buf *text, size_t *count)
{
	const unsigned char *p = (const unsigned char *)pairs.p;

	*count = 0;
	for (const unsigned char *begun = p; p != NULL && (size_t)(p - begun) < pairs.n; ++*count) {
		size_t name = read_length(p), value;

		p += length_bytes(*p);
		value = read_length(p);
		p += length_bytes(*p);
		/* a zero would end the string for its readers, and begin another for us */
		hs_buf_put(text, (const char *)p, strnlen((const char *)p, name));
		hs_buf_putc(text, '=');
		hs_buf_put(text, (const char *)p + name, strnlen((const char *)p + name, value));
		hs_buf_putc(text, '\0');
		p += name + value;
	}
	return hs_buf_ok(text);
}

/* --- a request that is there --------------------------------------------------- */

/* The record at p, which has n bytes; false: not all of it is there, or of another version. */
static bool read_record(const unsigned char *p, size_t n, struct record *r)
{
	return n >= HEADER && read_header(p, r) && HEADER + r->content + r->padding <= n;
}

static bool is_begin(const unsigned char *p, const struct record *r)
{
	return r->type == BEGIN_REQUEST && r->number != NULL_NUMBER && r->content == BODY && r->padding == 0 &&
	       two_bytes(p + HEADER) == RESPONDER;
}

bool hs_fcgi_records_whole(const unsigned char *p, size_t n)
{
	struct record begin, r;
	struct pairs pairs = { .n = 0 };
	unsigned stream = PARAMS;
	size_t at = HEADER + BODY;

	if (!read_record(p, n, &begin) || !is_begin(p, &begin))
		return false;
	while (read_record(p + at, n - at, &r) && r.type == stream && r.number == begin.number) {
		if (stream == PARAMS)
			pairs_feed(&pairs, p + at + HEADER, r.content);
		if (r.content == 0 && (stream == STDIN || !pairs_end(&pairs)))
			return stream == STDIN;
		if (r.content == 0)
			stream = STDIN;
		at += HEADER + r.content + r.padding;
	}
	return false;
}

/* --- replies ------------------------------------------------------------------- */

static void put_header(unsigned char *to, unsigned type, size_t number, size_t content)
{
	const unsigned char header[HEADER] = { VERSION,
		                               (unsigned char)type,
		                               (unsigned char)(number >> 8),
		                               (unsigned char)number,
		                               (unsigned char)(content >> 8),
		                               (unsigned char)content,
		                               0,
		                               0 };

	memcpy(to, header, sizeof header);
}

void hs_fcgi_put_stdout(unsigned char to[static HS_FCGI_HEADER_BYTES], unsigned number, size_t n)
{
	put_header(to, STDOUT, number, n);
}

void hs_fcgi_put_end(unsigned char to[static HS_FCGI_END_BYTES], unsigned number)
{
	memset(to, 0, HS_FCGI_END_BYTES); /* application status 0, REQUEST_COMPLETE */
	put_header(to, STDOUT, number, 0);
	put_header(to + HEADER, END_REQUEST, number, BODY);
}

/* A record of eight bytes of content, of which the first or the fifth says something. */
static void reply(struct hs_fcgi_request *f, unsigned type, size_t number, unsigned first, unsigned fifth)
{
	unsigned char record[HEADER + BODY] = { 0 };

	put_header(record, type, number, BODY);
	record[HEADER] = (unsigned char)first;
	record[HEADER + 4] = (unsigned char)fifth;
	hs_buf_put(&f->reply, (const char *)record, sizeof record);
}

static void refuse(struct hs_fcgi_request *f, size_t number, unsigned why)
{
	reply(f, END_REQUEST, number, 0, why);
}

/* Answers what it is asked and can say: a connection carries one request at a time (4.1). */
static void reply_values(struct hs_fcgi_request *f)
{
	static const char name[] = "FCGI_MPXS_CONNS";
	unsigned char head[HEADER + 2];
	bool asked = f->small.n > 0 && memmem(f->small.p, f->small.n, name, sizeof name - 1) != NULL;
	size_t n = asked ? 2 + sizeof name - 1 + 1 : 0;

	put_header(head, GET_VALUES_RESULT, NULL_NUMBER, n);
	head[HEADER] = sizeof name - 1;
	head[HEADER + 1] = 1;
	hs_buf_put(&f->reply, (const char *)head, HEADER + (asked ? 2 : 0));
	if (asked) {
		hs_buf_put(&f->reply, name, sizeof name - 1);
		hs_buf_putc(&f->reply, '0');
	}
}

/* --- a request that comes in ---------------------------------------------------- */

static void fail(struct hs_fcgi_request *f)
{
	f->state = HS_FCGI_BROKEN;
}

void hs_fcgi_request_free(struct hs_fcgi_request *f)
{
	hs_buf_free(&f->head);
	hs_buf_free(&f->body);
	hs_buf_free(&f->reply);
	hs_buf_free(&f->small);
}

/* Where the content of the record goes; NULL: nowhere. */
static struct hs_buf *sink_of(struct hs_fcgi_request *f, const struct record *r)
{
	if (r->number == NULL_NUMBER)
		return r->type == GET_VALUES ? &f->small : NULL;
	if (r->type == BEGIN_REQUEST)
		return &f->small;
	if (r->number != f->number)
		return NULL;
	if (r->type == PARAMS)
		return &f->head;
	return r->type == STDIN ? &f->body : NULL;
}

/* Is it one that may come now? Records of other numbers may, and are passed over (3.3). */
static bool may_come(const struct hs_fcgi_request *f, const struct record *r)
{
	if (r->number == NULL_NUMBER)
		return r->type != GET_VALUES || r->content <= HS_FCGI_VALUES_MAX;
	if (r->type == BEGIN_REQUEST)
		return r->content == BODY && !(f->begun && r->number == f->number);
	if (!f->begun)
		return false;
	if (r->number != f->number)
		return true;
	if (r->type == PARAMS)
		return f->state == HS_FCGI_HEAD && f->head.n + r->content <= HS_FCGI_HEAD_MAX;
	return r->type != STDIN || f->state == HS_FCGI_BODY;
}

static void end_head(struct hs_fcgi_request *f)
{
	struct pairs pairs = { .n = 0 };

	pairs_feed(&pairs, (const unsigned char *)f->head.p, f->head.n);
	f->state = pairs_end(&pairs) ? HS_FCGI_BODY : HS_FCGI_BROKEN;
}

static void begin(struct hs_fcgi_request *f, size_t number)
{
	bool responder = two_bytes((const unsigned char *)f->small.p) == RESPONDER;

	if (f->begun) {
		refuse(f, number, CANT_MPX_CONN);
		return;
	}
	f->begun = true;
	f->number = (unsigned)number;
	if (responder)
		return;
	refuse(f, number, UNKNOWN_ROLE);
	fail(f);
}

static void end_record(struct hs_fcgi_request *f, const struct record *r)
{
	if (r->number == NULL_NUMBER) {
		if (r->type == GET_VALUES)
			reply_values(f);
		else
			reply(f, UNKNOWN_TYPE, NULL_NUMBER, r->type, 0);
	} else if (r->type == BEGIN_REQUEST) {
		begin(f, r->number);
	} else if (r->number == f->number) {
		if (r->type == ABORT_REQUEST) {
			f->aborted = true;
			fail(f);
		} else if (r->type == PARAMS && r->content == 0) {
			end_head(f);
		} else if (r->type == STDIN && r->content == 0) {
			f->state = HS_FCGI_WHOLE;
		}
	}
}

/* Takes what there is of the header. */
static size_t feed_header(struct hs_fcgi_request *f, const unsigned char *p, size_t n)
{
	size_t missing = HEADER - f->header_n, took = missing < n ? missing : n;
	struct record r;

	memcpy(f->header + f->header_n, p, took);
	f->header_n += took;
	if (f->header_n < HEADER)
		return took;
	if (!read_header(f->header, &r) || !may_come(f, &r)) {
		fail(f);
		return took;
	}
	hs_buf_reset(&f->small);
	f->content = r.content;
	f->padding = r.padding;
	return took;
}

static size_t feed_content(struct hs_fcgi_request *f, const struct record *r, const unsigned char *p, size_t n)
{
	size_t took = f->content < n ? f->content : n;
	struct hs_buf *sink = sink_of(f, r);

	if (sink != NULL)
		hs_buf_put(sink, (const char *)p, took);
	if (sink != NULL && !hs_buf_ok(sink))
		fail(f);
	f->content -= took;
	return took;
}

void hs_fcgi_feed(struct hs_fcgi_request *f, const unsigned char *p, size_t n)
{
	f->reply.max = HS_FCGI_REPLY_MAX;
	while (n > 0 && f->state < HS_FCGI_WHOLE) {
		struct record r;
		size_t took;

		if (f->header_n < HEADER) {
			took = feed_header(f, p, n);
		} else if (f->content > 0) {
			read_header(f->header, &r);
			took = feed_content(f, &r, p, n);
		} else {
			took = f->padding < n ? f->padding : n;
			f->padding -= took;
		}
		p += took;
		n -= took;
		if (f->state >= HS_FCGI_WHOLE || f->header_n < HEADER || f->content + f->padding > 0)
			continue;
		read_header(f->header, &r);
		f->header_n = 0;
		end_record(f, &r);
		if (!hs_buf_ok(&f->reply))
			fail(f);
	}
}

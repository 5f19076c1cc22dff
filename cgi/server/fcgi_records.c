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

static bool read_header(const unsigned char *p, struct record *record)
{
	*record = (struct record){ p[1], two_bytes(p + 2), two_bytes(p + 4), p[6] };
	return p[0] == VERSION;
}

/* --- name-value pairs (3.4) ---------------------------------------------------- */

/* The position in a stream of pairs. Zeroed: between two pairs, where the stream may end. */
struct pairs {
	unsigned char length[8]; /* the two lengths, as far as they have arrived */
	size_t n;                /* bytes of these */
	size_t skip;             /* bytes of name and value that are still to come */
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

/* Reads one byte of the lengths; after both of them, name and value follow. */
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
		/* a NUL would end the string for its readers, and begin another one for us */
		hs_buf_put(text, (const char *)p, strnlen((const char *)p, name));
		hs_buf_putc(text, '=');
		hs_buf_put(text, (const char *)p + name, strnlen((const char *)p + name, value));
		hs_buf_putc(text, '\0');
		p += name + value;
	}
	return hs_buf_ok(text);
}

/* --- a request that has arrived whole ------------------------------------------ */

/* Reads the record at the start of n bytes; false: it is not complete, or of another version. */
static bool read_record(const unsigned char *p, size_t n, struct record *record)
{
	return n >= HEADER && read_header(p, record) && HEADER + record->content + record->padding <= n;
}

static bool is_begin(const unsigned char *p, const struct record *record)
{
	return record->type == BEGIN_REQUEST && record->number != NULL_NUMBER && record->content == BODY &&
	       record->padding == 0 && two_bytes(p + HEADER) == RESPONDER;
}

bool hs_fcgi_records_whole(const unsigned char *p, size_t n)
{
	struct record begin, record;
	struct pairs pairs = { .n = 0 };
	unsigned stream = PARAMS;
	size_t at = HEADER + BODY;

	if (!read_record(p, n, &begin) || !is_begin(p, &begin))
		return false;
	while (read_record(p + at, n - at, &record) && record.type == stream && record.number == begin.number) {
		if (stream == PARAMS)
			pairs_feed(&pairs, p + at + HEADER, record.content);
		if (record.content == 0 && (stream == STDIN || !pairs_end(&pairs)))
			return stream == STDIN;
		if (record.content == 0)
			stream = STDIN;
		at += HEADER + record.content + record.padding;
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

/* Puts a record of eight bytes of content, which are 0 but for the first and the fifth. */
static void reply(struct hs_fcgi_request *request, unsigned type, size_t number, unsigned first, unsigned fifth)
{
	unsigned char record[HEADER + BODY] = { 0 };

	put_header(record, type, number, BODY);
	record[HEADER] = (unsigned char)first;
	record[HEADER + 4] = (unsigned char)fifth;
	hs_buf_put(&request->reply, (const char *)record, sizeof record);
}

static void refuse(struct hs_fcgi_request *request, size_t number, unsigned why)
{
	reply(request, END_REQUEST, number, 0, why);
}

/* Answers the one question that it knows: a connection carries one request at a time (4.1). */
static void reply_values(struct hs_fcgi_request *request)
{
	static const char name[] = "FCGI_MPXS_CONNS";
	unsigned char head[HEADER + 2];
	bool asked = request->small.n > 0 && memmem(request->small.p, request->small.n, name, sizeof name - 1) != NULL;
	size_t n = asked ? 2 + sizeof name - 1 + 1 : 0;

	put_header(head, GET_VALUES_RESULT, NULL_NUMBER, n);
	head[HEADER] = sizeof name - 1;
	head[HEADER + 1] = 1;
	hs_buf_put(&request->reply, (const char *)head, HEADER + (asked ? 2 : 0));
	if (asked) {
		hs_buf_put(&request->reply, name, sizeof name - 1);
		hs_buf_putc(&request->reply, '0');
	}
}

/* --- a request that arrives in pieces -------------------------------------------- */

static void fail(struct hs_fcgi_request *request)
{
	request->state = HS_FCGI_BROKEN;
}

void hs_fcgi_request_free(struct hs_fcgi_request *request)
{
	hs_buf_free(&request->head);
	hs_buf_free(&request->body);
	hs_buf_free(&request->reply);
	hs_buf_free(&request->small);
}

/* The buffer for the content of the record; NULL: it is dropped. */
static struct hs_buf *sink_of(struct hs_fcgi_request *request, const struct record *record)
{
	if (record->number == NULL_NUMBER)
		return record->type == GET_VALUES ? &request->small : NULL;
	if (record->type == BEGIN_REQUEST)
		return &request->small;
	if (record->number != request->number)
		return NULL;
	if (record->type == PARAMS)
		return &request->head;
	return record->type == STDIN ? &request->body : NULL;
}

/* True if this record may come now. Those of other numbers may, and are ignored (3.3). */
static bool may_come(const struct hs_fcgi_request *request, const struct record *record)
{
	if (record->number == NULL_NUMBER)
		return record->type != GET_VALUES || record->content <= HS_FCGI_VALUES_MAX;
	if (record->type == BEGIN_REQUEST)
		return record->content == BODY && !(request->begun && record->number == request->number);
	if (!request->begun)
		return false;
	if (record->number != request->number)
		return true;
	if (record->type == PARAMS)
		return request->state == HS_FCGI_HEAD && request->head.n + record->content <= HS_FCGI_HEAD_MAX;
	return record->type != STDIN || request->state == HS_FCGI_BODY;
}

static void end_head(struct hs_fcgi_request *request)
{
	struct pairs pairs = { .n = 0 };

	pairs_feed(&pairs, (const unsigned char *)request->head.p, request->head.n);
	request->state = pairs_end(&pairs) ? HS_FCGI_BODY : HS_FCGI_BROKEN;
}

static void begin(struct hs_fcgi_request *request, size_t number)
{
	bool responder = two_bytes((const unsigned char *)request->small.p) == RESPONDER;

	if (request->begun) {
		refuse(request, number, CANT_MPX_CONN);
		return;
	}
	request->begun = true;
	request->number = (unsigned)number;
	if (responder)
		return;
	refuse(request, number, UNKNOWN_ROLE);
	fail(request);
}

static void end_record(struct hs_fcgi_request *request, const struct record *record)
{
	if (record->number == NULL_NUMBER) {
		if (record->type == GET_VALUES)
			reply_values(request);
		else
			reply(request, UNKNOWN_TYPE, NULL_NUMBER, record->type, 0);
	} else if (record->type == BEGIN_REQUEST) {
		begin(request, record->number);
	} else if (record->number == request->number) {
		if (record->type == ABORT_REQUEST) {
			request->aborted = true;
			fail(request);
		} else if (record->type == PARAMS && record->content == 0) {
			end_head(request);
		} else if (record->type == STDIN && record->content == 0) {
			request->state = HS_FCGI_WHOLE;
		}
	}
}

/* Reads as much of the header as has arrived. */
static size_t feed_header(struct hs_fcgi_request *request, const unsigned char *p, size_t n)
{
	size_t missing = HEADER - request->header_n, took = missing < n ? missing : n;
	struct record record;

	memcpy(request->header + request->header_n, p, took);
	request->header_n += took;
	if (request->header_n < HEADER)
		return took;
	if (!read_header(request->header, &record) || !may_come(request, &record)) {
		fail(request);
		return took;
	}
	hs_buf_reset(&request->small);
	request->content = record.content;
	request->padding = record.padding;
	return took;
}

static size_t feed_content(struct hs_fcgi_request *request, const struct record *record, const unsigned char *p,
                           size_t n)
{
	size_t took = request->content < n ? request->content : n;
	struct hs_buf *sink = sink_of(request, record);

	if (sink != NULL)
		hs_buf_put(sink, (const char *)p, took);
	if (sink != NULL && !hs_buf_ok(sink))
		fail(request);
	request->content -= took;
	return took;
}

void hs_fcgi_feed(struct hs_fcgi_request *request, const unsigned char *p, size_t n)
{
	request->reply.max = HS_FCGI_REPLY_MAX;
	while (n > 0 && request->state < HS_FCGI_WHOLE) {
		struct record record;
		size_t took;

		if (request->header_n < HEADER) {
			took = feed_header(request, p, n);
		} else if (request->content > 0) {
			read_header(request->header, &record);
			took = feed_content(request, &record, p, n);
		} else {
			took = request->padding < n ? request->padding : n;
			request->padding -= took;
		}
		p += took;
		n -= took;
		if (request->state >= HS_FCGI_WHOLE || request->header_n < HEADER ||
		    request->content + request->padding > 0)
			continue;
		read_header(request->header, &record);
		request->header_n = 0;
		end_record(request, &record);
		if (!hs_buf_ok(&request->reply))
			fail(request);
	}
}

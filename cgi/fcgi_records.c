#include "cgi/fcgi_records.h"

#include <fastcgi.h>
#include <stdint.h>

struct record {
	unsigned type;
	size_t number, content, padding;
};

static size_t two_bytes(const unsigned char *p)
{
	return (size_t)p[0] << 8 | p[1];
}

/* The record at p, which has n bytes; false: not all of it is there, or of another version. */
static bool read_record(const unsigned char *p, size_t n, struct record *r)
{
	if (n < FCGI_HEADER_LEN || p[0] != FCGI_VERSION_1)
		return false;
	*r = (struct record){ p[1], two_bytes(p + 2), two_bytes(p + 4), p[6] };
	return FCGI_HEADER_LEN + r->content + r->padding <= n;
}

static bool is_begin(const unsigned char *p, const struct record *r)
{
	return r->type == FCGI_BEGIN_REQUEST && r->number != FCGI_NULL_REQUEST_ID &&
	       r->content == sizeof(FCGI_BeginRequestBody) && r->padding == 0 &&
	       two_bytes(p + FCGI_HEADER_LEN) == FCGI_RESPONDER;
}

bool hs_fcgi_records_whole(const unsigned char *p, size_t n)
{
	struct record begin, r;
	unsigned stream = FCGI_PARAMS;
	size_t at = sizeof(FCGI_BeginRequestRecord);

	if (!read_record(p, n, &begin) || !is_begin(p, &begin))
		return false;
	while (read_record(p + at, n - at, &r) && r.type == stream && r.number == begin.number) {
		if (r.content == 0 && stream == FCGI_STDIN)
			return true;
		if (r.content == 0)
			stream = FCGI_STDIN;
		at += FCGI_HEADER_LEN + r.content + r.padding;
	}
	return false;
}

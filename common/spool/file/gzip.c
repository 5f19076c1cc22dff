#include "spool/file/gzip.h"

#include <assert.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* At this level lines become as small as at zlib's default level, 6, in less than half the time. */
enum { LEVEL = 5, TAIL = 8, MEMBER_AT = 16, PLAIN_AT = 20 };

static const unsigned char start[MEMBER_AT] = {
	0x1F, 0x8B, 8, 4, 0, 0, 0, 0, 0, 0xFF, HS_GZIP_HEAD - 12, 0, 'H', 'S', HS_GZIP_HEAD - 16, 0,
};

struct hs_gzip {
	struct libdeflate_compressor *compressor;
	unsigned char *out;
	size_t room; /* bytes of `out` */
};

/* --- numbers ------------------------------------------------------------------- */

static void put(unsigned char *p, size_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(value >> (8 * i));
}

static uint32_t get(const unsigned char *p)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++)
		value |= (uint32_t)p[i] << (8 * i);
	return value;
}

uint32_t hs_crc32(uint32_t crc, struct hs_slice bytes)
{
	return bytes.n > 0 ? libdeflate_crc32(crc, bytes.p, bytes.n) : crc; /* for NULL it would begin anew */
}

bool hs_gzip_head(struct hs_slice head, uint32_t *member, uint32_t *plain)
{
	const unsigned char *p = (const unsigned char *)head.p;

	if (head.n < HS_GZIP_HEAD || memcmp(p, start, sizeof start) != 0)
		return false;
	*member = get(p + MEMBER_AT);
	*plain = get(p + PLAIN_AT);
	return *member > HS_GZIP_HEAD + TAIL && *plain <= HS_GZIP_MEMBER;
}

/* --- compressing --------------------------------------------------------------- */

/* Cannot fail: there is room for the worst case. */
static size_t make_member(struct hs_gzip *gzip, struct hs_slice plain)
{
	size_t n = libdeflate_deflate_compress(gzip->compressor, plain.p, plain.n, gzip->out + HS_GZIP_HEAD,
	                                       gzip->room - HS_GZIP_HEAD - TAIL);
	unsigned char *tail = gzip->out + HS_GZIP_HEAD + n;

	assert(n > 0);
	memcpy(gzip->out, start, sizeof start);
	put(gzip->out + MEMBER_AT, HS_GZIP_HEAD + n + TAIL);
	put(gzip->out + PLAIN_AT, plain.n);
	put(tail, hs_crc32(0, plain));
	put(tail + 4, plain.n);
	return HS_GZIP_HEAD + n + TAIL;
}

struct hs_slice hs_gzip_member(struct hs_gzip *gzip, struct hs_slice plain)
{
	assert(plain.n <= HS_GZIP_MEMBER);
	return hs_slice((const char *)gzip->out, make_member(gzip, plain));
}

uint32_t hs_gzip_crc_with(uint32_t crc, struct hs_slice member, size_t plain)
{
	const unsigned char *tail = (const unsigned char *)member.p + member.n - TAIL;

	return (uint32_t)crc32_combine(crc, get(tail), (z_off_t)plain);
}

/* --- making and freeing --------------------------------------------------------- */

struct hs_gzip *hs_gzip_new(void)
{
	struct hs_gzip *gzip = calloc(1, sizeof *gzip);

	if (gzip == NULL)
		return NULL;
	gzip->compressor = libdeflate_alloc_compressor(LEVEL);
	if (gzip->compressor != NULL) {
		gzip->room = HS_GZIP_HEAD + TAIL + libdeflate_deflate_compress_bound(gzip->compressor, HS_GZIP_MEMBER);
		gzip->out = malloc(gzip->room);
	}
	if (gzip->out != NULL)
		return gzip;
	hs_gzip_free(gzip);
	return NULL;
}

void hs_gzip_free(struct hs_gzip *gzip)
{
	if (gzip == NULL)
		return;
	if (gzip->compressor != NULL)
		libdeflate_free_compressor(gzip->compressor);
	free(gzip->out);
	free(gzip);
}

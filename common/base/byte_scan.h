/*
 * byte_scan: tests sixteen bytes at once. The result has one bit for each byte, the lowest for
 * the first, so counting zeros finds the first byte that passes.
 *
 * Uses SSE2, which every x86-64 has, or else two words of eight bytes; -DHS_SCALAR chooses the
 * words everywhere.
 */
#ifndef HS_BYTE_SCAN_H
#define HS_BYTE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__) && !defined(HS_SCALAR)
#include <immintrin.h>
#endif

/* --- by words: the top bit of each byte that passes is set ------------------------ */

#define HS_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Loads eight bytes. The first is the lowest, on machines of either byte order. */
static inline uint64_t hs_scan8(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/* Passes bytes from `least` to 0x7F; `least` is 1 to 0x80. */
static inline uint64_t hs_scan8_from(uint64_t word, unsigned least)
{
	return ((word & HS_EACH(0x7F)) + HS_EACH(0x80 - least)) & ~word;
}

static inline uint64_t hs_scan8_equal(uint64_t word, unsigned byte)
{
	uint64_t other = word ^ HS_EACH(byte);

	return ~(((other & HS_EACH(0x7F)) + HS_EACH(0x7F)) | other);
}

static inline uint64_t hs_scan8_odd(uint64_t word)
{
	return ~hs_scan8_from(word, ' ') | hs_scan8_equal(word, '"') | hs_scan8_equal(word, '\\');
}

static inline uint64_t hs_scan8_strange(uint64_t word)
{
	return ~hs_scan8_from(word, ' ');
}

static inline uint64_t hs_scan8_quotes(uint64_t word)
{
	return hs_scan8_equal(word, '"') | hs_scan8_equal(word, '\\');
}

static inline uint64_t hs_scan8_digits(uint64_t word)
{
	return hs_scan8_from(word, '0') & ~hs_scan8_from(word, '9' + 1);
}

/* Gathers the top bits of the bytes: the partial products of this multiplication do not overlap. */
static inline unsigned hs_scan8_bits(uint64_t word)
{
	return (unsigned)(((word & HS_EACH(0x80)) >> 7) * UINT64_C(0x0102040810204080) >> 56);
}

#define HS_SCAN16_BY_WORDS(test, p) (hs_scan8_bits(test(hs_scan8(p))) | hs_scan8_bits(test(hs_scan8((p) + 8))) << 8)

/* The index of the first byte that passes; `bits` must not be 0. */
static inline size_t hs_scan16_first(unsigned bits)
{
	return (unsigned)__builtin_ctz(bits);
}

/* --- the tests ---------------------------------------------------------------------- */

#if defined(__SSE2__) && !defined(HS_SCALAR)

static inline __m128i hs_scan16_load(const char *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline __m128i hs_scan16_is_quote(__m128i v)
{
	return _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
}

#endif

/*
 * Passes bytes that need a closer look in a JSON string: a quote, a backslash, a control
 * character, and every byte beyond ASCII.
 */
static inline unsigned hs_scan16_odd(const char *p)
{
#if defined(__SSE2__) && !defined(HS_SCALAR)
	__m128i v = hs_scan16_load(p);
	/* as signed bytes, those beyond ASCII are below the blank, too */
	__m128i low = _mm_cmpgt_epi8(_mm_set1_epi8(' '), v);

	return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, hs_scan16_is_quote(v)));
#else
	return HS_SCAN16_BY_WORDS(hs_scan8_odd, p);
#endif
}

/* Passes control characters, and bytes beyond ASCII. */
static inline unsigned hs_scan16_strange(const char *p)
{
#if defined(__SSE2__) && !defined(HS_SCALAR)
	return (unsigned)_mm_movemask_epi8(_mm_cmpgt_epi8(_mm_set1_epi8(' '), hs_scan16_load(p)));
#else
	return HS_SCAN16_BY_WORDS(hs_scan8_strange, p);
#endif
}

static inline unsigned hs_scan16_equal(const char *p, char byte)
{
#if defined(__SSE2__) && !defined(HS_SCALAR)
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(hs_scan16_load(p), _mm_set1_epi8(byte)));
#else
	return hs_scan8_bits(hs_scan8_equal(hs_scan8(p), (unsigned char)byte)) |
	       hs_scan8_bits(hs_scan8_equal(hs_scan8(p + 8), (unsigned char)byte)) << 8;
#endif
}

/* Passes quotes and backslashes. */
static inline unsigned hs_scan16_quotes(const char *p)
{
#if defined(__SSE2__) && !defined(HS_SCALAR)
	return (unsigned)_mm_movemask_epi8(hs_scan16_is_quote(hs_scan16_load(p)));
#else
	return HS_SCAN16_BY_WORDS(hs_scan8_quotes, p);
#endif
}

/* Passes backslashes and both brackets. */
static inline unsigned hs_scan16_brackets(const char *p, char open, char close)
{
#if defined(__SSE2__) && !defined(HS_SCALAR)
	__m128i v = hs_scan16_load(p);
	__m128i either = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(open)), _mm_cmpeq_epi8(v, _mm_set1_epi8(close)));

	return (unsigned)_mm_movemask_epi8(_mm_or_si128(either, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));
#else
	return hs_scan16_equal(p, '\\') | hs_scan16_equal(p, open) | hs_scan16_equal(p, close);
#endif
}

static inline unsigned hs_scan16_digits(const char *p)
{
#if defined(__SSE2__) && !defined(HS_SCALAR)
	__m128i v = hs_scan16_load(p);

	return (unsigned)_mm_movemask_epi8(
	    _mm_and_si128(_mm_cmpgt_epi8(v, _mm_set1_epi8('0' - 1)), _mm_cmplt_epi8(v, _mm_set1_epi8('9' + 1))));
#else
	return HS_SCAN16_BY_WORDS(hs_scan8_digits, p);
#endif
}

enum { HS_SCAN64 = 64 };

/*
 * True if none of 64 bytes is a control character or beyond ASCII. Then an odd number of quotes among them
 * changes the parity of the low 16 bits of *quotes; otherwise *quotes is as it was.
 */
static inline bool hs_scan64_is_plain(const char *p, unsigned *quotes)
{
#if defined(__SSE2__) && !defined(HS_SCALAR)
	__m128i blank = _mm_set1_epi8(' '), quote = _mm_set1_epi8('"'), a = hs_scan16_load(p),
		b = hs_scan16_load(p + 16), c = hs_scan16_load(p + 32), d = hs_scan16_load(p + 48);
	__m128i strange = _mm_or_si128(_mm_or_si128(_mm_cmpgt_epi8(blank, a), _mm_cmpgt_epi8(blank, b)),
	                               _mm_or_si128(_mm_cmpgt_epi8(blank, c), _mm_cmpgt_epi8(blank, d)));
	__m128i quoted = _mm_xor_si128(_mm_xor_si128(_mm_cmpeq_epi8(a, quote), _mm_cmpeq_epi8(b, quote)),
	                               _mm_xor_si128(_mm_cmpeq_epi8(c, quote), _mm_cmpeq_epi8(d, quote)));

	if (_mm_movemask_epi8(strange) != 0)
		return false;
	*quotes ^= (unsigned)_mm_movemask_epi8(quoted);
#else
	uint64_t strange = 0, quoted = 0;

	for (int i = 0; i < HS_SCAN64; i += 8) {
		strange |= hs_scan8_strange(hs_scan8(p + i));
		quoted ^= hs_scan8_equal(hs_scan8(p + i), '"');
	}
	if ((strange & HS_EACH(0x80)) != 0)
		return false;
	*quotes ^= hs_scan8_bits(quoted);
#endif
	return true;
}

/* The tests above for 64 bytes: a bit for each. */

static inline uint64_t hs_scan64_strange(const char *p)
{
	return hs_scan16_strange(p) | (uint64_t)hs_scan16_strange(p + 16) << 16 |
	       (uint64_t)hs_scan16_strange(p + 32) << 32 | (uint64_t)hs_scan16_strange(p + 48) << 48;
}

static inline uint64_t hs_scan64_equal(const char *p, char byte)
{
	return hs_scan16_equal(p, byte) | (uint64_t)hs_scan16_equal(p + 16, byte) << 16 |
	       (uint64_t)hs_scan16_equal(p + 32, byte) << 32 | (uint64_t)hs_scan16_equal(p + 48, byte) << 48;
}

/*
 * Passes blocks of 64 bytes that are plain, as above, and returns where the first other block begins, or fewer
 * than 64 bytes are left. An odd number of quotes changes the parity of the low 16 bits of *quotes.
 */
static inline const char *hs_scan_plain(const char *p, const char *end, unsigned *quotes)
{
	while (end - p >= HS_SCAN64 && hs_scan64_is_plain(p, quotes))
		p += HS_SCAN64;
	return p;
}

/* AVX2 does the same in a quarter of the steps, if the processor has it. */
#if defined(__SSE2__) && !defined(HS_SCALAR)

__attribute__((target("avx2"))) static inline __m256i hs_scan32_load(const char *p)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

__attribute__((target("avx2"))) static inline const char *hs_scan_plain_avx2(const char *p, const char *end,
                                                                             unsigned *quotes)
{
	__m256i blank = _mm256_set1_epi8(' '), quote = _mm256_set1_epi8('"'), quoted = _mm256_setzero_si256();
	unsigned bits;

	for (; end - p >= 2 * HS_SCAN64; p += 2 * HS_SCAN64) {
		__m256i a = hs_scan32_load(p), b = hs_scan32_load(p + 32), c = hs_scan32_load(p + 64),
			d = hs_scan32_load(p + 96);
		/* the least of the bytes, as they are signed, is below the blank if one is */
		__m256i least = _mm256_min_epi8(_mm256_min_epi8(a, b), _mm256_min_epi8(c, d));

		if (_mm256_movemask_epi8(_mm256_cmpgt_epi8(blank, least)) != 0)
			break;
		a = _mm256_xor_si256(_mm256_cmpeq_epi8(a, quote), _mm256_cmpeq_epi8(b, quote));
		c = _mm256_xor_si256(_mm256_cmpeq_epi8(c, quote), _mm256_cmpeq_epi8(d, quote));
		quoted = _mm256_xor_si256(quoted, _mm256_xor_si256(a, c));
	}
	bits = (unsigned)_mm256_movemask_epi8(quoted);
	*quotes ^= (bits ^ bits >> 16) & 0xFFFF;
	return hs_scan_plain(p, end, quotes);
}

static inline const char *hs_scan_plain_best(const char *p, const char *end, unsigned *quotes)
{
	return __builtin_cpu_supports("avx2") ? hs_scan_plain_avx2(p, end, quotes) : hs_scan_plain(p, end, quotes);
}

#else

static inline const char *hs_scan_plain_best(const char *p, const char *end, unsigned *quotes)
{
	return hs_scan_plain(p, end, quotes);
}

#endif

#endif

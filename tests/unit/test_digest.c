/* digest: the vectors of RFC 2202 and FIPS 180-4, and keys that serve many messages. */
#include "base/digest.h"
#include "base/hex.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>

static void expect_mac(struct hs_slice key, struct hs_slice text, const char *hex)
{
	struct hs_hmac *h = hs_hmac_new(key);
	uint8_t mac[HS_SHA1_BYTES];
	char digits[2 * HS_SHA1_BYTES];

	assert_non_null(h);
	for (int i = 0; i < 2; i++) { /* the key does not change */
		assert_true(hs_hmac_sha1(h, text, mac));
		hs_hex_encode(mac, sizeof mac, digits);
		assert_slice_equal(hs_slice(digits, sizeof digits), hs_slice_str(hex));
	}
	hs_hmac_free(h);
}

/* RFC 2202, 3 */
TEST(vectors_of_the_rfc)
{
	char ones[80], threes[50];

	memset(ones, 0xAA, sizeof ones);
	memset(threes, 0xDD, sizeof threes);
	expect_mac(HS_SLICE("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
	                    "\x0b\x0b"),
	           HS_SLICE("Hi There"), "b617318655057264e28bc0b6fb378c8ef146be00");
	expect_mac(HS_SLICE("Jefe"), HS_SLICE("what do ya want for nothing?"),
	           "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
	expect_mac(hs_slice(ones, 20), hs_slice(threes, 50), "125d7342b9ac11cd91a39af48aa17b4f63f175d3");
	expect_mac(hs_slice(ones, 80), HS_SLICE("Test Using Larger Than Block-Size Key - Hash Key First"),
	           "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

TEST(an_empty_message_has_a_mac)
{
	expect_mac(HS_SLICE("key"), HS_SLICE(""), "f42bb0eeb018ebbd4597ae7213711ec60760843f");
}

TEST(an_empty_key_is_one)
{
	expect_mac(HS_SLICE_NONE, HS_SLICE(""), "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d");
}

static bool make_keys(struct hs_slice text)
{
	struct hs_hmac *h = hs_hmac_new(text);
	struct hs_hmac256 *h256 = h == NULL ? NULL : hs_hmac256_new(text);
	bool made = h256 != NULL;

	hs_hmac_free(h);
	hs_hmac256_free(h256);
	return made;
}

/* This holds for a key that is hashed first, and for one that is not. */
TEST(a_key_is_made_wholly_or_not)
{
	static const enum wrap_call calls[] = { WRAP_MALLOC, WRAP_SHA1, WRAP_SHA256 };
	char text[200];

	memset(text, 'k', sizeof text);
	for (size_t n = 20; n <= sizeof text; n += 180)
		for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
			unsigned nth = 0;
			bool made;

			do {
				wrap_fail(calls[i], ++nth, 1, ENOMEM);
				made = make_keys(hs_slice(text, n));
				wrap_reset();
			} while (!made);
			assert_in_range(nth, calls[i] == WRAP_MALLOC ? 3 : n > 64 ? 8 : 5, 10);
		}
}

TEST(keys_do_not_mix)
{
	struct hs_hmac *a = hs_hmac_new(HS_SLICE("a")), *b = hs_hmac_new(HS_SLICE("b"));
	uint8_t mac_a[HS_SHA1_BYTES], mac_b[HS_SHA1_BYTES], again[HS_SHA1_BYTES];

	assert_true(hs_hmac_sha1(a, HS_SLICE("text"), mac_a));
	assert_true(hs_hmac_sha1(b, HS_SLICE("text"), mac_b));
	assert_true(hs_hmac_sha1(a, HS_SLICE("text"), again));
	assert_memory_equal(mac_a, again, sizeof again);
	assert_memory_not_equal(mac_a, mac_b, sizeof mac_b);
	hs_hmac_free(a);
	hs_hmac_free(b);
	hs_hmac_free(NULL);
}

static void expect_sha256(struct hs_slice text, const char *hex)
{
	uint8_t digest[HS_SHA256_BYTES];
	char digits[2 * HS_SHA256_BYTES];

	assert_true(hs_sha256(text, digest));
	hs_hex_encode(digest, sizeof digest, digits);
	assert_slice_equal(hs_slice(digits, sizeof digits), hs_slice_str(hex));
}

TEST(vectors_of_sha256)
{
	expect_sha256(HS_SLICE(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	expect_sha256(HS_SLICE("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(sha256_of_a_text_of_any_length)
{
	struct hs_digest *d = hs_digest_new();
	uint8_t at_once[HS_SHA256_BYTES], in_pieces[HS_SHA256_BYTES];
	char text[200];

	assert_non_null(d);
	for (size_t n = 0; n < sizeof text; n++) {
		text[n] = (char)(n * 37);
		assert_true(hs_sha256(hs_slice(text, n), at_once));
		assert_true(hs_digest_start(d) && hs_digest_add(d, hs_slice(text, n / 2)) &&
		            hs_digest_add(d, hs_slice(text + n / 2, n - n / 2)) && hs_digest_end(d, in_pieces));
		assert_memory_equal(at_once, in_pieces, sizeof at_once);
	}
	hs_digest_free(d);
}

static void expect_mac256(struct hs_slice key, struct hs_slice text, const char *hex)
{
	struct hs_hmac256 *h = hs_hmac256_new(key);
	uint8_t mac[HS_SHA256_BYTES];
	char digits[2 * HS_SHA256_BYTES];

	assert_non_null(h);
	for (int i = 0; i < 2; i++) { /* the key does not change */
		assert_true(hs_hmac256(h, text, mac));
		hs_hex_encode(mac, sizeof mac, digits);
		assert_slice_equal(hs_slice(digits, sizeof digits), hs_slice_str(hex));
	}
	hs_hmac256_free(h);
}

/* RFC 4231, 4.2 to 4.4 and 4.7: a short text, a short key, 50 bytes, a key beyond a block. */
TEST(vectors_of_hmac256)
{
	char ones[131], threes[50];

	memset(ones, 0xAA, sizeof ones);
	memset(threes, 0xDD, sizeof threes);
	expect_mac256(HS_SLICE("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
	                       "\x0b\x0b"),
	              HS_SLICE("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	expect_mac256(HS_SLICE("Jefe"), HS_SLICE("what do ya want for nothing?"),
	              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	expect_mac256(hs_slice(ones, 20), hs_slice(threes, 50),
	              "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	expect_mac256(hs_slice(ones, 131), HS_SLICE("Test Using Larger Than Block-Size Key - Hash Key First"),
	              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

/* RFC 2104, 2, written out, beside texts that fit into the last block and texts that do not. */
TEST(hmac256_of_a_text_of_any_length)
{
	struct hs_hmac256 *h = hs_hmac256_new(HS_SLICE("key"));
	uint8_t inner[64 + 200], outer[64 + HS_SHA256_BYTES], mac[HS_SHA256_BYTES], expected[HS_SHA256_BYTES];

	assert_non_null(h);
	memset(inner, 0x36, 64);
	memset(outer, 0x5C, 64);
	for (int i = 0; i < 3; i++) {
		inner[i] ^= (uint8_t) "key"[i];
		outer[i] ^= (uint8_t) "key"[i];
	}
	for (size_t n = 0; n < 200; n++) {
		assert_true(hs_hmac256(h, hs_slice((char *)inner + 64, n), mac));
		assert_true(hs_sha256(hs_slice((char *)inner, 64 + n), outer + 64));
		assert_true(hs_sha256(hs_slice((char *)outer, sizeof outer), expected));
		assert_memory_equal(mac, expected, sizeof mac);
		inner[64 + n] = (uint8_t)(n * 37);
	}
	hs_hmac256_free(h);
}

TEST(comparison_sees_every_byte)
{
	uint8_t a[32] = { 1, 2, 3 }, b[32];

	memcpy(b, a, sizeof b);
	assert_true(hs_equal_constant_time(a, b, sizeof a));
	assert_true(hs_equal_constant_time(a, b, 0));
	for (size_t i = 0; i < sizeof b; i++) {
		b[i] ^= 0x80;
		assert_false(hs_equal_constant_time(a, b, sizeof a));
		assert_true(hs_equal_constant_time(a, b, i)); /* and no byte after the end */
		b[i] ^= 0x80;
	}
}

TESTS("digest", NULL, NULL)

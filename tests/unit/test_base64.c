/* base64: the vectors of RFC 4648, 10, OpenSSL as a second opinion, and strictness. */
#include "base/base64.h"
#include "tests/lib/random.h"
#include "tests/lib/unit.h"

#include <openssl/evp.h>
#include <stdlib.h>

static void expect_pair(struct hs_slice bytes, struct hs_slice text)
{
	struct hs_buf b = { 0 };

	hs_base64_encode(bytes, &b);
	assert_slice_equal(hs_buf_slice(&b), text);
	hs_buf_reset(&b);
	assert_true(hs_base64_decode(text, &b));
	assert_slice_equal(hs_buf_slice(&b), bytes);
	hs_buf_free(&b);
}

TEST(vectors_of_the_rfc)
{
	expect_pair(HS_SLICE(""), HS_SLICE(""));
	expect_pair(HS_SLICE("f"), HS_SLICE("Zg=="));
	expect_pair(HS_SLICE("fo"), HS_SLICE("Zm8="));
	expect_pair(HS_SLICE("foo"), HS_SLICE("Zm9v"));
	expect_pair(HS_SLICE("foob"), HS_SLICE("Zm9vYg=="));
	expect_pair(HS_SLICE("fooba"), HS_SLICE("Zm9vYmE="));
	expect_pair(HS_SLICE("foobar"), HS_SLICE("Zm9vYmFy"));
	expect_pair(HS_SLICE("\xFB\xFF\xBF"), HS_SLICE("+/+/"));
}

TEST(random_bytes_are_coded_as_openssl_does)
{
	uint64_t seed = random_seed();

	for (unsigned i = 0; i < 500; i++, seed++) {
		struct random_source r = random_new(seed);
		unsigned char bytes[120], text[161];
		size_t n = random_below(&r, sizeof bytes);
		int length;

		for (size_t k = 0; k < n; k++)
			bytes[k] = (unsigned char)random_below(&r, 256);
		length = EVP_EncodeBlock(text, bytes, (int)n);
		expect_pair(hs_slice((char *)bytes, n), hs_slice((char *)text, (size_t)length));
	}
}

static const char *const refused[] = {
	"Z",        "Zg",       "Zg=",      "Zm8",      "Zm9vY",    "Zg===",    "====",     "=",
	"Z===",     "Zg==Zg==", "Zg=v",     "Z=9v",     "=m9v",     "Zm8=Zm9v", "Zh==",     "Zm9=",
	"Zn8=\n",   "Zm9v\n",   " Zm9v",    "Zm 9v",    "Zm9-",     "Zm9{",     "Zm9_",     "Zm9v!AAA",
	"Zm9vé===", "Zm9v:AAA", "Zm9v@AAA", "Zm9v[AAA", "Zm9v`AAA", "Zm9v{AAA", "Zm9v.AAA", "ZmZmZmZmZmZ=Zm==",
};

TEST(refused_texts_leave_nothing)
{
	struct hs_buf b = { 0 };

	hs_buf_put(&b, "before", 6);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct hs_slice text = { unit_exact_copy(hs_slice_str(refused[i])), strlen(refused[i]) };

		if (hs_base64_decode(text, &b))
			fail_msg("'%s' was taken", refused[i]);
		assert_slice_equal(hs_buf_slice(&b), HS_SLICE("before"));
		free((char *)text.p);
	}
	hs_buf_free(&b);
}

/* Each byte has exactly one text: one in sixteen of the texts AB== is canonical. */
TEST(bits_left_over_are_zero)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct hs_buf b = { 0 };

	for (unsigned i = 0; i < 64; i++) {
		char two[4] = { 'A', alphabet[i], '=', '=' }, three[4] = { 'A', 'A', alphabet[i], '=' };

		assert_int_equal(hs_base64_decode(hs_slice(two, 4), &b), i % 16 == 0);
		assert_int_equal(hs_base64_decode(hs_slice(three, 4), &b), i % 4 == 0);
	}
	hs_buf_free(&b);
}

TEST(a_bound_is_kept)
{
	struct hs_buf b = { .max = 2 };

	assert_false(hs_base64_decode(HS_SLICE("Zm9vYmFy"), &b));
	assert_false(hs_buf_ok(&b));
	hs_buf_free(&b);
}

TESTS("base64", NULL, NULL)

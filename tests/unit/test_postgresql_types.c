/* postgresql_types: the bytes that the server's own functions (numeric_send and so on) give for the same texts. */
#include "base/hex.h"
#include "tests/lib/unit.h"
#include "tools/load/postgresql_types.h"

#include <stdio.h>
#include <string.h>

enum {
	BOOLEAN = 16,
	INT8 = 20,
	INT2 = 21,
	INT4 = 23,
	TEXT = 25,
	JSON = 114,
	DOUBLE = 701,
	TIMESTAMPTZ = 1184,
	NUMERIC = 1700,
	JSONB = 3802
};

static const struct {
	unsigned long oid;
	const char *text, *hex; /* NULL: the type has no such value */
} cases[] = {
	{ NUMERIC, "0", "0000000000000000" },
	{ NUMERIC, "-0", "0000000000000000" },
	{ NUMERIC, "1", "00010000000000000001" },
	{ NUMERIC, "-1", "00010000400000000001" },
	{ NUMERIC, "9999", "0001000000000000270f" },
	{ NUMERIC, "10000", "00010001000000000001" },
	{ NUMERIC, "0.0001", "0001ffff000000040001" },
	{ NUMERIC, "0.1", "0001ffff0000000103e8" },
	{ NUMERIC, "1234567.50", "0003000100000002007b11d71388" },
	{ NUMERIC, "1e5", "0001000100000000000a" },
	{ NUMERIC, "1.5e-7", "0001fffe00000008000f" },
	{ NUMERIC, "1E+2", "00010000000000000064" },
	{ NUMERIC, "-12.34e3", "000200014000000000010924" },
	{ NUMERIC, "0e5", "0000000000000000" },
	{ NUMERIC, "0.000", "0000000000000003" },
	{ NUMERIC, "100000000", "00010002000000000001" },
	{ NUMERIC, "0.00001", "0001fffe0000000503e8" },
	{ NUMERIC, "12345678901234567890123.5", "0007000500000001007b11d722c509291a85007b1388" },
	{ NUMERIC, "1.50e1", "0001000000000001000f" },
	{ NUMERIC, "1e-5", "0001fffe0000000503e8" },
	{ NUMERIC, "99999999.00009999", "0004000100000008270f270f0000270f" },
	{ NUMERIC, "1e40", "0001000a000000000001" },
	{ NUMERIC, "1e-40", "0001fff6000000280001" },
	{ NUMERIC, "-0.00", "0000000000000002" },
	{ TIMESTAMPTZ, "2000-01-01T00:00:00.000Z", "0000000000000000" },
	{ TIMESTAMPTZ, "1999-12-31T23:59:59.999999Z", "ffffffffffffffff" },
	{ TIMESTAMPTZ, "2026-11-23T10:15:00.123Z", "000303eda297d178" },
	{ TIMESTAMPTZ, "2024-02-29T12:00:00.000001Z", "0002b582c4781001" },
	{ TIMESTAMPTZ, "0001-01-01T00:00:00.000Z", "ff1fe2ffc59c6000" },
	{ TIMESTAMPTZ, "9999-12-31T23:59:59.999Z", "0380e70b913b7c18" },
	{ TIMESTAMPTZ, "1582-10-10T00:00:00.000Z", "ffd1393860d32000" },
	{ TIMESTAMPTZ, "1900-03-01T00:00:00.000Z", "fff4ce915caea000" },
	{ TIMESTAMPTZ, "12000-06-30T01:02:03.456Z", "04612f086cc0ae00" },
	{ INT2, "0", "0000" },
	{ INT2, "-1", "ffff" },
	{ INT2, "32767", "7fff" },
	{ INT2, "-32768", "8000" },
	{ INT4, "2147483647", "7fffffff" },
	{ INT4, "-2147483648", "80000000" },
	{ INT8, "9223372036854775807", "7fffffffffffffff" },
	{ INT8, "-9223372036854775808", "8000000000000000" },
	{ DOUBLE, "0.1", "3fb999999999999a" },
	{ DOUBLE, "-2.5e-3", "bf647ae147ae147b" },
	{ DOUBLE, "1e300", "7e37e43c8800759c" },
	{ DOUBLE, "-0", "8000000000000000" },
	{ BOOLEAN, "true", "01" },
	{ BOOLEAN, "false", "00" },
	{ NUMERIC, "NaN", "00000000c0000000" },
	{ NUMERIC, "", NULL },
	{ NUMERIC, "-", NULL },
	{ NUMERIC, "1.5x", NULL },
	{ NUMERIC, "1e", NULL },
	{ NUMERIC, "1e+", NULL },
	{ NUMERIC, "1e999999", NULL },
	{ NUMERIC, "1e131072", NULL },
	{ NUMERIC, "1e131071", "00017fff0000000003e8" },
	{ NUMERIC, "1e-16384", NULL },
	{ NUMERIC, "soon", NULL },
	{ TIMESTAMPTZ, "soon", NULL },
	{ TIMESTAMPTZ, "2026-11-23T10:15:00Z", NULL },
	{ TIMESTAMPTZ, "2026-11-23T10:15:00.123+", NULL },
	{ TIMESTAMPTZ, "2026-11-23T1x:15:00.123Z", NULL },
	{ TIMESTAMPTZ, "2026-11-23T10:15:00.1234567Z", NULL },
	{ TIMESTAMPTZ, "1234567-11-23T10:15:00.123Z", NULL },
	{ INT2, "32768", NULL },
	{ INT2, "-32769", NULL },
	{ INT4, "2147483648", NULL },
	{ INT8, "9223372036854775808", NULL },
	{ INT8, "1.5", NULL },
	{ INT8, "", NULL },
	{ DOUBLE, "one", NULL },
	{ DOUBLE, "", NULL },
	{ BOOLEAN, "t", NULL },
};

TEST(values)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct hs_postgresql_type *type = hs_postgresql_type(cases[i].oid);
		struct hs_buf out = { 0 };
		bool written = type->put(&out, hs_slice_str(cases[i].text));
		char got[512] = "", length[16];

		if (written) {
			assert_in_range(out.n, 5, sizeof got / 2);
			hs_hex_encode((const uint8_t *)out.p, out.n, got);
			got[2 * out.n] = '\0';
			snprintf(length, sizeof length, "%08zx", out.n - 4);
			assert_memory_equal(got, length, 8);
		}
		if (written != (cases[i].hex != NULL) || (written && strcmp(got + 8, cases[i].hex) != 0))
			fail_msg("%s of type %lu is %s", cases[i].text, cases[i].oid, got);
		hs_buf_free(&out);
	}
}

TEST(texts_are_their_bytes)
{
	struct hs_buf out = { 0 };

	assert_null(hs_postgresql_type(TEXT)->put);
	hs_postgresql_put_text_length(&out, hs_postgresql_type(TEXT), 0x010203);
	hs_postgresql_put_text_length(&out, hs_postgresql_type(JSONB), 1);
	hs_postgresql_put_null(&out);
	hs_postgresql_put_columns_of_row(&out, 258);
	hs_postgresql_put_columns_of_row(&out, HS_POSTGRESQL_END);
	assert_int_equal(out.n, 17);
	assert_memory_equal(out.p,
	                    "\0\1\2\3"
	                    "\0\0\0\2\1"
	                    "\377\377\377\377"
	                    "\1\2"
	                    "\377\377",
	                    17);
	hs_buf_free(&out);
}

TEST(others_are_not_written)
{
	assert_null(hs_postgresql_type(2950)); /* uuid */
	assert_true(hs_postgresql_type(JSON)->only_rest);
	assert_true(hs_postgresql_type(JSONB)->only_rest);
}

TESTS("postgresql_types", NULL, NULL)

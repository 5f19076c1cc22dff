#include "event/json_members.h"
#include "base/utf8.h"

uint32_t hs_member(const struct hs_json *json, uint32_t object, const char *name)
{
	if (json->tok[object].kind != HS_JSON_OBJECT)
		return 0;
	for (uint32_t key = object + 1; key < json->tok[object].next; key = json->tok[key + 1].next)
		if (hs_slice_eq(hs_json_inner(json, key), hs_slice_str(name)))
			return key + 1;
	return 0;
}

static bool read_uint(struct hs_slice text, uint64_t *number)
{
	*number = 0;
	for (size_t i = 0; i < text.n; i++)
		if (!hs_is_digit(text.p[i]) || __builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, (uint64_t)(text.p[i] - '0'), number))
			return false;
	return text.n > 0;
}

uint64_t hs_member_uint(const struct hs_json *json, uint32_t object, const char *name, uint64_t otherwise)
{
	uint32_t value = hs_member(json, object, name);
	uint64_t number;

	return value != 0 && json->tok[value].kind == HS_JSON_NUMBER && read_uint(hs_json_raw(json, value), &number)
	           ? number
	           : otherwise;
}

int64_t hs_member_int(const struct hs_json *json, uint32_t object, const char *name, int64_t otherwise)
{
	uint32_t value = hs_member(json, object, name);
	struct hs_slice text;
	uint64_t number;
	bool minus;

	if (value == 0 || json->tok[value].kind != HS_JSON_NUMBER)
		return otherwise;
	text = hs_json_raw(json, value);
	minus = text.p[0] == '-';
	if (!read_uint(hs_slice(text.p + minus, text.n - minus), &number) || number > INT64_MAX)
		return otherwise;
	return minus ? -(int64_t)number : (int64_t)number;
}

bool hs_member_is_true(const struct hs_json *json, uint32_t object, const char *name)
{
	uint32_t value = hs_member(json, object, name);

	return value != 0 && json->tok[value].kind == HS_JSON_TRUE;
}

struct hs_slice hs_member_raw(const struct hs_json *json, uint32_t object, const char *name)
{
	uint32_t value = hs_member(json, object, name);

	return value != 0 && json->tok[value].kind == HS_JSON_STRING ? hs_json_inner(json, value) : HS_SLICE_NONE;
}

void hs_printable_copy(char *to, size_t size, struct hs_slice text)
{
	size_t n = 0;

	for (size_t at = 0, length; at < text.n; at += length) {
		bool bad = hs_utf8_unprintable(text.p + at, text.n - at, &length);

		if (n + (bad ? 1 : length) >= size)
			break;
		memcpy(to + n, bad ? "?" : text.p + at, bad ? 1 : length);
		n += bad ? 1 : length;
	}
	to[n] = '\0';
}

bool hs_member_text(const struct hs_json *json, uint32_t object, const char *name, char *to, size_t size)
{
	struct hs_slice raw = hs_member_raw(json, object, name);
	struct hs_buf text = { 0 };
	bool ok;

	to[0] = '\0';
	if (raw.p == NULL)
		return true;
	hs_json_unescape(raw, &text);
	ok = hs_buf_ok(&text);
	if (ok)
		hs_printable_copy(to, size, hs_buf_slice(&text));
	hs_buf_free(&text);
	return ok;
}

#include "tools/probe/response_verdict.h"
#include "base/utf8.h"
#include "event/json.h"

#include <inttypes.h>
#include <stdio.h>

/* Copies the text with '?' for unprintable characters; truncates between characters. */
static void copy_text(char *to, size_t size, struct hs_slice text)
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

static void read_text(const struct hs_json *json, uint32_t value, char *to, size_t size)
{
	struct hs_buf text = { 0 };

	if (json->tok[value].kind != HS_JSON_STRING)
		return;
	hs_json_unescape(hs_json_inner(json, value), &text);
	if (hs_buf_ok(&text))
		copy_text(to, size, hs_buf_slice(&text));
	hs_buf_free(&text);
}

static bool read_count(const struct hs_json *json, uint32_t value, uint64_t *count)
{
	struct hs_slice text = hs_json_raw(json, value);
	uint64_t n = 0;

	if (json->tok[value].kind != HS_JSON_NUMBER || text.n > 18)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(text.p[i] - '0');
	}
	*count = n;
	return true;
}

static void read_object(struct hs_response_verdict *a, const struct hs_json *json)
{
	int counts = 0;

	for (uint32_t key = 1; key < json->tok[0].next; key = json->tok[key + 1].next) {
		struct hs_slice name = hs_json_inner(json, key);

		if (hs_slice_eq(name, HS_SLICE("message")))
			read_text(json, key + 1, a->message, sizeof a->message);
		else if (hs_slice_eq(name, HS_SLICE("code")))
			read_text(json, key + 1, a->code, sizeof a->code);
		else if (hs_slice_eq(name, HS_SLICE("error")))
			a->error = json->tok[key + 1].kind == HS_JSON_STRING;
		else if (hs_slice_eq(name, HS_SLICE("success")))
			a->success = hs_slice_eq(hs_json_raw(json, key + 1), HS_SLICE("true"));
		else if (hs_slice_eq(name, HS_SLICE("accepted")))
			counts += read_count(json, key + 1, &a->accepted);
		else if (hs_slice_eq(name, HS_SLICE("duplicate")))
			counts += read_count(json, key + 1, &a->duplicate);
		else if (hs_slice_eq(name, HS_SLICE("rejected")))
			counts += read_count(json, key + 1, &a->rejected);
	}
	a->counted = counts == 3;
}

/* Makes a message from counts and status where the body has none. */
static void tell(struct hs_response_verdict *a, int status)
{
	char said[sizeof a->message];
	uint64_t events = a->accepted + a->duplicate + a->rejected;

	memcpy(said, a->message, sizeof said);
	if (a->counted && events == 1 && a->rejected == 0)
		snprintf(a->message, sizeof a->message, a->accepted == 1 ? "accepted" : "duplicate");
	else if (a->counted && events != 1)
		snprintf(a->message, sizeof a->message,
		         "%" PRIu64 " accepted, %" PRIu64 " duplicate, %" PRIu64 " rejected%s%.150s", a->accepted,
		         a->duplicate, a->rejected, said[0] != '\0' ? "; " : "", said);
	else if (!a->json && a->colour == HS_RED)
		snprintf(a->message, sizeof a->message, "no JSON: %d is the web server's answer, not the handler's",
		         status);
}

/* The longest message of the table that the text ends with ("event 17: …") or begins with
   ("not JSON at byte 5"). */
static const char *find_remedy(const char *text)
{
	const char *remedy = "";
	size_t longest = 0, n = strlen(text);

	for (int r = HS_OK + 1; r < HS_RESULT_COUNT; r++) {
		const struct hs_result_info *info = hs_result_info((enum hs_result)r);
		size_t m = strlen(info->message);

		if (m > n || m <= longest)
			continue;
		if (strcmp(text + n - m, info->message) == 0 || strncmp(text, info->message, m) == 0) {
			longest = m;
			remedy = info->remedy;
		}
	}
	return remedy;
}

bool hs_response_verdict_read(struct hs_response_verdict *a, int status, struct hs_slice body)
{
	struct hs_json json = { 0 };
	enum hs_result r;

	memset(a, 0, sizeof *a);
	a->colour = status >= 200 && status < 300 ? HS_GREEN : status == 501 ? HS_YELLOW : HS_RED;
	r = body.n == 0 ? HS_E_JSON_EMPTY : hs_json_document(&json, body);
	a->json = r == HS_OK && json.tok[0].kind == HS_JSON_OBJECT;
	if (a->json)
		read_object(a, &json);
	hs_json_free(&json);
	tell(a, status);
	a->remedy = find_remedy(a->message);
	return r != HS_E_MEMORY;
}

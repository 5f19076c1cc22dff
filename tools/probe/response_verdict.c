#include "tools/probe/response_verdict.h"
#include "event/json_members.h"

#include <inttypes.h>
#include <stdio.h>

/* True if the member is a count below the limit, so that the sum of three fits. */
static bool read_count(const struct hs_json *json, const char *name, uint64_t *count)
{
	const uint64_t limit = 1000000000000000000;
	uint64_t n = hs_member_uint(json, 0, name, limit);

	if (n >= limit)
		return false;
	*count = n;
	return true;
}

/* False: out of memory. */
static bool read_object(struct hs_response_verdict *a, const struct hs_json *json)
{
	int counts = read_count(json, "accepted", &a->accepted) + read_count(json, "duplicate", &a->duplicate) +
	             read_count(json, "rejected", &a->rejected);
	bool ok = hs_member_text(json, 0, "message", a->message, sizeof a->message);

	ok &= hs_member_text(json, 0, "code", a->code, sizeof a->code);
	a->error = hs_member_raw(json, 0, "error").p != NULL;
	a->success = hs_member_is_true(json, 0, "success");
	a->counted = counts == 3;
	return ok;
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
	if (a->json && !read_object(a, &json))
		r = HS_E_MEMORY;
	hs_json_free(&json);
	tell(a, status);
	a->remedy = find_remedy(a->message);
	return r != HS_E_MEMORY;
}

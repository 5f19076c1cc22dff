#include "event/subject_match.h"
#include "base/base64.h"
#include "base/hex.h"
#include "event/dialect.h"

void hs_subject_matcher_free(struct hs_subject_matcher *matcher)
{
	hs_json_free(&matcher->json);
	hs_json_free(&matcher->inner);
	hs_buf_free(&matcher->text);
	hs_buf_free(&matcher->loose);
}

static void count(void *context, struct hs_subject *who)
{
	(void)context;
	who->pending++;
}

static void count_event(void *context, struct hs_subject *who)
{
	const struct hs_named *named = context;

	who->pending++;
	if (named->spooled_ms > who->newest_ms)
		who->newest_ms = named->spooled_ms;
}

static int match(struct hs_subject_matcher *matcher, const struct hs_named *named)
{
	return hs_subjects_match(matcher->subjects, named, NULL, count, NULL);
}

/* --- texts other than JSON ------------------------------------------------------- */

/* The length of the escape at p, a surrogate pair counting as one; 1: not an escape. */
static size_t escape_at(const char *p, const char *end)
{
	size_t n = 2;

	if (end - p < 2)
		return 1;
	if (p[1] != 'u')
		return n;
	for (n = 2; n < 6; n++)
		if (end - p <= (ptrdiff_t)n || hs_hex_digit(p[n]) < 0)
			return 1;
	return end - p >= 12 && p[6] == '\\' && p[7] == 'u' && escape_at(p + 6, p + 12) == 6 ? 12 : 6;
}

/* Decodes escapes first: the text may be broken JSON. */
static int match_text(struct hs_subject_matcher *matcher, struct hs_slice text, const struct hs_named *named)
{
	int found = hs_subjects_match_text(matcher->subjects, text, named, count, NULL);
	const char *p = text.p, *end = text.p + text.n, *slash;

	if (found > 0 || text.n == 0 || memchr(p, '\\', text.n) == NULL)
		return found;
	hs_buf_reset(&matcher->loose);
	while ((slash = memchr(p, '\\', (size_t)(end - p))) != NULL) {
		size_t n = escape_at(slash, end);

		hs_buf_put(&matcher->loose, p, (size_t)(slash - p));
		if (n > 1)
			hs_json_unescape(hs_slice(slash, n), &matcher->loose);
		else
			hs_buf_putc(&matcher->loose, '\\'); /* which ends an id */
		p = slash + n;
	}
	hs_buf_put(&matcher->loose, p, (size_t)(end - p));
	return hs_buf_ok(&matcher->loose)
	           ? hs_subjects_match_text(matcher->subjects, hs_buf_slice(&matcher->loose), named, count, NULL)
	           : -1;
}

/*
 * Matches a damaged line, or a fragment of one, by its text. It may still say its tenant: quotes within a value are
 * escaped, so no sender can write that. If it does not, it may be any tenant's.
 */
static int match_damaged(struct hs_subject_matcher *matcher, struct hs_slice line)
{
	static const char member[] = "\"tenant\":\"";
	struct hs_named named = { .spooled_ms = INT64_MIN };
	const char *at = line.n == 0 ? NULL : memmem(line.p, line.n, member, sizeof member - 1), *end = NULL;

	if (at != NULL) {
		at += sizeof member - 1;
		end = memchr(at, '"', (size_t)(line.p + line.n - at));
	}
	named.any_tenant = end == NULL;
	if (end != NULL)
		named.tenant = hs_slice(at, (size_t)(end - at));
	return match_text(matcher, line, &named);
}

int hs_subject_match_event(struct hs_subject_matcher *matcher, struct hs_slice line, const struct hs_mark *at)
{
	struct hs_named named = { .spooled_ms = INT64_MIN };
	enum hs_result r;

	if (!hs_subjects_may_match(matcher->subjects, line))
		return 0;
	r = hs_json_document(&matcher->json, line);
	if (r == HS_E_MEMORY)
		return -1;
	if (r != HS_OK || matcher->json.tok[0].kind != HS_JSON_OBJECT)
		return match_damaged(matcher, line);
	hs_named_in_record(&named, &matcher->json, 0);
	return hs_subjects_match(matcher->subjects, &named, at, count_event, &named);
}

/* --- contents of a line ----------------------------------------------------------- */

/*
 * Matches the event in j->inner by its fields, or by its text if they may hide somebody. A single event
 * that is wrapped in {"json":…} is rejected, but names its people all the same.
 */
static int match_sent(struct hs_subject_matcher *matcher, struct hs_named *named)
{
	uint32_t root = hs_event_unwrap(&matcher->inner);
	int found;

	hs_named_in_event(named, &matcher->inner, root);
	found = match(matcher, named);
	if (found != 0 || hs_named_tells_whose(&matcher->inner, root))
		return found;
	return match_text(matcher, hs_json_raw(&matcher->inner, root), named);
}

/* Matches a rejected body: an event, a batch, or not JSON. */
static int match_body(struct hs_subject_matcher *matcher, struct hs_named *named)
{
	struct hs_slice text = hs_buf_slice(&matcher->text);
	struct hs_body_reader body;
	enum hs_result r;
	int found = 0, n = 0;
	bool more;
	uint32_t root;

	if (text.n == 0)
		return 0;
	hs_body_open(&body, &matcher->inner, text);
	while (n >= 0 && (r = hs_body_next(&body, &more, &root)) == HS_OK && more) {
		n = match_sent(matcher, named);
		found += n;
	}
	if (n < 0 || r == HS_E_MEMORY)
		return -1;
	return r == HS_OK || found > 0 ? found : match_text(matcher, text, named);
}

static int match_member(struct hs_subject_matcher *matcher, uint32_t key, struct hs_named *named)
{
	struct hs_slice name = hs_json_inner(&matcher->json, key);
	uint32_t value = key + 1;

	hs_buf_reset(&matcher->text);
	if (hs_slice_eq(name, HS_SLICE("record"))) {
		hs_named_in_record(named, &matcher->json, value);
		return match(matcher, named);
	}
	if (matcher->json.tok[value].kind != HS_JSON_STRING)
		return 0;
	if (hs_slice_eq(name, HS_SLICE("body_base64"))) {
		if (!hs_base64_decode(hs_json_inner(&matcher->json, value), &matcher->text))
			return hs_buf_ok(&matcher->text) ? 0 : -1;
	} else if (hs_slice_eq(name, HS_SLICE("body"))) {
		hs_json_unescape(hs_json_inner(&matcher->json, value), &matcher->text);
	} else {
		return 0;
	}
	return hs_buf_ok(&matcher->text) ? match_body(matcher, named) : -1;
}

/* True if the body is truncated: the missing part may have named anybody. */
static bool is_cut(const struct hs_subject_matcher *matcher)
{
	for (uint32_t key = 1; key < matcher->json.n; key = matcher->json.tok[key + 1].next)
		if (hs_slice_eq(hs_json_inner(&matcher->json, key), HS_SLICE("body_cut")))
			return true;
	return false;
}

int hs_subject_match_other(struct hs_subject_matcher *matcher, struct hs_slice line)
{
	struct hs_named named = { .spooled_ms = INT64_MIN };
	enum hs_result r = hs_json_document(&matcher->json, line);
	int found;

	if (r == HS_E_MEMORY)
		return -1;
	if (r != HS_OK || matcher->json.tok[0].kind != HS_JSON_OBJECT)
		return match_damaged(matcher, line);
	hs_named_in_record(&named, &matcher->json, 0);
	found = match(matcher, &named);
	for (uint32_t key = 1; key < matcher->json.n && found == 0; key = matcher->json.tok[key + 1].next) {
		struct hs_named inside = named;

		found = match_member(matcher, key, &inside);
	}
	return found != 0 || !is_cut(matcher) ? found
	                                      : hs_subjects_match_tenant(matcher->subjects, &named, count, NULL);
}

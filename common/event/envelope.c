#include "event/envelope.h"
#include "base/byte_scan.h"

enum { BLOCK = 16 };

/* The text from p on; every function below moves p forward and never beyond the end. */
struct scan {
	const char *p, *end;
};

static char peek(struct scan *s)
{
	while (s->p < s->end && hs_json_is_blank(*s->p))
		s->p++;
	return s->p < s->end ? *s->p : '\0';
}

static bool take(struct scan *s, char c)
{
	if (peek(s) != c)
		return false;
	s->p++;
	return true;
}

/* --- values ------------------------------------------------------------------- */

/* s->p is at the opening quote. */
static bool skip_string(struct scan *s)
{
	for (s->p++; s->p < s->end;) {
		unsigned found = s->end - s->p >= BLOCK ? hs_scan16_quotes(s->p) : *s->p == '"' || *s->p == '\\';

		if (found == 0) {
			s->p += s->end - s->p >= BLOCK ? BLOCK : 1;
			continue;
		}
		s->p += hs_scan16_first(found);
		if (*s->p == '"') {
			s->p++;
			return true;
		}
		s->p += s->end - s->p >= 2 ? 2 : 1;
	}
	return false;
}

/* Inside a container. Brackets of the other kind do not count: in JSON they are paired. */
struct nesting {
	char open, close;
	bool in_string;
	size_t depth;
	size_t escaped; /* bytes at the start of the next block that a backslash took */
};

/* Reads the bytes at `found` in a block. Returns the offset after the closing bracket, or 0. */
static size_t step_through(struct nesting *n, const char *block, unsigned found)
{
	size_t from = n->escaped;

	for (; found != 0; found &= found - 1) {
		size_t at = hs_scan16_first(found);
		char c = block[at];

		if (at < from)
			continue;
		if (c == '\\')
			from = at + 2;
		else if (c == '"')
			n->in_string = !n->in_string;
		else if (!n->in_string && c == n->open)
			n->depth++;
		else if (!n->in_string && --n->depth == 0)
			return at + 1;
	}
	n->escaped = from > BLOCK ? from - BLOCK : 0;
	return 0;
}

/* Skips blocks, four at a time, that hold no backslash and no such bracket: the parity of their quotes is enough. */
static void skip_plain(struct scan *s, struct nesting *n, char open, char close)
{
	const char *p = s->p;
	unsigned quotes = 0;

	for (; s->end - p >= 4 * BLOCK; p += 4 * BLOCK) {
		if ((hs_scan16_brackets(p, open, close) | hs_scan16_brackets(p + BLOCK, open, close) |
		     hs_scan16_brackets(p + 2 * BLOCK, open, close) | hs_scan16_brackets(p + 3 * BLOCK, open, close)) !=
		    0)
			break;
		quotes ^= hs_scan16_equal(p, '"') ^ hs_scan16_equal(p + BLOCK, '"') ^
		          hs_scan16_equal(p + 2 * BLOCK, '"') ^ hs_scan16_equal(p + 3 * BLOCK, '"');
	}
	n->in_string ^= __builtin_parity(quotes);
	s->p = p;
}

/* s->p is at the opening bracket. */
static bool skip_container(struct scan *s)
{
	const char open = *s->p, close = *s->p == '[' ? ']' : '}'; /* in registers: n is passed by address */
	struct nesting n = { .open = open, .close = close };

	while (s->p < s->end) {
		char last[BLOCK] = { 0 };
		size_t left, length;
		const char *block;
		unsigned quotes, others;

		if (open == '[' && n.escaped == 0) /* a batch is long; a lone event has many brackets */
			skip_plain(s, &n, open, close);
		left = (size_t)(s->end - s->p);
		block = s->p;
		if (left < BLOCK)
			block = memcpy(last, s->p, left);
		quotes = hs_scan16_equal(block, '"');
		others = hs_scan16_brackets(block, open, close);
		if (HS_MOSTLY((others | (unsigned)n.escaped) == 0)) {
			n.in_string ^= __builtin_parity(quotes);
		} else {
			length = step_through(&n, block, quotes | others);
			if (length > 0) {
				s->p += length;
				return true;
			}
		}
		s->p += left < BLOCK ? left : BLOCK;
	}
	return false;
}

static bool skip_literal(struct scan *s)
{
	const char *from = s->p;

	while (s->p < s->end && *s->p != ',' && *s->p != '}' && !hs_json_is_blank(*s->p))
		s->p++;
	return s->p > from;
}

static bool take_value(struct scan *s, struct hs_slice *value)
{
	char c = peek(s);
	const char *from = s->p;
	bool whole = c == '"' ? skip_string(s) : c == '{' || c == '[' ? skip_container(s) : skip_literal(s);

	*value = hs_slice(from, (size_t)(s->p - from));
	return whole;
}

/* --- members ------------------------------------------------------------------ */

/* The place for the value of a key; NULL: the key is not one of the envelope's. */
static struct hs_slice *find_place(struct hs_envelope *envelope, struct hs_slice key)
{
	const struct {
		struct hs_slice name, *value;
	} places[] = {
		{ HS_SLICE("batch"), &envelope->batch },
		{ HS_SLICE("writeKey"), &envelope->write_key },
		{ HS_SLICE("sentAt"), &envelope->sent_at },
		{ HS_SLICE("context"), &envelope->context },
		{ HS_SLICE("integrations"), &envelope->integrations },
	};

	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		if (hs_json_inner_is(key, places[i].name))
			return places[i].value;
	return NULL;
}

void hs_envelope_find(struct hs_envelope *envelope, struct hs_slice body)
{
	struct scan s = { body.p, body.n > 0 ? body.p + body.n : body.p };
	struct hs_slice *place, key, value;

	*envelope = (struct hs_envelope){ .is_object = take(&s, '{') };
	if (!envelope->is_object)
		return;
	do {
		if (peek(&s) != '"' || !take_value(&s, &key) || !take(&s, ':') || !take_value(&s, &value))
			break;
		place = find_place(envelope, hs_slice(key.p + 1, key.n - 2));
		if (place != NULL && place->p == NULL)
			*place = value;
	} while (take(&s, ','));
	if (envelope->batch.p != NULL && envelope->batch.p[0] != '[')
		envelope->batch = HS_SLICE_NONE;
}

struct hs_slice hs_envelope_first_event(const struct hs_envelope *envelope)
{
	struct scan s;

	if (envelope->batch.p == NULL)
		return HS_SLICE_NONE;
	s = (struct scan){ envelope->batch.p + 1, envelope->batch.p + envelope->batch.n };
	peek(&s);
	return hs_slice(s.p, (size_t)(s.end - s.p));
}

bool hs_envelope_key(const struct hs_envelope *envelope, struct hs_buf *scratch, struct hs_slice *key)
{
	struct hs_slice raw = envelope->write_key, inner;

	if (raw.n < 3 || raw.p[0] != '"' || raw.n > HS_WRITE_KEY_MAX * 6 + 2)
		return false;
	inner = hs_slice(raw.p + 1, raw.n - 2);
	if (memchr(inner.p, '\\', inner.n) != NULL) {
		hs_buf_reset(scratch);
		if (!hs_json_can_unescape(inner))
			return false;
		hs_json_unescape(inner, scratch);
		if (!hs_buf_ok(scratch))
			return false;
		inner = hs_buf_slice(scratch);
	}
	*key = inner;
	return inner.n <= HS_WRITE_KEY_MAX;
}

#include "core/identity.h"
#include "core/clock_text.h"
#include "core/sixteen.h"

bool hs_identifier_init(struct hs_identifier *i)
{
	memset(i, 0, sizeof *i);
	i->digest = hs_digest_new();
	return i->digest != NULL;
}

void hs_identifier_free(struct hs_identifier *i)
{
	hs_digest_free(i->digest);
	hs_buf_free(&i->text);
	memset(i, 0, sizeof *i);
}

/*
 * SHA-256 over a letter, the tenant, a zero, and up to two pieces of text. The letter
 * keeps message ids and records apart; a tenant's label has no zero.
 */
static enum hs_result digest(struct hs_identifier *i, char kind, struct hs_slice tenant,
                             struct hs_slice a, struct hs_slice b, struct hs_identity *id)
{
	uint8_t whole[HS_SHA256_BYTES];

	if (!hs_digest_start(i->digest) || !hs_digest_add(i->digest, hs_slice(&kind, 1)) ||
	    !hs_digest_add(i->digest, tenant) || !hs_digest_add(i->digest, hs_slice("", 1)) ||
	    !hs_digest_add(i->digest, a) || !hs_digest_add(i->digest, b) ||
	    !hs_digest_end(i->digest, whole))
		return HS_E_MEMORY;
	memcpy(id->bytes, whole, sizeof id->bytes);
	return HS_OK;
}

/* By the messageId in token t: "a" and "\u0061" are the same one. */
static enum hs_result by_message_id(struct hs_identifier *i, const struct hs_json *j, uint32_t t,
                                    struct hs_slice tenant, struct hs_identity *id)
{
	struct hs_slice text = hs_json_raw(j, t);

	if (j->tok[t].kind == HS_JSON_STRING)
		text = hs_json_inner(j, t);
	if (j->tok[t].escaped) {
		hs_buf_reset(&i->text);
		hs_json_unescape(text, &i->text);
		text = hs_buf_slice(&i->text);
		if (!hs_buf_ok(&i->text))
			return HS_E_MEMORY;
	}
	return digest(i, 'm', tenant, text, HS_SLICE_NONE, id);
}

/* A messageId, or a timestamp, that says something: a number, or a string that is not empty. */
static bool is_telling(const struct hs_json *j, uint32_t t)
{
	return j->tok[t].kind == HS_JSON_NUMBER ||
	       (j->tok[t].kind == HS_JSON_STRING && hs_json_inner(j, t).n > 0);
}

/* The parts of a record: fixed fields, what hookspool adds, the rest. */
struct parts {
	uint32_t message_id, timestamp, tenant, spooled_at; /* tokens of the values; 0: absent */
	size_t stamp, rest; /* offsets of the second and of the third part */
};

static void take_apart(const struct hs_json *j, struct parts *p)
{
	memset(p, 0, sizeof *p);
	p->rest = j->text.n;
	for (uint32_t key = 1; key < j->n && p->spooled_at == 0; key = j->tok[key + 1].next) {
		struct hs_slice name = hs_json_inner(j, key);
		enum hs_field f = hs_field_named(name);

		if (f == HS_FIELD_MESSAGE_ID)
			p->message_id = key + 1;
		else if (f == HS_FIELD_TIMESTAMP)
			p->timestamp = key + 1;
		if (f != HS_FIELD_COUNT)
			continue;
		if (p->stamp == 0)
			p->stamp = j->tok[key].start;
		if (hs_slice_eq(name, HS_SLICE("tenant")))
			p->tenant = key + 1;
		if (hs_slice_eq(name, HS_SLICE("spooled_at"))) {
			p->spooled_at = key + 1;
			p->rest = j->tok[key + 1].end;
		}
	}
}

/* By the record without its second part, which differs from delivery to delivery. */
static enum hs_result by_record(struct hs_identifier *i, const struct hs_json *j,
                                const struct parts *p, struct hs_slice tenant,
                                struct hs_identity *id)
{
	return digest(i, 'r', tenant, hs_slice(j->text.p, p->stamp),
	              hs_slice(j->text.p + p->rest, j->text.n - p->rest), id);
}

enum hs_result hs_identity_of_line(struct hs_identifier *i, struct hs_json *json,
                                   struct hs_slice line, bool *known, struct hs_identity *id,
                                   int64_t *spooled_ms)
{
	enum hs_result r = hs_json_document(json, line);
	struct hs_slice tenant = HS_SLICE_NONE;
	struct parts p;

	*known = false;
	*spooled_ms = 0;
	if (r != HS_OK)
		return r;
	if (json->tok[0].kind != HS_JSON_OBJECT)
		return HS_E_JSON_SYNTAX;
	take_apart(json, &p);
	if (p.tenant != 0)
		tenant = hs_json_inner(json, p.tenant); /* a label: nothing in it is ever escaped */
	if (p.spooled_at != 0 && !hs_clock_parse(hs_json_inner(json, p.spooled_at), spooled_ms))
		*spooled_ms = 0;
	*known = true;
	if (p.message_id != 0 && is_telling(json, p.message_id))
		return by_message_id(i, json, p.message_id, tenant, id);
	*known = p.timestamp != 0 && is_telling(json, p.timestamp);
	return *known ? by_record(i, json, &p, tenant, id) : HS_OK;
}

/* Behind the string that begins at p; NULL: it does not end. */
static const char *string_end(const char *p, const char *end)
{
	p++;
	while (p < end) {
		unsigned quotes = end - p >= 16 ? hs_sixteen_quotes(p) : 1;

		if (quotes == 0) {
			p += 16;
			continue;
		}
		p += hs_sixteen_first(quotes);
		if (*p == '"')
			return p + 1;
		p += *p == '\\' ? 2 : 1;
	}
	return NULL;
}

/*
 * Takes a member, and the brace or comma before it, off the left edge of a record: its name
 * without quotes, and its value. False: that is not how a record goes on.
 */
static bool take_member(struct hs_slice *rest, struct hs_slice *name, struct hs_slice *value)
{
	const char *p = rest->p, *end = rest->p + rest->n, *colon, *behind;

	if (rest->n < 2 || p[1] != '"' || (colon = string_end(p + 1, end)) == NULL ||
	    colon + 1 >= end || *colon != ':')
		return false;
	*name = hs_slice(p + 2, (size_t)(colon - p) - 3);
	p = behind = colon + 1;
	if (*p == '"')
		behind = string_end(p, end);
	else
		while (behind < end && *behind != ',' && *behind != '}')
			behind++;
	if (behind == NULL || behind == end)
		return false;
	*value = hs_slice(p, (size_t)(behind - p));
	*rest = hs_slice(behind, (size_t)(end - behind));
	return true;
}

/* The inside of a string; nothing if it is none, is empty or has escapes. */
static struct hs_slice plain_inside(struct hs_slice value)
{
	if (value.n < 3 || value.p[0] != '"' || memchr(value.p, '\\', value.n) != NULL)
		return HS_SLICE_NONE;
	return hs_slice(value.p + 1, value.n - 2);
}

bool hs_identity_of_head(struct hs_identifier *i, struct hs_slice line, struct hs_identity *id,
                         int64_t *spooled_ms)
{
	struct hs_slice name, value, message_id = HS_SLICE_NONE, tenant = HS_SLICE_NONE;

	while (take_member(&line, &name, &value)) {
		if (hs_slice_eq(name, HS_SLICE("message_id")))
			message_id = plain_inside(value);
		else if (hs_slice_eq(name, HS_SLICE("tenant")))
			tenant = plain_inside(value);
		else if (hs_slice_eq(name, HS_SLICE("spooled_at")))
			return message_id.n > 0 && hs_clock_parse(plain_inside(value), spooled_ms) &&
			       digest(i, 'm', tenant, message_id, HS_SLICE_NONE, id) == HS_OK;
	}
	return false;
}

enum hs_result hs_identity_of_event(struct hs_identifier *i, const struct hs_event *e,
                                    struct hs_slice tenant, struct hs_slice line, bool *known,
                                    struct hs_identity *id)
{
	uint32_t t = e->field[HS_FIELD_MESSAGE_ID], stamp = e->field[HS_FIELD_TIMESTAMP];
	struct hs_json json = { 0 };
	int64_t spooled_ms;
	enum hs_result r;

	*known = true;
	if (t != 0 && is_telling(e->json, t))
		return by_message_id(i, e->json, t, tenant, id);
	*known = stamp != 0 && is_telling(e->json, stamp);
	if (!*known)
		return HS_OK;
	if (line.n > 0 && line.p[line.n - 1] == '\n')
		line.n--;
	r = hs_identity_of_line(i, &json, line, known, id, &spooled_ms); /* rare: no working memory */
	hs_json_free(&json);
	return r;
}

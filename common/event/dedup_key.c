#include "event/dedup_key.h"
#include "base/hex.h"
#include "base/timestamp.h"
#include "event/placeholder_words.h"
#include "event/record_fields.h"

#include <assert.h>
#include <strings.h>

bool hs_dedup_key_maker_init(struct hs_dedup_key_maker *maker)
{
	memset(maker, 0, sizeof *maker);
	maker->digest = hs_digest_new();
	return maker->digest != NULL;
}

void hs_dedup_key_maker_free(struct hs_dedup_key_maker *maker)
{
	hs_digest_free(maker->digest);
	hs_buf_free(&maker->text);
	memset(maker, 0, sizeof *maker);
}

static uint8_t *append(uint8_t *to, struct hs_slice text)
{
	if (text.n > 0)
		memcpy(to, text.p, text.n);
	return to + text.n;
}

static bool digest_long(struct hs_digest *d, struct hs_slice a, struct hs_slice b, struct hs_slice c,
                        uint8_t out[static HS_SHA256_BYTES])
{
	return hs_digest_start(d) && hs_digest_add(d, a) && hs_digest_add(d, b) && hs_digest_add(d, c) &&
	       hs_digest_end(d, out);
}

/* The first bytes of the SHA-256 of three concatenated texts. */
static enum hs_result digest(struct hs_dedup_key_maker *maker, struct hs_slice a, struct hs_slice b, struct hs_slice c,
                             uint8_t out[static HS_DEDUP_KEY_BYTES])
{
	uint8_t whole[HS_SHA256_BYTES];
	uint8_t block[HS_SHA256_BLOCK] = { 0 };
	bool ok;

	if (a.n + b.n + c.n <= HS_SHA256_SHORT)
		ok = hs_sha256_in_block(block, (size_t)(append(append(append(block, a), b), c) - block), whole);
	else
		ok = digest_long(maker->digest, a, b, c, whole);
	if (!ok)
		return HS_E_MEMORY;
	memcpy(out, whole, HS_DEDUP_KEY_BYTES);
	return HS_OK;
}

/*
 * The key for an id, decoded if it is a string: "a" and "\u0061" are equal. A byte that no
 * label has separates it from its scope: 0 after a tenant, 1 after a source.
 */
static enum hs_result of_id(struct hs_dedup_key_maker *maker, struct hs_slice id, bool escaped,
                            const struct hs_id_scope *scope, struct hs_dedup_key *identity)
{
	bool of_source = scope->source.n > 0;

	if (escaped) {
		hs_buf_reset(&maker->text);
		hs_json_unescape(id, &maker->text);
		id = hs_buf_slice(&maker->text);
		if (!hs_buf_ok(&maker->text))
			return HS_E_MEMORY;
	}
	return digest(maker, of_source ? scope->source : scope->tenant, hs_slice(of_source ? "\1" : "", 1), id,
	              identity->bytes);
}

/* --- the event's own id --------------------------------------------------------------- */

/* The bytes of a number or string as sent; empty for anything else. */
static struct hs_slice text_of(const struct hs_json *j, uint32_t t)
{
	if (t == 0)
		return HS_SLICE_NONE;
	if (j->tok[t].kind == HS_JSON_STRING)
		return hs_json_inner(j, t);
	return j->tok[t].kind == HS_JSON_NUMBER ? hs_json_raw(j, t) : HS_SLICE_NONE;
}

/* Words that programs write for "no value". As ids they would make all events duplicates. */
static bool is_placeholder(struct hs_slice id)
{
	static const struct hs_slice words[] = {
#define WORD(text) { text, sizeof text - 1 },
#define SKIPPED(text)
		HS_PLACEHOLDER_WORDS(WORD, SKIPPED)
	};

	for (size_t k = 0; k < sizeof words / sizeof words[0]; k++)
		if (id.n == words[k].n && hs_slice_eq_nocase(id, words[k])) /* the length first: it saves most calls */
			return true;
	return false;
}

static bool has_own_id(const struct hs_event *e)
{
	struct hs_slice id = text_of(e->json, e->field[HS_FIELD_MESSAGE_ID]);
	size_t k = 0;

	while (k < id.n && (id.p[k] == '0' || id.p[k] == '-' || id.p[k] == ' '))
		k++;
	return k < id.n && !is_placeholder(id);
}

/* --- making an id ------------------------------------------------------------- */

/* A real time has a digit other than zero. */
static bool has_timestamp(const struct hs_event *e)
{
	struct hs_slice stamp = text_of(e->json, e->field[HS_FIELD_TIMESTAMP]);

	for (size_t k = 0; k < stamp.n; k++)
		if (stamp.p[k] >= '1' && stamp.p[k] <= '9')
			return true;
	return false;
}

/* Appends a value's JSON text without the blanks between tokens. */
static void put_value(struct hs_buf *out, const struct hs_json *j, uint32_t t)
{
	struct hs_slice text = hs_json_raw(j, t);
	bool in_string = false;
	size_t from = 0;

	for (size_t k = 0; k < text.n && j->tok[t].spaced; k++) {
		if (text.p[k] == '"')
			in_string = !in_string;
		else if (text.p[k] == '\\')
			k++; /* inside a string: there are none elsewhere */
		else if (!in_string && hs_json_is_blank(text.p[k])) {
			hs_buf_put(out, text.p + from, k - from);
			from = k + 1;
		}
	}
	hs_buf_put(out, text.p + from, text.n - from);
}

/* Members that differ between deliveries, or are no part of what happened. */
static bool is_of_delivery(const struct hs_json *j, uint32_t key, bool in_context)
{
	enum hs_field f = in_context ? HS_FIELD_COUNT : hs_event_field_of_key(j, key);

	return f == HS_FIELD_MESSAGE_ID || f == HS_FIELD_SENT_AT || f == HS_FIELD_RECEIVED_AT ||
	       (f == HS_FIELD_COUNT && hs_event_is_address(j, key));
}

/* Appends the members of the object that count. */
static void put_members(struct hs_buf *out, const struct hs_json *j, uint32_t object, bool in_context)
{
	bool first = true;

	hs_buf_putc(out, '{');
	for (uint32_t key = object + 1; key < j->tok[object].next; key = j->tok[key + 1].next) {
		bool nested = !in_context && j->tok[key + 1].kind == HS_JSON_OBJECT &&
		              hs_event_field_of_key(j, key) == HS_FIELD_CONTEXT;

		if (is_of_delivery(j, key, in_context))
			continue;
		if (!first)
			hs_buf_putc(out, ',');
		first = false;
		hs_buf_put_slice(out, hs_json_raw(j, key));
		hs_buf_putc(out, ':');
		if (nested)
			put_members(out, j, key + 1, true);
		else
			put_value(out, j, key + 1);
	}
	hs_buf_putc(out, '}');
}

static void set_made(struct hs_dedup_key_maker *maker, const char *prefix, const uint8_t *bytes,
                     struct hs_made_id *made)
{
	size_t n = strlen(prefix);

	memcpy(maker->made, prefix, n);
	hs_hex_encode(bytes, HS_DEDUP_KEY_BYTES, maker->made + n);
	made->text = hs_slice(maker->made, n + 2 * HS_DEDUP_KEY_BYTES);
}

/* Makes an id from the hash of two texts. */
static enum hs_result make(struct hs_dedup_key_maker *maker, const char *prefix, struct hs_slice a, struct hs_slice b,
                           struct hs_made_id *made)
{
	uint8_t bytes[HS_DEDUP_KEY_BYTES];
	enum hs_result r = digest(maker, a, b, HS_SLICE_NONE, bytes);

	set_made(maker, prefix, bytes, made);
	return r;
}

/* Makes an id from the event's members and its type by the path, with the key if there is one. */
static enum hs_result make_of_event(struct hs_dedup_key_maker *maker, const struct hs_event *e, struct hs_made_id *made)
{
	uint8_t mac[HS_SHA256_BYTES];

	hs_buf_reset(&maker->text);
	put_members(&maker->text, e->json, e->root, false);
	if (maker->key != NULL)
		hs_buf_put_slice(&maker->text, e->path_type);
	if (!hs_buf_ok(&maker->text))
		return HS_E_MEMORY;
	if (maker->key == NULL)
		return make(maker, "hs-", hs_buf_slice(&maker->text), e->path_type, made);
	if (!hs_hmac256(maker->key, hs_buf_slice(&maker->text), mac))
		return HS_E_MEMORY;
	set_made(maker, "hs-", mac, made);
	return HS_OK;
}

enum hs_result hs_dedup_key_make_id(struct hs_dedup_key_maker *maker, const struct hs_event *e,
                                    struct hs_slice spooled_at, struct hs_made_id *made)
{
	uint64_t source[2];

	*made = (struct hs_made_id){ .text = HS_SLICE_NONE };
	if (has_own_id(e))
		return HS_OK;
	if (has_timestamp(e))
		return make_of_event(maker, e, made);
	assert(maker->seed != 0);
	source[0] = maker->seed;
	source[1] = maker->serial++;
	made->random = true;
	return make(maker, "hs-r", spooled_at, hs_slice((const char *)source, sizeof source), made);
}

enum hs_result hs_dedup_key_derive_id(struct hs_dedup_key_maker *maker, const struct hs_event *e,
                                      struct hs_made_id *made)
{
	static const enum hs_field by[] = { HS_FIELD_MESSAGE_ID, HS_FIELD_TIMESTAMP, HS_FIELD_TYPE };

	if (made->text.n > 0)
		return HS_OK;
	made->derived = true;
	hs_buf_reset(&maker->text);
	for (size_t i = 0; i < sizeof by / sizeof by[0]; i++) {
		hs_buf_put_slice(&maker->text, text_of(e->json, e->field[by[i]]));
		hs_buf_putc(&maker->text, '\0');
	}
	return hs_buf_ok(&maker->text) ? make(maker, "hs-php-", hs_buf_slice(&maker->text), e->path_type, made)
	                               : HS_E_MEMORY;
}

enum hs_result hs_dedup_key_of_event(struct hs_dedup_key_maker *maker, const struct hs_event *e,
                                     const struct hs_made_id *made, const struct hs_id_scope *scope,
                                     struct hs_dedup_key *id)
{
	uint32_t t = e->field[HS_FIELD_MESSAGE_ID];

	if (made->text.n > 0)
		return of_id(maker, made->text, false, scope, id);
	return of_id(maker, text_of(e->json, t), e->json->tok[t].escaped, scope, id);
}

/* --- records ------------------------------------------------------------------------- */

static bool is_called(const struct hs_record_field *field, struct hs_slice name)
{
	return hs_slice_eq(field->name, name); /* hookspool writes these without escapes */
}

/* null, true and false are not ids. */
static bool is_id(const struct hs_record_field *field)
{
	return field->value.n > 0 && (field->is_string || field->value.p[0] == '-' || hs_is_digit(field->value.p[0]));
}

enum hs_result hs_dedup_key_of_field(struct hs_dedup_key_maker *maker, const struct hs_record_field *message_id,
                                     const struct hs_id_scope *scope, bool *known, struct hs_dedup_key *id)
{
	*known = is_id(message_id);
	return *known ? of_id(maker, message_id->value, message_id->value_escaped, scope, id) : HS_OK;
}

enum hs_result hs_dedup_key_of_record(struct hs_dedup_key_maker *maker, struct hs_slice line, bool *known,
                                      struct hs_dedup_key *id, int64_t *spooled_ms)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field field, message_id = { .value = HS_SLICE_NONE };
	struct hs_id_scope scope = { HS_SLICE_NONE, HS_SLICE_NONE };
	bool at_end = false;

	*spooled_ms = 0;
	while (!at_end && hs_record_field_next(&walk, &field)) {
		if (is_called(&field, HS_SLICE("message_id")))
			message_id = field;
		else if (is_called(&field, HS_SLICE("tenant")))
			scope.tenant = field.value; /* a label: it never has escapes */
		else if (is_called(&field, HS_SLICE("source")))
			scope.source = field.value; /* likewise */
		at_end = is_called(&field, HS_SLICE("spooled_at"));
	}
	if (at_end && !hs_timestamp_parse(field.value, spooled_ms))
		*spooled_ms = 0;
	at_end = at_end || (walk.end - walk.p == 1 && *walk.p == '}');
	*known = at_end && is_id(&message_id);
	return *known ? of_id(maker, message_id.value, message_id.value_escaped, &scope, id) : HS_OK;
}

enum hs_result hs_dedup_key_of_line(struct hs_dedup_key_maker *maker, struct hs_json *json, struct hs_slice line,
                                    bool *known, struct hs_dedup_key *id, int64_t *spooled_ms)
{
	enum hs_result r = hs_json_document(json, line);

	*known = false;
	*spooled_ms = 0;
	if (r != HS_OK)
		return r;
	if (json->tok[0].kind != HS_JSON_OBJECT)
		return HS_E_JSON_SYNTAX;
	return hs_dedup_key_of_record(maker, line, known, id, spooled_ms);
}

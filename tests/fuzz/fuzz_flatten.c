/*
 * An event becomes one strict, flat line, and the bytes of no leaf are lost. The
 * first byte chooses: names, validation, tenant; whether it came directly, from a client.
 */
#include "event/dedup_key.h"
#include "tests/fuzz/fuzz.h"

/*
 * The values of the line, byte for byte, are the leaves of the event and no others,
 * apart from `added` ones of ours: as many of each, in any order.
 */
struct leaves {
	struct hs_slice *raw;
	size_t n;
};

static struct leaves leaves_of(const struct hs_json *j)
{
	struct leaves found = { calloc(j->n, sizeof *found.raw), 0 };
	bool key = false;

	MUST(found.raw != NULL);
	for (uint32_t i = 1; i < j->n;) {
		const struct hs_json_token *t = &j->tok[i];

		key = !key;
		if (!key && t->kind != HS_JSON_OBJECT)
			found.raw[found.n++] = hs_json_raw(j, i);
		i = key || t->kind == HS_JSON_OBJECT ? i + 1 : t->next;
	}
	return found;
}

/* The leaf of an array: its text without blanks, as a string. */
static void put_packed(struct hs_slice raw, struct hs_buf *out)
{
	bool quoted = false;

	hs_buf_putc(out, '"');
	for (size_t i = 0; i < raw.n; i++) {
		char c = raw.p[i];
		bool escape = quoted && c == '\\';

		if (!quoted && strchr(" \t\r\n", c) != NULL)
			continue;
		if (c == '"')
			quoted = !quoted;
		for (int k = 0; k <= escape; k++) {
			c = raw.p[i + (size_t)k];
			if (c == '"' || c == '\\')
				hs_buf_putc(out, '\\');
			hs_buf_putc(out, c);
		}
		i += escape;
	}
	hs_buf_putc(out, '"');
}

static int by_bytes(const void *a, const void *b)
{
	const struct hs_slice *x = a, *y = b;
	int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);

	return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

static void check_leaves(const struct hs_json *event, struct hs_slice line, size_t added)
{
	struct leaves want = leaves_of(event), got;
	struct hs_buf packed = { 0 };
	struct hs_json json = { 0 };
	size_t at = 0;

	hs_buf_reserve(&packed, 2 * event->text.n + 2 * want.n + 2); /* it must not move */
	for (size_t i = 0; i < want.n; i++)
		if (want.raw[i].p[0] == '[') {
			size_t from = packed.n;

			put_packed(want.raw[i], &packed);
			want.raw[i] = hs_slice(packed.p + from, packed.n - from);
		}
	MUST(hs_json_document(&json, line) == HS_OK);
	got = leaves_of(&json);
	MUST(got.n == want.n + added);
	qsort(want.raw, want.n, sizeof *want.raw, by_bytes);
	qsort(got.raw, got.n, sizeof *got.raw, by_bytes);
	for (size_t i = 0; i < got.n && at < want.n; i++)
		at += hs_slice_eq(got.raw[i], want.raw[at]);
	MUST(at == want.n);
	free(want.raw);
	free(got.raw);
	hs_buf_free(&packed);
	hs_json_free(&json);
}

/* Every record has an id, and reading the record back gives the same key. */
static void check_identity(struct hs_dedup_key_maker *i, const struct hs_event *e, const struct hs_made_id *made,
                           const struct hs_id_scope *scope, struct hs_slice line)
{
	struct hs_dedup_key a, b;
	struct hs_json json = { 0 };
	bool known;
	int64_t ms;

	MUST(hs_dedup_key_of_event(i, e, made, scope, &a) == HS_OK);
	MUST(hs_dedup_key_of_line(i, &json, hs_slice(line.p, line.n - 1), &known, &b, &ms) == HS_OK);
	MUST(known && memcmp(&a, &b, sizeof a) == 0);
	MUST(ms == 1795428900123);
	hs_json_free(&json);
}

static void check_event(struct hs_flattener *f, struct hs_json *json, const struct hs_event *e,
                        const struct hs_stamp *stamp, struct hs_buf *out)
{
	struct hs_dedup_key_maker identifier;
	struct hs_id_scope scope = { stamp->tenant, HS_SLICE_NONE };
	struct hs_made_id made;
	enum hs_result r;

	MUST(hs_dedup_key_maker_init(&identifier));
	identifier.seed = 1;
	MUST(hs_dedup_key_make_id(&identifier, e, stamp->spooled_at, &made) == HS_OK);
	if (stamp->direct != NULL) {
		scope.source = stamp->direct->source;
		MUST(hs_dedup_key_derive_id(&identifier, e, &made) == HS_OK);
	}
	f->message_id = made.text;
	f->keeps_sent_id = made.derived;
	r = hs_flatten(f, e, stamp, out);

	MUST(memcmp(out->p, "before\n", 7) == 0);
	if (r == HS_OK) {
		struct hs_slice line = hs_slice(out->p + 7, out->n - 7);

		fuzz_check_line(line);
		if (stamp->direct == NULL &&
		    (made.text.n == 0 || e->field[HS_FIELD_MESSAGE_ID] == 0)) /* none was replaced */
			check_leaves(json, line, 1U + (stamp->tenant.n > 0) + (made.text.n > 0)); /* spooled_at */
		check_identity(&identifier, e, &made, &scope, line);
	} else {
		MUST(r == HS_E_NAME_LONG || r == HS_E_RECORD_LARGE);
		MUST(out->n == 7);
	}
	hs_dedup_key_maker_free(&identifier);
}

static enum hs_result read_event(struct hs_event *e, const struct hs_json *json, uint8_t choice,
                                 const struct hs_direct *direct)
{
	enum hs_validate validate = (choice & 2) != 0 ? HS_VALIDATE_LENIENT : HS_VALIDATE_SPEC;

	return direct == NULL ? hs_event_read(e, json, 0, validate)
	                      : hs_event_read_direct(e, json, 0, validate, direct->type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t choice = size > 0 ? data[0] : 0;
	struct hs_slice text = size > 0 ? fuzz_copy(data + 1, size - 1) : fuzz_copy(data, 0);
	struct hs_stamp stamp = { .spooled_at = HS_SLICE("2026-11-23T10:15:00.123Z") };
	struct hs_direct direct = { .source = HS_SLICE("web"),
		                    .channel = (choice & 16) != 0 ? HS_SLICE("client") : HS_SLICE("server"),
		                    .type = (choice & 32) != 0 ? HS_SLICE("track") : HS_SLICE_NONE,
		                    .ip = (choice & 64) != 0 ? HS_SLICE("192.0.2.7") : HS_SLICE_NONE,
		                    .received_ms = 1795428900123 };
	struct hs_json json = { 0 };
	struct hs_flattener f;
	struct hs_buf out = { 0 };
	struct hs_event e;

	if ((choice & 4) != 0)
		stamp.tenant = HS_SLICE("acme");
	if ((choice & 8) != 0)
		stamp.direct = &direct;
	hs_flattener_init(&f, (choice & 1) != 0 ? HS_NAMES_VERBATIM : HS_NAMES_WAREHOUSE);
	hs_buf_put_slice(&out, HS_SLICE("before\n"));
	if (hs_json_document(&json, text) == HS_OK && read_event(&e, &json, choice, stamp.direct) == HS_OK) {
		direct.context = direct.integrations = (choice & 128) != 0 ? &json : NULL; /* so that names meet */
		check_event(&f, &json, &e, &stamp, &out);
	}
	hs_buf_free(&out);
	hs_flattener_free(&f);
	hs_json_free(&json);
	free((void *)(uintptr_t)text.p);
	return 0;
}

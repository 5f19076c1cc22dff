#include "event/flatten.h"
#include "base/byte_scan.h"

enum {
	KEY_KEEP = 1 << 16,
	SLACK = HS_LABEL_SLACK, /* bytes read and written beyond the end */
	LABEL_MAX = 24,         /* longest fixed label: ,"original_timestamp": */
};

void hs_flattener_init(struct hs_flattener *f, enum hs_names names)
{
	memset(f, 0, sizeof *f);
	f->names = names;
}

void hs_flattener_free(struct hs_flattener *f)
{
	hs_name_cache_free(&f->paths);
	hs_buf_free(&f->key);
	hs_ruling_free(&f->ruling);
	f->leaves = 0;
}

void hs_flattener_shrink(struct hs_flattener *f)
{
	hs_name_cache_shrink(&f->paths);
	hs_buf_shrink(&f->key, KEY_KEEP);
	hs_ruling_shrink(&f->ruling);
}

/* --- output ----------------------------------------------------------------- */

/*
 * Copies n bytes and up to SLACK more. The pieces are short and of every length, so a branch on
 * the length would be mispredicted.
 */
static inline char *copy_roughly(char *to, const char *from, size_t n)
{
	memcpy(to, from, 32);
	for (size_t i = 32; i < n; i += 16)
		memcpy(to + i, from + i, 16);
	return to + n;
}

/*
 * Copies up to 16 bytes, escaping quotes and backslashes. If there are fewer, no quote follows
 * them. 32 bytes must be readable and writable.
 */
static inline char *copy_quoted(char *to, const char *from, size_t n)
{
	unsigned quotes = hs_scan16_quotes(from);

	memcpy(to, from, 16);
	for (; quotes != 0; quotes &= quotes - 1) {
		size_t at = hs_scan16_first(quotes);

		to[at] = '\\';
		memcpy(++to + at, from + at, 16);
	}
	return to + n;
}

/* Appends text to an unfinished string, escaping quotes and backslashes. */
static void put_quoted(struct hs_buf *out, struct hs_slice text)
{
	char *to = hs_buf_reserve(out, 2 * text.n + SLACK), rest[3 * 16] = { 0 };

	if (to == NULL)
		return;
	for (; text.n >= 32; text.p += 16, text.n -= 16)
		to = copy_quoted(to, text.p, 16);
	memcpy(rest, text.p, text.n);
	for (size_t i = 0; i < text.n; i += 16)
		to = copy_quoted(to, rest + i, text.n - i < 16 ? text.n - i : 16);
	out->n = (size_t)(to - out->p);
}

/* Like put_escaped, without the blanks between tokens. */
static void put_unspaced(struct hs_buf *out, struct hs_slice text)
{
	bool in_string = false;
	size_t from = 0;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '"')
			in_string = !in_string;
		else if (c == '\\')
			i++; /* inside a string: there are none elsewhere */
		else if (!in_string && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
			put_quoted(out, hs_slice(text.p + from, i - from));
			from = i + 1;
		}
	}
	put_quoted(out, hs_slice(text.p + from, text.n - from));
}

/* Appends an array as a string: its JSON text without the blanks between tokens. */
static void put_array(struct hs_buf *out, const struct hs_json *j, uint32_t array)
{
	struct hs_slice text = hs_json_raw(j, array);

	hs_buf_putc(out, '"');
	(j->tok[array].spaced ? put_unspaced : put_quoted)(out, text);
	hs_buf_putc(out, '"');
}

/*
 * Appends a label and a value. Every byte of a record goes through here. SLACK bytes after the
 * label must be readable. False: out of memory.
 */
static inline bool put_member(struct hs_buf *out, struct hs_slice label, const struct hs_json *j, uint32_t value)
{
	struct hs_slice text = hs_json_raw(j, value);
	char *to = hs_buf_reserve(out, label.n + text.n + SLACK);

	if (to == NULL)
		return false;
	to = copy_roughly(to, label.p, label.n);
	if (j->tok[value].kind == HS_JSON_ARRAY) {
		out->n += label.n;
		put_array(out, j, value);
		return hs_buf_ok(out);
	}
	if (HS_MOSTLY(j->end - (text.p + text.n) >= SLACK))
		copy_roughly(to, text.p, text.n);
	else
		memcpy(to, text.p, text.n);
	out->n += label.n + text.n;
	return true;
}

/* ,"name": with a comma before the first one, too; the record's brace overwrites it. */
#define LABEL(name) HS_SLICE(",\"" name "\":")

/* --- the walk --------------------------------------------------------------- */

struct walk {
	const struct hs_json *json;
	const uint32_t *skipped; /* tokens of values that are no leaves, in order, then 0; or NULL */
	struct hs_buf *out;
	size_t limit; /* limit for out->n */
	bool beside;  /* a leaf gives way to one that the record has already */
};

/* The step along a key token. */
static enum hs_result go_down(struct hs_flattener *f, const struct hs_json *j, uint32_t parent, uint32_t key,
                              uint32_t *step)
{
	struct hs_slice name = hs_json_inner(j, key);

	if (name.n > HS_NAME_MAX * 6) /* no escape is longer than six bytes */
		return HS_E_NAME_LONG;
	if (j->tok[key].escaped) {
		hs_buf_reset(&f->key);
		hs_json_unescape(name, &f->key);
		name = hs_buf_slice(&f->key);
		if (!hs_buf_ok(&f->key))
			return HS_E_MEMORY;
	}
	return hs_name_cache_step(&f->paths, parent, name, step);
}

/* Appends a leaf whose value the rules may change, or have to know. */
static enum hs_result put_ruled(struct hs_flattener *f, const struct walk *w, struct hs_slice label, uint32_t value,
                                const struct hs_rules_about *about)
{
	const struct hs_json_token *token = &w->json->tok[value];
	bool is_string = token->kind == HS_JSON_STRING;
	struct hs_record_field field = { .value =
		                             is_string ? hs_json_inner(w->json, value) : hs_json_raw(w->json, value),
		                         .is_string = is_string,
		                         .value_escaped = token->escaped };
	size_t start = w->out->n;

	if (token->kind != HS_JSON_ARRAY)
		return hs_ruling_put(&f->ruling, about, label, &field, w->out);
	put_member(w->out, label, w->json, value); /* it becomes a string first */
	return hs_ruling_apply(&f->ruling, about, w->out, start, start + label.n);
}

/* Looks up what the rules say about a leaf whose name is claimed. NULL: out of memory. */
static inline const struct hs_rules_about *about_leaf(struct hs_flattener *f, uint32_t step, uint32_t name)
{
	static const struct hs_rules_about nothing = { 0 };

	return f->ruling.rules == NULL ? &nothing : hs_ruling_about(&f->ruling, &f->paths, step, name);
}

/* Appends a leaf whose name is claimed. */
static inline enum hs_result put_claimed(struct hs_flattener *f, const struct walk *w, uint32_t step, uint32_t value,
                                         uint32_t name)
{
	struct hs_slice label = hs_name_cache_label(&f->paths, name);
	const struct hs_rules_about *about = about_leaf(f, step, name);

	if (about == NULL)
		return HS_E_MEMORY;
	if (hs_ruling_says_nothing(about)) {
		if (name == hs_name_cache_name_of(&f->paths, step)) /* no number was added */
			hs_name_cache_pass(&f->paths, name);
	} else {
		enum hs_ruling_sight sight = hs_ruling_glance(&f->ruling, about, hs_json_raw(w->json, value));

		if (sight == HS_RULING_DROPS)
			return HS_OK;
		if (sight == HS_RULING_MUST_SEE)
			return put_ruled(f, w, label, value, about);
	}
	return put_member(w->out, label, w->json, value) ? HS_OK : HS_E_MEMORY;
}

/* Appends a leaf whose name is new, taken, reserved, or of interest to the rules. */
static __attribute__((noinline)) enum hs_result put_rare_leaf(struct hs_flattener *f, const struct walk *w,
                                                              uint32_t step, uint32_t value)
{
	bool taken = false;
	uint32_t name;
	enum hs_result r = w->beside ? hs_name_cache_is_taken(&f->paths, step, &taken) : HS_OK;

	if (r == HS_OK && !taken)
		r = hs_name_cache_claim(&f->paths, step, &name);
	if (r != HS_OK || taken)
		return r;
	if (++f->leaves > HS_RECORD_FIELDS_MAX)
		return HS_E_RECORD_LARGE;
	r = put_claimed(f, w, step, value, name);
	return r == HS_OK && w->out->n > w->limit ? HS_E_RECORD_LARGE : r;
}

/* Most leaves are not rare: their names are known and free, and no rule is about them. */
static inline enum hs_result put_leaf(struct hs_flattener *f, const struct walk *w, uint32_t step, uint32_t value)
{
	struct hs_slice label;

	if (!HS_MOSTLY(hs_name_cache_claim_quickly(&f->paths, step, &label)))
		return put_rare_leaf(f, w, step, value);
	if (++f->leaves > HS_RECORD_FIELDS_MAX)
		return HS_E_RECORD_LARGE;
	if (!put_member(w->out, label, w->json, value))
		return HS_E_MEMORY;
	return w->out->n > w->limit ? HS_E_RECORD_LARGE : HS_OK;
}

/* Appends every leaf of the object below the step `top`, depth first, in the order of the text. */
static enum hs_result put_leaves(struct hs_flattener *f, const struct walk *w, uint32_t object, uint32_t top)
{
	struct {
		uint32_t end, step;
	} level[HS_JSON_DEPTH_MAX];
	const uint32_t *skipped = w->skipped;
	unsigned depth = 0;
	uint32_t key = object + 1;
	enum hs_result r = HS_OK;

	level[0].end = w->json->tok[object].next;
	level[0].step = top;
	while (r == HS_OK) {
		const struct hs_json_token *value;
		uint32_t step;

		if (key == level[depth].end) { /* the object ends, and perhaps the enclosing ones */
			if (depth-- == 0)
				break;
			continue;
		}
		value = &w->json->tok[key + 1];
		if (skipped != NULL && key + 1 == *skipped) {
			skipped++;
			key = value->next;
			continue;
		}
		r = go_down(f, w->json, level[depth].step, key, &step);
		if (r == HS_OK && value->kind == HS_JSON_OBJECT) {
			depth++;
			level[depth].end = value->next;
			level[depth].step = step;
			key += 2;
		} else if (r == HS_OK) {
			r = put_leaf(f, w, step, key + 1);
			key = value->next;
		}
	}
	return r;
}

/* Appends a text that needs no escapes. */
static void put_text(struct hs_buf *out, struct hs_slice text)
{
	hs_buf_putc(out, '"');
	hs_buf_put_slice(out, text);
	hs_buf_putc(out, '"');
}

static void put_message_id(struct hs_slice id, struct hs_buf *out)
{
	hs_buf_put_slice(out, LABEL("message_id"));
	put_text(out, id);
}

static const struct {
	char text[LABEL_MAX + SLACK];
	size_t n;
} labels[] = {
#define FIXED_LABEL(name, text, camel) [HS_FIELD_##name] = { ",\"" text "\":", sizeof(text) + 3 },
	HS_FIELDS(FIXED_LABEL)
#undef FIXED_LABEL
};

static inline void put_fixed_field(const struct hs_flattener *f, const struct hs_event *e, int i, struct hs_buf *out)
{
	if (i == HS_FIELD_MESSAGE_ID && f->message_id.n > 0)
		put_message_id(f->message_id, out);
	else if (e->field[i] != 0)
		put_member(out, hs_slice(labels[i].text, labels[i].n), e->json, e->field[i]);
}

/* Applies the rules to the fixed field that was appended from `start`, if one was. */
static enum hs_result rule_fixed(struct hs_flattener *f, int field, struct hs_buf *out, size_t start)
{
	if ((f->ruling.fields >> field & 1) == 0 || out->n == start)
		return HS_OK;
	return hs_ruling_apply(&f->ruling, &f->ruling.of_field[field], out, start, start + labels[field].n);
}

static enum hs_result put_fixed(struct hs_flattener *f, const struct hs_event *e, struct hs_buf *out)
{
	enum hs_result r = HS_OK;

	if (HS_MOSTLY(f->ruling.fields == 0)) {
		for (int i = 0; i < HS_FIELD_FLAT_COUNT; i++)
			put_fixed_field(f, e, i, out);
		return HS_OK;
	}
	for (int i = 0; i < HS_FIELD_FLAT_COUNT && r == HS_OK; i++) {
		size_t start = out->n;

		put_fixed_field(f, e, i, out);
		r = rule_fixed(f, i, out, start);
	}
	return r;
}

static enum hs_result put_stamp(struct hs_flattener *f, const struct hs_stamp *stamp, struct hs_buf *out, size_t limit)
{
	enum hs_result r = HS_OK;

	if (stamp->tenant.n > 0) {
		hs_buf_put_slice(out, LABEL("tenant"));
		hs_buf_put_json(out, stamp->tenant);
	}
	if (stamp->direct != NULL) {
		hs_buf_put_slice(out, LABEL("source"));
		hs_buf_put_json(out, stamp->direct->source);
	}
	if (stamp->settings != NULL) {
		struct walk w = { .json = stamp->settings, .out = out, .limit = limit };
		uint32_t step;

		r = hs_name_cache_step(&f->paths, HS_PATH_TOP, HS_SLICE("settings"), &step);
		if (r == HS_OK)
			r = put_leaves(f, &w, 0, step);
	}
	hs_buf_put_slice(out, LABEL("spooled_at"));
	put_text(out, stamp->spooled_at);
	return r;
}

/* --- direct intake ------------------------------------------------------------ */

static enum hs_result put_fixed_direct(struct hs_flattener *f, const struct hs_direct_record *record,
                                       struct hs_buf *out)
{
	enum hs_result r = HS_OK;

	for (int i = 0; i < HS_FIELD_FLAT_COUNT && r == HS_OK; i++) {
		const struct hs_direct_value *value = &record->field[i];
		size_t start = out->n;

		if (i == HS_FIELD_MESSAGE_ID && f->message_id.n > 0) {
			put_message_id(f->message_id, out);
		} else if (value->text.n > 0) {
			hs_buf_put(out, labels[i].text, labels[i].n);
			if (value->is_json)
				hs_buf_put_slice(out, value->text);
			else
				put_text(out, value->text);
		}
		r = rule_fixed(f, i, out, start);
	}
	return r;
}

/* Claims a name, for its step. object.n == 0: the name is that of a member at the top. */
static enum hs_result claim(struct hs_flattener *f, struct hs_slice object, struct hs_slice key, uint32_t *step,
                            uint32_t *name)
{
	enum hs_result r;

	*step = HS_PATH_TOP;
	r = object.n > 0 ? hs_name_cache_step(&f->paths, *step, object, step) : HS_OK;
	if (r == HS_OK)
		r = hs_name_cache_step(&f->paths, *step, key, step);
	return r == HS_OK ? hs_name_cache_claim(&f->paths, *step, name) : r;
}

/* n == 0: only claims the name, so that no other spelling (context.IP) gets it. */
static enum hs_result put_ip(struct hs_flattener *f, struct hs_slice ip, struct hs_buf *out)
{
	struct hs_record_field value = { .value = ip, .is_string = true };
	const struct hs_rules_about *about;
	uint32_t step, name;
	enum hs_result r = claim(f, HS_SLICE("context"), HS_SLICE("ip"), &step, &name);

	if (r != HS_OK || ip.n == 0)
		return r;
	about = about_leaf(f, step, name);
	if (about == NULL)
		return HS_E_MEMORY;
	if (!hs_ruling_says_nothing(about))
		return hs_ruling_put(&f->ruling, about, hs_name_cache_label(&f->paths, name), &value, out);
	hs_buf_put_slice(out, hs_name_cache_label(&f->paths, name));
	put_text(out, ip);
	return HS_OK;
}

/* The id that was sent, beside a derived one. */
static enum hs_result put_sent_id(struct hs_flattener *f, struct hs_slice id, struct hs_buf *out)
{
	uint32_t step, name;
	enum hs_result r = claim(f, HS_SLICE_NONE, HS_SLICE("original_message_id"), &step, &name);

	if (r == HS_OK) {
		hs_buf_put_slice(out, hs_name_cache_label(&f->paths, name));
		hs_buf_put_slice(out, id);
	}
	return r;
}

/* Appends the leaves of an object beside the batch. NULL: nothing. */
static enum hs_result put_beside(struct hs_flattener *f, const struct walk *event, const struct hs_json *object,
                                 const uint32_t *skipped, struct hs_slice name)
{
	struct walk w = { object, skipped, event->out, event->limit, true };
	uint32_t step;
	enum hs_result r = HS_OK;

	if (object == NULL)
		return HS_OK;
	r = hs_name_cache_step(&f->paths, HS_PATH_TOP, name, &step);
	return r == HS_OK ? put_leaves(f, &w, 0, step) : r;
}

/* Appends all fields of an event of direct intake. */
static enum hs_result put_direct(struct hs_flattener *f, const struct hs_event *e, const struct hs_stamp *stamp,
                                 struct walk *w)
{
	const struct hs_direct *direct = stamp->direct;
	struct hs_direct_record record;
	enum hs_result r;

	hs_direct_decide(&record, direct, e);
	w->skipped = record.skipped;
	r = put_fixed_direct(f, &record, w->out);
	if (r == HS_OK)
		r = put_stamp(f, stamp, w->out, w->limit);
	if (r == HS_OK && f->message_id.n > 0 && f->keeps_sent_id)
		r = put_sent_id(f, record.field[HS_FIELD_MESSAGE_ID].text, w->out);
	if (r == HS_OK && record.decides_ip)
		r = put_ip(f, record.ip, w->out);
	if (r == HS_OK)
		r = put_leaves(f, w, e->root, HS_PATH_TOP);
	if (r == HS_OK)
		r = put_beside(f, w, direct->context, record.skipped_beside, HS_SLICE("context"));
	return r == HS_OK ? put_beside(f, w, direct->integrations, NULL, HS_SLICE("integrations")) : r;
}

/* --- a record ----------------------------------------------------------------- */

static enum hs_result put_event(struct hs_flattener *f, const struct hs_event *e, const struct hs_stamp *stamp,
                                struct walk *w)
{
	enum hs_result r;

	if (!HS_MOSTLY(stamp->direct == NULL))
		return put_direct(f, e, stamp, w);
	r = put_fixed(f, e, w->out);
	if (r == HS_OK)
		r = put_stamp(f, stamp, w->out, w->limit);
	return r == HS_OK ? put_leaves(f, w, e->root, HS_PATH_TOP) : r;
}

/*
 * The mark of an unplanned event. No name in snake case begins with one underscore; verbatim, a member of
 * the event may have the name already, and the mark is _unplanned_2.
 */
static enum hs_result put_flag(struct hs_flattener *f, struct hs_buf *out)
{
	struct hs_slice label = LABEL("_unplanned");
	uint32_t step, name;

	if (f->names != HS_NAMES_WAREHOUSE) {
		enum hs_result r = claim(f, HS_SLICE_NONE, HS_SLICE("_unplanned"), &step, &name);

		if (r != HS_OK)
			return r;
		label = hs_name_cache_label(&f->paths, name);
	}
	hs_buf_put_slice(out, label);
	hs_buf_put_slice(out, HS_SLICE("true"));
	return HS_OK;
}

static enum hs_result decide(struct hs_flattener *f, struct hs_buf *out)
{
	bool flag = false;
	enum hs_result r = HS_MOSTLY(f->ruling.rules == NULL) ? HS_OK : hs_ruling_decide(&f->ruling, &flag);

	return flag ? put_flag(f, out) : r;
}

enum hs_result hs_flatten(struct hs_flattener *f, const struct hs_event *e, const struct hs_stamp *stamp,
                          struct hs_buf *out)
{
	size_t start = out->n;
	size_t bytes = hs_json_raw(e->json, e->root).n + hs_stamp_shared(stamp);
	size_t limit = start + HS_RECORD_BASE + HS_RECORD_FACTOR * bytes;
	struct walk w = { .json = e->json, .skipped = e->flat, .out = out, .limit = limit };
	enum hs_result r;

	if (!hs_name_cache_next(&f->paths, f->names))
		return HS_E_MEMORY;
	f->leaves = 0;
	hs_ruling_set(&f->ruling, &f->paths, stamp->rules);
	r = HS_MOSTLY(stamp->rules == NULL)
	        ? HS_OK
	        : hs_ruling_begin(&f->ruling, &f->paths, e->type, stamp->tenant,
	                          stamp->direct == NULL ? HS_SLICE_NONE : stamp->direct->source);
	if (r == HS_OK)
		r = put_event(f, e, stamp, &w);
	if (r == HS_OK)
		r = decide(f, out);
	hs_buf_put(out, "}\n", 2);
	if (r == HS_OK && !hs_buf_ok(out))
		r = HS_E_MEMORY;
	if (r != HS_OK) {
		out->n = start;
		out->failed = false;
		return r;
	}
	out->p[start] = '{'; /* over the first comma */
	return HS_OK;
}

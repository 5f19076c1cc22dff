#include "event/data_subject.h"
#include "base/hash.h"
#include "base/timestamp.h"
#include "event/id_text.h"

#include <stdlib.h>

enum { SLOTS_FIRST = 64 };

void hs_subjects_init(struct hs_subjects *s, uint64_t seed)
{
	memset(s, 0, sizeof *s);
	s->seed = seed;
}

static void free_one(struct hs_subject *who)
{
	if (who != NULL) {
		free(who->id);
		free(who->tenant);
	}
	free(who);
}

void hs_subjects_free(struct hs_subjects *s)
{
	for (size_t i = 0; i < s->count; i++)
		free_one(s->list[i]);
	free(s->list);
	free(s->slot);
	hs_buf_free(&s->text);
	memset(s, 0, sizeof *s);
}

/* --- the table ------------------------------------------------------------------- */

static struct hs_subject *first_with(const struct hs_subjects *s, const char *id, size_t n, uint64_t hash)
{
	struct hs_subject *who = s->slots == 0 ? NULL : s->slot[hash & (s->slots - 1)];

	while (who != NULL && (who->hash != hash || who->n != n || memcmp(who->id, id, n) != 0))
		who = who->same;
	return who;
}

static struct hs_subject *next_with(const struct hs_subject *who)
{
	const struct hs_subject *first = who;
	struct hs_subject *next = who->same;

	while (next != NULL &&
	       (next->hash != first->hash || next->n != first->n || memcmp(next->id, first->id, first->n) != 0))
		next = next->same;
	return next;
}

static void enter(struct hs_subjects *s, struct hs_subject *who)
{
	struct hs_subject **slot = &s->slot[who->hash & (s->slots - 1)];

	who->same = *slot;
	*slot = who;
}

static bool grow(struct hs_subjects *s)
{
	size_t slots = s->slots == 0 ? SLOTS_FIRST : s->slots * 2;
	struct hs_subject **slot, **list;

	if (s->count < s->cap)
		return true;
	list = realloc(s->list, slots / 2 * sizeof(struct hs_subject *));
	if (list == NULL)
		return false;
	s->list = list;
	slot = calloc(slots, sizeof *slot);
	if (slot == NULL)
		return false;
	free(s->slot);
	s->slot = slot;
	s->slots = slots;
	s->cap = slots / 2;
	for (size_t i = 0; i < s->count; i++)
		enter(s, s->list[i]);
	return true;
}

static bool same_tenant(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* A derived id is in the set already if the set has it for any tenant. */
static bool is_same_person(const struct hs_subject *there, const struct hs_subject *who)
{
	return same_tenant(there->tenant, who->tenant) || (who->derived && there->tenant == NULL);
}

/* Widens the limits; true if they changed. */
static bool widen(struct hs_subject *there, const struct hs_subject *who)
{
	bool farther = who->before.number > there->before.number ||
	               (who->before.number == there->before.number && who->before.offset > there->before.offset);

	if (farther)
		there->before = who->before;
	farther |= who->until_ms > there->until_ms;
	if (who->until_ms > there->until_ms)
		there->until_ms = who->until_ms;
	there->derived = there->derived && who->derived;
	there->deleted = there->deleted && who->deleted;
	return farther;
}

static struct hs_subject *copy_of(const struct hs_subject *who)
{
	struct hs_subject *copy = malloc(sizeof *copy);

	if (copy == NULL)
		return NULL;
	*copy = *who;
	copy->id = malloc(who->n + 1);
	copy->tenant = who->tenant == NULL ? NULL : strdup(who->tenant);
	if (copy->id == NULL || (who->tenant != NULL && copy->tenant == NULL)) {
		free_one(copy);
		return NULL;
	}
	memcpy(copy->id, who->id, who->n);
	copy->id[who->n] = '\0';
	copy->pending = copy->events = copy->others = copy->links = 0;
	return copy;
}

bool hs_subjects_add(struct hs_subjects *s, const struct hs_subject *who, bool *added)
{
	uint64_t hash = hs_hash(who->id, who->n, s->seed);
	struct hs_subject *there = first_with(s, who->id, who->n, hash);

	while (there != NULL && !(there->kind == who->kind && is_same_person(there, who)))
		there = next_with(there);
	if (there != NULL) {
		bool farther = widen(there, who);

		if (added != NULL)
			*added = farther;
		return true;
	}
	if (added != NULL)
		*added = true;
	there = copy_of(who);
	if (there == NULL || !grow(s)) {
		free_one(there);
		return false;
	}
	there->hash = hash;
	s->list[s->count++] = there;
	enter(s, there);
	return true;
}

bool hs_subjects_add_id(struct hs_subjects *s, enum hs_subject_kind kind, struct hs_slice id, const char *tenant)
{
	struct hs_subject who = { .kind = kind,
		                  .id = (char *)(uintptr_t)id.p,
		                  .n = id.n,
		                  .tenant = (char *)(uintptr_t)tenant,
		                  .before = { UINT64_MAX, UINT64_MAX },
		                  .until_ms = INT64_MAX };

	return hs_subjects_add(s, &who, NULL);
}

/* --- ids in a line ----------------------------------------------------------------- */

void hs_named_in_record(struct hs_named *named, const struct hs_json *json, uint32_t root)
{
	memset(named, 0, sizeof *named);
	named->json = json;
	named->spooled_ms = INT64_MIN;
	if (json->tok[root].kind != HS_JSON_OBJECT)
		return;
	for (uint32_t key = root + 1; key < json->tok[root].next; key = json->tok[key + 1].next) {
		struct hs_slice name = hs_json_inner(json, key);
		enum hs_field f = hs_field_named(name);
		bool is_string = json->tok[key + 1].kind == HS_JSON_STRING;

		if (f == HS_FIELD_TYPE)
			named->type = key + 1;
		else if (f == HS_FIELD_USER_ID)
			named->user = key + 1;
		else if (f == HS_FIELD_ANONYMOUS_ID)
			named->anonymous = key + 1;
		else if (f == HS_FIELD_PREVIOUS_ID)
			named->previous = key + 1;
		else if (is_string && named->tenant.p == NULL && hs_slice_eq(name, HS_SLICE("tenant")))
			named->tenant = hs_json_inner(json, key + 1);
		else if (is_string && named->spooled_ms == INT64_MIN && hs_slice_eq(name, HS_SLICE("spooled_at")) &&
		         !hs_timestamp_parse(hs_json_inner(json, key + 1), &named->spooled_ms))
			named->spooled_ms = INT64_MIN;
	}
}

void hs_named_in_event(struct hs_named *named, const struct hs_json *json, uint32_t root)
{
	struct hs_event e;

	hs_event_read(&e, json, root, HS_VALIDATE_LENIENT); /* finds the fields, valid or not */
	named->json = json;
	named->type = e.field[HS_FIELD_TYPE];
	named->user = e.field[HS_FIELD_USER_ID];
	named->anonymous = e.field[HS_FIELD_ANONYMOUS_ID];
	named->previous = e.field[HS_FIELD_PREVIOUS_ID];
}

bool hs_named_tells_whose(const struct hs_json *json, uint32_t root)
{
	struct hs_named named;
	struct hs_event e;
	enum hs_result r = hs_event_read(&e, json, root, HS_VALIDATE_SPEC);

	hs_named_in_event(&named, json, root);
	return r != HS_E_FIELD_TWICE && r != HS_E_FIELD_NESTED &&
	       (named.user != 0 || named.anonymous != 0 || named.previous != 0);
}

static bool put_id(struct hs_buf *out, struct hs_slice name, const struct hs_json *json, uint32_t token)
{
	if (token == 0 || (json->tok[token].kind != HS_JSON_STRING && json->tok[token].kind != HS_JSON_NUMBER))
		return false;
	hs_buf_put_slice(out, name);
	hs_buf_put_slice(out, hs_json_raw(json, token));
	return true;
}

bool hs_named_put_record(const struct hs_json *json, uint32_t root, struct hs_slice tenant, struct hs_buf *out)
{
	struct hs_named named;
	bool any = false;

	hs_named_in_event(&named, json, root);
	hs_buf_put_slice(out, HS_SLICE("{\"tenant\":"));
	hs_buf_put_json(out, tenant.n > 0 ? tenant : HS_SLICE(""));
	any |= put_id(out, HS_SLICE(",\"user_id\":"), json, named.user);
	any |= put_id(out, HS_SLICE(",\"anonymous_id\":"), json, named.anonymous);
	any |= put_id(out, HS_SLICE(",\"previous_id\":"), json, named.previous);
	hs_buf_putc(out, '}');
	return any && hs_buf_ok(out);
}

bool hs_subject_text(const struct hs_json *json, uint32_t token, struct hs_buf *out)
{
	const struct hs_json_token *t = &json->tok[token];

	if (token == 0 || (t->kind != HS_JSON_STRING && t->kind != HS_JSON_NUMBER))
		return false;
	if (t->kind == HS_JSON_NUMBER)
		hs_id_put_number(out, hs_json_raw(json, token));
	else if (t->escaped)
		hs_json_unescape(hs_json_inner(json, token), out);
	else
		hs_buf_put_slice(out, hs_json_inner(json, token));
	return hs_buf_ok(out);
}

/* --- fast rejection ------------------------------------------------------------------ */

/* Leaves a long number that is not in canonical form to the strict reader. */
static bool may_be_known(const struct hs_subjects *s, const char *p, size_t n, bool quoted)
{
	char room[2 * HS_ID_TEXT_ZEROS];
	struct hs_buf text = { .p = room, .cap = sizeof room, .max = sizeof room };

	if (!quoted && !hs_id_is_plain(hs_slice(p, n))) {
		hs_id_put_number(&text, hs_slice(p, n));
		if (!hs_buf_ok(&text))
			return true;
		p = text.p;
		n = text.n;
	}
	return first_with(s, p, n, hs_hash(p, n, s->seed)) != NULL;
}

static bool names_somebody(const char *name, size_t n)
{
	return (n == 7 && memcmp(name, "user_id", 7) == 0) || (n == 12 && memcmp(name, "anonymous_id", 12) == 0) ||
	       (n == 11 && memcmp(name, "previous_id", 11) == 0);
}

/* The closing quote of a string without escapes that begins at p, or NULL. */
static const char *plain_string(const char *p, const char *end)
{
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p < end && *p == '"' ? p : NULL;
}

static const char *plain_number(const char *p, const char *end)
{
	while (p < end && *p != ',' && *p != '}')
		p++;
	return p < end ? p : NULL;
}

/*
 * In every record the ids come before spooled_at. Leaves anything unusual before it, such as an
 * escape in an id, to the strict reader.
 */
bool hs_subjects_may_match(const struct hs_subjects *s, struct hs_slice record)
{
	const char *p = record.p, *end = record.p + record.n;

	if (record.n < 2 || p[0] != '{')
		return true;
	for (;;) {
		const char *name = p + 2, *close, *value;
		bool quoted, somebody;

		if (end - p < 2 || p[1] != '"')
			return true;
		close = plain_string(name, end);
		if (close == NULL || end - close < 3 || close[1] != ':')
			return true;
		if (close - name == 10 && memcmp(name, "spooled_at", 10) == 0)
			return false;
		somebody = names_somebody(name, (size_t)(close - name));
		quoted = close[2] == '"';
		value = close + 2 + quoted;
		p = quoted ? plain_string(value, end) : plain_number(value, end);
		while (quoted && !somebody && p == NULL) { /* an escape in another value: skip it */
			const char *slash = memchr(value, '\\', (size_t)(end - value));

			if (slash == NULL || end - slash < 3)
				return true;
			value = slash + 2;
			p = plain_string(value, end);
		}
		if (p == NULL || (somebody && may_be_known(s, value, (size_t)(p - value), quoted)))
			return true;
		p += quoted;
		if (p >= end || *p != ',')
			return true;
	}
}

/* --- strict matching ------------------------------------------------------------------ */

static bool is_of_tenant(const struct hs_subject *who, struct hs_slice tenant)
{
	return who->tenant == NULL || hs_slice_eq(hs_slice_str(who->tenant), tenant);
}

static bool is_in_limits(const struct hs_subject *who, const struct hs_named *named, const struct hs_mark *at)
{
	if (at == NULL)
		return named->spooled_ms == INT64_MIN || named->spooled_ms <= who->until_ms;
	return at->number < who->before.number || (at->number == who->before.number && at->offset < who->before.offset);
}

/* True if the record names a user who is not in the set. */
static int names_another(struct hs_subjects *s, const struct hs_named *named)
{
	struct hs_subject *who;

	hs_buf_reset(&s->text);
	if (!hs_subject_text(named->json, named->user, &s->text))
		return hs_buf_ok(&s->text) ? 0 : -1;
	if (s->text.n == 0) /* no user */
		return 0;
	who = first_with(s, s->text.p, s->text.n, hs_hash(s->text.p, s->text.n, s->seed));
	for (; who != NULL; who = next_with(who))
		if (who->kind == HS_SUBJECT_USER && is_of_tenant(who, named->tenant))
			return 0;
	return 1;
}

struct matching {
	struct hs_subjects *subjects;
	const struct hs_named *named;
	const struct hs_mark *at;
	void (*each)(void *context, struct hs_subject *who);
	void *context;
	int found; /* -1: out of memory */
};

/* Matches everyone of these kinds (a bit each) whose id is the token. */
static void match_token(struct matching *m, uint32_t token, unsigned kinds)
{
	struct hs_subjects *s = m->subjects;
	struct hs_subject *who;

	hs_buf_reset(&s->text);
	if (m->found < 0 || !hs_subject_text(m->named->json, token, &s->text)) {
		m->found = hs_buf_ok(&s->text) ? m->found : -1;
		return;
	}
	who = first_with(s, s->text.p, s->text.n, hs_hash(s->text.p, s->text.n, s->seed));
	for (; who != NULL && m->found >= 0; who = next_with(who)) {
		int another = 0;

		if ((kinds >> who->kind & 1) == 0 || !is_of_tenant(who, m->named->tenant) ||
		    !is_in_limits(who, m->named, m->at))
			continue;
		if (who->derived && who->kind == HS_SUBJECT_ANONYMOUS)
			another = names_another(s, m->named);
		if (another < 0)
			m->found = -1;
		if (another != 0)
			continue;
		m->found++;
		m->each(m->context, who);
	}
}

int hs_subjects_match(struct hs_subjects *s, const struct hs_named *named, const struct hs_mark *at,
                      void (*each)(void *context, struct hs_subject *who), void *context)
{
	struct matching m = { s, named, at, each, context, 0 };

	match_token(&m, named->user, 1U << HS_SUBJECT_USER);
	match_token(&m, named->anonymous, 1U << HS_SUBJECT_ANONYMOUS);
	match_token(&m, named->previous, 1U << HS_SUBJECT_USER | 1U << HS_SUBJECT_ANONYMOUS);
	return m.found;
}

/* --- texts ------------------------------------------------------------------------------ */

static bool is_part_of_id(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || hs_is_digit(c) || c == '_' || c == '-' ||
	       (unsigned char)c >= 0x80;
}

static bool stands_in(const struct hs_subject *who, struct hs_slice text)
{
	const char *p = text.p, *end = text.p + text.n;

	while ((size_t)(end - p) >= who->n && (p = memmem(p, (size_t)(end - p), who->id, who->n)) != NULL) {
		bool free_before = p == text.p || !is_part_of_id(p[-1]);

		if (free_before && (p + who->n == end || !is_part_of_id(p[who->n])))
			return true;
		p++;
	}
	return false;
}

int hs_subjects_match_text(struct hs_subjects *s, struct hs_slice text, const struct hs_named *named,
                           void (*each)(void *context, struct hs_subject *who), void *context)
{
	int found = 0;

	for (size_t i = 0; i < s->count; i++)
		if (s->list[i]->n > 0 && !s->list[i]->derived &&
		    (named->any_tenant || is_of_tenant(s->list[i], named->tenant)) &&
		    is_in_limits(s->list[i], named, NULL) && stands_in(s->list[i], text)) {
			found++;
			each(context, s->list[i]);
		}
	return found;
}

int hs_subjects_match_tenant(struct hs_subjects *s, const struct hs_named *named,
                             void (*each)(void *context, struct hs_subject *who), void *context)
{
	int found = 0;

	for (size_t i = 0; i < s->count; i++)
		if (is_of_tenant(s->list[i], named->tenant) && is_in_limits(s->list[i], named, NULL)) {
			found++;
			each(context, s->list[i]);
		}
	return found;
}

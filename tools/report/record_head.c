#include "tools/report/record_head.h"
#include "base/hash.h"

static const char *const names[HS_HEAD_FIELDS] = {
	[HS_HEAD_TYPE] = "type",
	[HS_HEAD_EVENT] = "event",
	[HS_HEAD_TIMESTAMP] = "timestamp",
	[HS_HEAD_USER_ID] = "user_id",
	[HS_HEAD_ANONYMOUS_ID] = "anonymous_id",
	[HS_HEAD_MESSAGE_ID] = "message_id",
	[HS_HEAD_GROUP_ID] = "group_id",
	[HS_HEAD_NAME] = "name",
	[HS_HEAD_TENANT] = "tenant",
	[HS_HEAD_SPOOLED_AT] = "spooled_at",
};

const char *hs_record_head_name(enum hs_head_field field)
{
	return names[field];
}

void hs_record_head_read(struct hs_record_head *m, struct hs_slice line)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field leaf;
	int next = 0; /* a record has them in this order */

	memset(m, 0, sizeof *m);
	while (next < HS_HEAD_FIELDS && hs_record_field_next(&walk, &leaf))
		for (int f = next; f < HS_HEAD_FIELDS; f++)
			if (hs_slice_eq(leaf.name, hs_slice_str(names[f]))) {
				m->leaf[f] = leaf;
				next = f + 1;
				break;
			}
}

static bool is(const struct hs_record_field *leaf, struct hs_slice text, struct hs_buf *scratch)
{
	return leaf->name.p != NULL && hs_record_field_is(leaf, text, scratch);
}

bool hs_record_head_is_test(const struct hs_record_head *m, struct hs_buf *scratch)
{
	static const struct hs_slice name = { HS_TEST_USER, sizeof HS_TEST_USER - 1 };

	return is(&m->leaf[HS_HEAD_USER_ID], name, scratch) ||
	       (hs_buf_ok(scratch) && is(&m->leaf[HS_HEAD_ANONYMOUS_ID], name, scratch));
}

/* null is no user; other literals are numbers. */
static bool is_nobody(const struct hs_record_field *leaf)
{
	return leaf->name.p == NULL || leaf->value.n == 0 ||
	       (!leaf->is_string && hs_slice_eq(leaf->value, HS_SLICE("null")));
}

/* "\u00e9" and "é", and 7.0 and "7", are one id in two spellings. */
static bool hash_id(const struct hs_record_field *leaf, uint64_t seed, uint64_t *hash)
{
	struct hs_buf text = { 0 };
	bool ok = true;

	if (leaf->is_string && !leaf->value_escaped) {
		*hash = hs_hash(leaf->value.p, leaf->value.n, seed);
		return true;
	}
	hs_record_field_put_id(leaf, &text);
	ok = hs_buf_ok(&text);
	if (ok)
		*hash = hs_hash(text.p, text.n, seed);
	hs_buf_free(&text);
	return ok;
}

bool hs_record_head_user(const struct hs_record_head *m, uint64_t *user)
{
	static const enum hs_head_field by[] = { HS_HEAD_USER_ID, HS_HEAD_ANONYMOUS_ID, HS_HEAD_MESSAGE_ID };
	const struct hs_record_field *tenant = &m->leaf[HS_HEAD_TENANT];
	uint64_t seed = 0;

	*user = 0;
	if (!is_nobody(tenant) && !hash_id(tenant, HS_HEAD_TENANT, &seed))
		return false;
	for (size_t i = 0; i < sizeof by / sizeof by[0]; i++)
		if (!is_nobody(&m->leaf[by[i]]))
			return hash_id(&m->leaf[by[i]], seed + i, user);
	return true;
}

#include "warehouse/field_places.h"
#include "base/array.h"
#include "base/hash.h"
#include "event/json.h"
#include "warehouse/column_names.h"

#include <stdlib.h>

enum {
	PLACES_MAX = 1 << 16,  /* that are kept … */
	NAMES_BYTES = 4 << 20, /* … with about so many bytes of names */
};

/* The field that each comes from, and the families that have it. */
static const struct {
	const char *field, *column;
	unsigned families; /* 1 << enum hs_family, for each */
} commons[HS_COMMONS] = {
#define EVERY ((1U << HS_FAMILIES) - 1)
	[HS_COMMON_ID] = { "message_id", "id", EVERY },
	[HS_COMMON_RECEIVED_AT] = { "received_at", "received_at", EVERY },
	[HS_COMMON_UUID_TS] = { "spooled_at", "uuid_ts", EVERY },
	[HS_COMMON_TIMESTAMP] = { "timestamp", "timestamp", EVERY },
	[HS_COMMON_SENT_AT] = { "sent_at", "sent_at", EVERY },
	[HS_COMMON_ORIGINAL_TIMESTAMP] = { "original_timestamp", "original_timestamp", EVERY },
	[HS_COMMON_ANONYMOUS_ID] = { "anonymous_id", "anonymous_id", EVERY },
	[HS_COMMON_USER_ID] = { "user_id", "user_id", EVERY },
	[HS_COMMON_TENANT] = { "tenant", "tenant", EVERY },
	[HS_COMMON_EVENT] = { "event", "event", 1U << HS_FAMILY_TRACK },
	[HS_COMMON_EVENT_TEXT] = { "", "event_text", 1U << HS_FAMILY_TRACK },
	[HS_COMMON_NAME] = { "name", "name", 1U << HS_FAMILY_PAGE },
	[HS_COMMON_CATEGORY] = { "category", "category", 1U << HS_FAMILY_PAGE },
	[HS_COMMON_GROUP_ID] = { "group_id", "group_id", 1U << HS_FAMILY_GROUP },
	[HS_COMMON_PREVIOUS_ID] = { "previous_id", "previous_id", 1U << HS_FAMILY_ALIAS },
	[HS_COMMON_REST] = { "", "_rest", EVERY },
#undef EVERY
};

static void forget(struct hs_field_places *places)
{
	for (size_t i = 0; i < places->count; i++)
		free((char *)(uintptr_t)places->place[i].field);
	if (places->is_over) {
		free(places->place);
		places->place = NULL;
		places->cap = 0;
		hs_buf_free(&places->text);
	}
	places->count = places->last = places->fields = 0;
	places->is_over = false;
	if (places->slots > 0)
		memset(places->slot, 0, places->slots * sizeof *places->slot);
}

void hs_field_places_free(struct hs_field_places *places)
{
	forget(places);
	free(places->place);
	free(places->slot);
	hs_buf_free(&places->text);
	hs_buf_free(&places->scratch);
	hs_buf_free(&places->decoded);
}

void hs_field_places_bound(struct hs_field_places *places)
{
	if (places->is_over)
		forget(places);
}

struct hs_slice hs_common_column_name(enum hs_common_column column)
{
	return hs_slice_str(commons[column].column);
}

/* --- where a field goes ------------------------------------------------------------ */

static bool skip(struct hs_slice *name, struct hs_slice prefix)
{
	if (name->n <= prefix.n || memcmp(name->p, prefix.p, prefix.n) != 0)
		return false;
	*name = hs_slice(name->p + prefix.n, name->n - prefix.n);
	return true;
}

/* The common column with this name, or the one that the field of this name goes to; -1: none. */
static int common_of(unsigned family, struct hs_slice name, bool by_field)
{
	for (int i = 0; i < HS_COMMONS; i++)
		if ((commons[i].families >> family & 1) != 0 &&
		    hs_slice_eq(name, hs_slice_str(by_field ? commons[i].field : commons[i].column)))
			return i;
	return -1;
}

/* Sets where the field goes; returns its column before it is cut, in `scratch`. */
static struct hs_slice decide(struct hs_field_places *places, struct hs_place *n, struct hs_slice field)
{
	static const struct hs_slice prefixes[] = { { "properties_", 11 }, { "traits_", 7 } };
	struct hs_slice own = field, context = HS_SLICE("context_"), whole = field;

	n->where = HS_WHERE_LEFT_OUT;
	n->common = (int8_t)common_of(n->family, field, true);
	if (n->common >= 0 || skip(&own, context)) {
		n->where = HS_WHERE_COMMON;
		return n->common >= 0 ? hs_slice_str(commons[n->common].column) : whole;
	}
	if (!skip(&own, prefixes[n->family >= HS_FAMILY_IDENTIFY])) {
		hs_buf_putc(&places->scratch, '_');
		hs_buf_put_slice(&places->scratch, field);
		return hs_slice(places->scratch.p + field.n, places->scratch.n - field.n);
	}
	n->where = HS_WHERE_OWN;
	whole = own;
	n->common = (int8_t)common_of(n->family, own, false);
	if (n->common < 0 && !skip(&whole, context))
		return own;
	places->scratch.p[own.p - places->scratch.p - 1] = '_'; /* the last byte of the prefix is one */
	return hs_slice(own.p - 1, own.n + 1);
}

/* Makes the entry of a field that has been copied into it. */
static bool make_name(struct hs_field_places *places, struct hs_place *n, bool escaped)
{
	struct hs_slice field = { n->field, n->field_n }, column;
	size_t start = places->text.n;

	hs_buf_reset(&places->scratch);
	if (escaped) {
		hs_json_unescape(field, &places->scratch);
		hs_buf_reset(&places->decoded);
		hs_buf_put_slice(&places->decoded, hs_buf_slice(&places->scratch));
		hs_buf_reset(&places->scratch);
		hs_column_names_put_snake(&places->scratch, hs_buf_slice(&places->decoded));
	} else {
		hs_column_names_put_snake(&places->scratch, field);
	}
	hs_buf_reserve(&places->scratch, places->scratch.n + 1);
	if (!hs_buf_ok(&places->scratch) || !hs_buf_ok(&places->decoded))
		return false;
	column = decide(places, n, hs_buf_slice(&places->scratch));
	hs_column_names_put_bounded(&places->text, column);
	n->column = (uint32_t)start;
	n->column_n = (uint8_t)(places->text.n - start);
	n->path_n = 0;
	if (n->column_n != column.n || memcmp(places->text.p + start, column.p, column.n) != 0) {
		hs_column_names_put_whole(&places->text, column);
		n->path_n = (uint32_t)column.n;
	}
	return hs_buf_ok(&places->text);
}

static bool is_of(const struct hs_place *n, enum hs_family family, struct hs_slice field)
{
	return n->family == family && hs_slice_eq(hs_slice(n->field, n->field_n), field);
}

static size_t slot_of(const struct hs_field_places *places, enum hs_family family, struct hs_slice field)
{
	size_t at = (size_t)hs_hash(field.p, field.n, (uint64_t)family) & (places->slots - 1);

	for (; places->slot[at] != 0; at = (at + 1) & (places->slots - 1)) {
		const struct hs_place *n = &places->place[places->slot[at] - 1];

		if (is_of(n, family, field))
			break;
	}
	return at;
}

static bool grow_slots(struct hs_field_places *places)
{
	size_t slots = places->slots == 0 ? 1024 : 2 * places->slots;
	uint32_t *slot = calloc(slots, sizeof *slot);

	if (slot == NULL)
		return false;
	free(places->slot);
	places->slot = slot;
	places->slots = slots;
	for (size_t i = 0; i < places->count; i++)
		places->slot[slot_of(places, (enum hs_family)places->place[i].family,
		                     hs_slice(places->place[i].field, places->place[i].field_n))] = (uint32_t)i + 1;
	return true;
}

/* Adds the place of a field. */
static struct hs_place *add_place(struct hs_field_places *places, enum hs_family family,
                                  const struct hs_record_field *field)
{
	struct hs_place *n;
	char *copy;

	if (!HS_ARRAY_ROOM(&places->place, places->count, &places->cap))
		return NULL;
	copy = malloc(field->name.n + 1);
	if (copy == NULL)
		return NULL;
	memcpy(copy, field->name.p, field->name.n);
	places->fields += field->name.n;
	n = &places->place[places->count++];
	*n = (struct hs_place){
		.family = (uint8_t)family, .field = copy, .field_n = (uint32_t)field->name.n, .is_kept = true
	};
	return make_name(places, n, field->name_escaped) ? n : NULL;
}

/* Decides where a field goes, and keeps it until the next one. */
static struct hs_place *pass_place(struct hs_field_places *places, enum hs_family family,
                                   const struct hs_record_field *field)
{
	if (!places->is_over)
		places->kept_text = places->text.n;
	places->is_over = true;
	places->text.n = places->kept_text;
	places->passing =
	    (struct hs_place){ .family = (uint8_t)family, .field = field->name.p, .field_n = (uint32_t)field->name.n };
	return make_name(places, &places->passing, field->name_escaped) ? &places->passing : NULL;
}

/*
 * Records of a family mostly have their fields in the same order: so the first guess is the place that came next
 * last time.
 */
const struct hs_place *hs_field_place(struct hs_field_places *places, enum hs_family family,
                                      const struct hs_record_field *field)
{
	size_t at, guess = places->count > 0 ? places->place[places->last].after : 0;
	bool is_full;

	if (places->count > 0 && is_of(&places->place[guess], family, field->name)) {
		places->last = guess;
		return &places->place[guess];
	}
	is_full = places->count >= PLACES_MAX || places->text.n + places->fields >= NAMES_BYTES;
	if (!is_full && 2 * places->count >= places->slots && !grow_slots(places))
		return NULL;
	at = slot_of(places, family, field->name);
	if (places->slot[at] == 0 && is_full)
		return pass_place(places, family, field);
	if (places->slot[at] == 0) {
		if (add_place(places, family, field) == NULL)
			return NULL;
		places->slot[at] = (uint32_t)places->count;
	}
	at = places->slot[at] - 1;
	places->place[places->last].after = (uint32_t)at;
	places->last = at;
	return &places->place[at];
}

#include "tools/load/catalogue.h"
#include "base/array.h"
#include "base/hash.h"
#include "tools/load/table_needs.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NEWS_BYTES = 300 };

static void free_table(struct hs_catalogue_table *t)
{
	hs_target_table_free(&t->table);
	free(t->slot);
	free(t->after);
	free(t);
}

static void free_names(struct hs_catalogue_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->name[i]);
	free(names->name);
	*names = (struct hs_catalogue_names){ 0 };
}

void hs_catalogue_free(struct hs_catalogue *c)
{
	for (size_t i = 0; i < c->tables; i++)
		free_table(c->table[i]);
	free(c->table);
	free(c->slot);
	free_names(&c->taken);
	free_names(&c->others);
	hs_buf_free(&c->name);
	hs_buf_free(&c->news);
	c->table = NULL;
	c->slot = NULL;
	c->tables = c->cap = c->slots = 0;
}

/* --- columns -------------------------------------------------------------------- */

static size_t slot_of(const struct hs_catalogue_table *t, struct hs_slice name)
{
	size_t at = (size_t)hs_hash(name.p, name.n, 0) & (t->slots - 1);

	while (t->slot[at] != 0 && !hs_slice_eq(hs_slice_str(t->table.column[t->slot[at] - 1].name), name))
		at = (at + 1) & (t->slots - 1);
	return at;
}

static bool grow_slots(struct hs_catalogue_table *t)
{
	size_t slots = t->slots == 0 ? 64 : 2 * t->slots;
	uint32_t *slot = calloc(slots, sizeof *slot), *after = calloc(slots, sizeof *after);

	if (slot == NULL || after == NULL) {
		free(slot);
		free(after);
		return false;
	}
	free(t->slot);
	free(t->after);
	t->slot = slot;
	t->after = after;
	t->slots = slots;
	for (size_t i = 0; i < t->table.columns; i++)
		t->slot[slot_of(t, hs_slice_str(t->table.column[i].name))] = (uint32_t)i + 1;
	return true;
}

static bool add_column(struct hs_catalogue_table *t, struct hs_slice name, enum hs_column_type type)
{
	if (2 * (t->table.columns + 1) > t->slots && !grow_slots(t))
		return false;
	if (!hs_target_add_column(&t->table, name, type))
		return false;
	t->slot[slot_of(t, name)] = (uint32_t)t->table.columns;
	return true;
}

static bool is_named(const struct hs_catalogue_table *t, size_t column, struct hs_slice name)
{
	return hs_slice_eq(hs_slice_str(t->table.column[column].name), name);
}

/* The index of a column; -1: there is none. Rows mostly ask for their columns in the same order. */
ptrdiff_t hs_catalogue_find_column(struct hs_catalogue_table *t, struct hs_slice name)
{
	size_t guess, found;

	if (t->table.columns == 0)
		return -1;
	guess = t->after[t->last];
	if (is_named(t, guess, name)) {
		t->last = guess;
		return (ptrdiff_t)guess;
	}
	found = t->slot[slot_of(t, name)];
	if (found == 0)
		return -1;
	t->after[t->last] = (uint32_t)found - 1;
	t->last = found - 1;
	return (ptrdiff_t)found - 1;
}

ptrdiff_t hs_catalogue_look_up(const struct hs_catalogue_table *t, struct hs_slice name)
{
	return t->slots == 0 ? -1 : (ptrdiff_t)t->slot[slot_of(t, name)] - 1;
}

ptrdiff_t hs_catalogue_column(struct hs_catalogue *c, struct hs_catalogue_table *t, struct hs_slice name, bool *full)
{
	ptrdiff_t at = hs_catalogue_find_column(t, name);

	*full = true;
	if (at >= 0)
		return at;
	if (t->table.columns >= c->options->columns_max || t->table.columns + t->table.dropped >= c->columns_max)
		return -1;
	*full = false;
	return add_column(t, name, HS_COLUMN_NONE) ? (ptrdiff_t)t->table.columns - 1 : -1;
}

static const char *const words[] = { [HS_COLUMN_BOOLEAN] = "boolean",
	                             [HS_COLUMN_NUMBER] = "number",
	                             [HS_COLUMN_TIMESTAMP] = "timestamp",
	                             [HS_COLUMN_TEXT] = "text" };

const char *hs_catalogue_type_word(enum hs_column_type type)
{
	return type >= HS_COLUMN_BOOLEAN && type <= HS_COLUMN_TEXT ? words[type] : "text";
}

enum hs_column_type hs_catalogue_type(const char *word)
{
	for (int i = HS_COLUMN_BOOLEAN; i <= HS_COLUMN_TEXT; i++)
		if (strcmp(words[i], word) == 0)
			return (enum hs_column_type)i;
	return HS_COLUMN_NONE;
}

/* The type that --type gives to a column; NONE: it names none. */
static enum hs_column_type chosen_type(const struct hs_catalogue *c, const struct hs_catalogue_table *t, size_t column)
{
	char name[2 * HS_WAREHOUSE_NAME + 2], glob[256];

	if (c->options->types == NULL)
		return HS_COLUMN_NONE;
	snprintf(name, sizeof name, "%s.%s", t->table.name + strlen(c->options->prefix), t->table.column[column].name);
	for (const char *const *type = c->options->types; *type != NULL; type++) {
		const char *equals = strrchr(*type, '=');

		snprintf(glob, sizeof glob, "%.*s", (int)(equals - *type), *type);
		if (fnmatch(glob, name, 0) == 0)
			return hs_catalogue_type(equals + 1);
	}
	return HS_COLUMN_NONE;
}

void hs_catalogue_note(struct hs_catalogue *c, struct hs_catalogue_table *t, size_t column, enum hs_column_type type)
{
	enum hs_column_type *known = &t->table.column[column].type;

	if (column < t->present)
		return;
	if (*known == HS_COLUMN_NONE && chosen_type(c, t, column) != HS_COLUMN_NONE)
		type = chosen_type(c, t, column);
	else if (chosen_type(c, t, column) != HS_COLUMN_NONE)
		return;
	*known = hs_column_type_join(*known, type);
}

bool hs_catalogue_note_path(struct hs_catalogue_table *t, size_t column, struct hs_slice path)
{
	struct hs_target_column *c = &t->table.column[column];

	if (column < t->present || path.n == 0 || c->path != NULL)
		return true;
	c->path = strndup(path.p, path.n);
	return c->path != NULL;
}

/* --- tables ----------------------------------------------------------------------- */

/* The name of a table without the prefix. */
static struct hs_slice bare_name(const struct hs_catalogue *c, const struct hs_catalogue_table *t)
{
	return hs_slice_str(t->table.name + strlen(c->options->prefix));
}

static size_t table_slot(const struct hs_catalogue *c, struct hs_slice name)
{
	size_t at = (size_t)hs_hash(name.p, name.n, 0) & (c->slots - 1);

	while (c->slot[at] != 0 && !hs_slice_eq(bare_name(c, c->table[c->slot[at] - 1]), name))
		at = (at + 1) & (c->slots - 1);
	return at;
}

static bool grow_table_slots(struct hs_catalogue *c)
{
	size_t slots = c->slots == 0 ? 64 : 2 * c->slots;
	uint32_t *slot = calloc(slots, sizeof *slot);

	if (slot == NULL)
		return false;
	free(c->slot);
	c->slot = slot;
	c->slots = slots;
	for (size_t i = 0; i < c->tables; i++)
		c->slot[table_slot(c, bare_name(c, c->table[i]))] = (uint32_t)i + 1;
	return true;
}

static struct hs_catalogue_table *find_table(const struct hs_catalogue *c, struct hs_slice name)
{
	uint32_t found = c->slots == 0 ? 0 : c->slot[table_slot(c, name)];

	return found == 0 ? NULL : c->table[found - 1];
}

static struct hs_catalogue_table *add_table(struct hs_catalogue *c, struct hs_slice name)
{
	struct hs_catalogue_table *t;

	if (!HS_ARRAY_ROOM(&c->table, c->tables, &c->cap) || (2 * (c->tables + 1) > c->slots && !grow_table_slots(c)))
		return NULL;
	t = calloc(1, sizeof *t);
	if (t == NULL)
		return NULL;
	t->kind = hs_table_kind_of(name);
	t->index = c->tables;
	if (asprintf(&t->table.name, "%s%.*s", c->options->prefix, (int)name.n, name.p) < 0) {
		t->table.name = NULL;
		free_table(t);
		return NULL;
	}
	c->table[c->tables++] = t;
	c->slot[table_slot(c, name)] = (uint32_t)c->tables;
	return t;
}

/* Adds the columns that a table of its kind must have and that it lacks; finds those that the loader needs. */
static bool complete(struct hs_catalogue *c, struct hs_catalogue_table *t)
{
	struct hs_required_column required[HS_REQUIRED_COLUMNS_MAX];
	size_t n;

	if (t->complete)
		return true;
	n = hs_required_columns(t->kind, c->options->tenant, required);

	for (size_t i = 0; i < n; i++)
		if (hs_catalogue_find_column(t, hs_slice_str(required[i].name)) < 0 &&
		    !add_column(t, hs_slice_str(required[i].name), required[i].type))
			return false;
	t->id = (size_t)hs_catalogue_find_column(t, HS_SLICE("id"));
	t->rest = (size_t)hs_catalogue_find_column(t, HS_SLICE("_rest"));
	t->complete = true;
	return true;
}

/* The name, cut so that it has no more than HS_WAREHOUSE_NAME bytes with the prefix. */
static struct hs_slice bounded(struct hs_catalogue *c, struct hs_slice name, size_t prefix)
{
	if (prefix + name.n <= HS_WAREHOUSE_NAME)
		return name;
	hs_buf_reset(&c->name);
	hs_buf_put(&c->name, c->options->prefix, prefix);
	hs_buf_put_slice(&c->name, name);
	hs_column_names_bound(&c->name, 0);
	return hs_buf_ok(&c->name) ? hs_slice(c->name.p + prefix, c->name.n - prefix) : HS_SLICE_NONE;
}

/* --- names that are not to be had --------------------------------------------------- */

static bool add_name(struct hs_catalogue_names *names, struct hs_slice name)
{
	if (!HS_ARRAY_ROOM(&names->name, names->count, &names->cap))
		return false;
	names->name[names->count] = strndup(name.p, name.n);
	return names->name[names->count] != NULL && ++names->count > 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int compare_name(const void *key, const void *element)
{
	const struct hs_slice *name = key;
	const char *other = *(char *const *)element;
	int order = strncmp(name->p, other, name->n);

	return order != 0 || other[name->n] == '\0' ? order : -1;
}

static bool starts_with(struct hs_slice name, const char *text)
{
	size_t n = strlen(text);

	return name.n >= n && strncasecmp(name.p, text, n) == 0;
}

/* Another loader's, by its longer prefix; but tables that every loader has are ours whatever others are called. */
static bool is_of_another(const struct hs_catalogue *c, struct hs_slice name)
{
	for (size_t i = 0; i < c->others.count; i++)
		if (starts_with(name, c->others.name[i]))
			return hs_table_kind_of(name) == HS_TABLE_EVENT;
	return false;
}

static bool is_to_be_had(const struct hs_catalogue *c, struct hs_slice name)
{
	bool reserved = c->reserved != NULL && c->options->prefix[0] == '\0' && starts_with(name, c->reserved);

	return !reserved && !is_of_another(c, name) &&
	       (c->taken.count == 0 ||
	        bsearch(&name, c->taken.name, c->taken.count, sizeof *c->taken.name, compare_name) == NULL);
}

struct hs_catalogue_table *hs_catalogue_table(struct hs_catalogue *c, struct hs_slice name, bool *full)
{
	struct hs_catalogue_table *t;

	*full = false;
	name = bounded(c, name, strlen(c->options->prefix));
	if (name.p == NULL)
		return NULL;
	t = find_table(c, name);
	if (t == NULL) {
		*full = hs_table_kind_of(name) == HS_TABLE_EVENT &&
		        (c->tables >= c->options->tables_max || !is_to_be_had(c, name));
		t = *full ? NULL : add_table(c, name);
	}
	return t != NULL && complete(c, t) ? t : NULL;
}

/* --- the database -------------------------------------------------------------------- */

static bool has_id(const struct hs_target_table *table)
{
	for (size_t i = 0; i < table->columns; i++)
		if (strcmp(table->column[i].name, "id") == 0)
			return true;
	return false;
}

/* Notes the prefix if it is the hookspool_load of another loader, without the `id` that each table of events has. */
static bool note_other(struct hs_catalogue *c, const struct hs_target_table *found, struct hs_slice name)
{
	struct hs_slice load = HS_SLICE("hookspool_load");

	if (name.n <= load.n || has_id(found) || !hs_slice_eq(hs_slice(name.p + name.n - load.n, load.n), load))
		return true;
	return add_name(&c->others, hs_slice(name.p, name.n - load.n));
}

static bool read_table(void *context, const struct hs_target_table *found)
{
	struct hs_catalogue *c = context;
	struct hs_slice name = hs_slice_str(found->name + strlen(c->options->prefix));
	struct hs_catalogue_table *t;

	if (hs_slice_eq(name, HS_SLICE("hookspool_load")) || hs_slice_eq(name, HS_SLICE("hookspool_names")))
		return true;
	if (found->taken)
		return add_name(&c->taken, name);
	if (!note_other(c, found, name))
		return false;
	t = add_table(c, name);
	if (t == NULL)
		return false;
	t->exists = true;
	t->table.unique_id = found->unique_id;
	t->table.other_unique = found->other_unique;
	t->table.triggers = found->triggers;
	t->table.dropped = found->dropped;
	t->table.stamp = found->stamp;
	for (size_t i = 0; i < found->columns; i++) {
		if (!add_column(t, hs_slice_str(found->column[i].name), found->column[i].type))
			return false;
		t->table.column[i].max = found->column[i].max;
		t->table.column[i].numbers = found->column[i].numbers;
		t->table.column[i].loose = found->column[i].loose;
	}
	t->present = t->table.columns;
	return true;
}

/* Forgets the tables of other loaders, which are known only when all have been read. */
static void leave_others(struct hs_catalogue *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->tables; i++)
		if (is_of_another(c, bare_name(c, c->table[i]))) {
			free_table(c->table[i]);
		} else {
			c->table[i]->index = kept;
			c->table[kept++] = c->table[i];
		}
	c->tables = kept;
	if (c->slots > 0)
		memset(c->slot, 0, c->slots * sizeof *c->slot);
	for (size_t i = 0; i < c->tables; i++)
		c->slot[table_slot(c, bare_name(c, c->table[i]))] = (uint32_t)i + 1;
}

/* Before the tables are read: what changes meanwhile is noticed. */
static enum hs_target_result read_stamps(struct hs_catalogue *c, struct hs_target *target)
{
	enum hs_target_result result = HS_TARGET_OK;

	for (int whole = 0; whole < 2 && target->ops->stamp != NULL && result == HS_TARGET_OK; whole++)
		result = target->ops->stamp(target, whole == 1, &c->stamp[whole]);
	return result;
}

static enum hs_target_result check_used(struct hs_catalogue *c, struct hs_target *target)
{
	enum hs_target_result result = HS_TARGET_OK;

	for (size_t i = 0; i < c->tables && target->ops->check_table != NULL && result == HS_TARGET_OK; i++)
		if (c->table[i]->used)
			result = target->ops->check_table(target, &c->table[i]->table);
	return result;
}

enum hs_target_result hs_catalogue_check(struct hs_catalogue *c, struct hs_target *target, bool whole)
{
	uint64_t stamp = 0;
	enum hs_target_result result;

	if (target->ops->stamp == NULL)
		return HS_TARGET_OK;
	result = target->ops->stamp(target, whole, &stamp);
	c->is_old = result == HS_TARGET_OK && stamp != c->stamp[whole];
	if (result == HS_TARGET_OK && !c->is_old)
		result = check_used(c, target);
	c->is_old = c->is_old || result == HS_TARGET_CATALOGUE;
	if (!c->is_old)
		return result;
	snprintf(target->message, sizeof target->message, "somebody else makes or changes tables all the time");
	return HS_TARGET_CATALOGUE;
}

enum hs_target_result hs_catalogue_read(struct hs_catalogue *c, struct hs_target *target)
{
	enum hs_target_result result;

	hs_catalogue_free(c);
	c->is_old = false;
	c->columns_max = target->ops->columns_max;
	c->reserved = target->ops->reserved;
	result = read_stamps(c, target);
	if (result == HS_TARGET_OK)
		result = target->ops->tables(target, read_table, c);
	if (c->others.count > 0)
		leave_others(c);
	if (c->taken.count > 0)
		qsort(c->taken.name, c->taken.count, sizeof *c->taken.name, compare_names);
	return result;
}

/* Before the columns are made: a kill between the two leaves no name that nobody can tell. */
static enum hs_target_result note_names(struct hs_catalogue_table *t, struct hs_target *target)
{
	enum hs_target_result result = HS_TARGET_OK;

	for (size_t i = t->present; i < t->table.columns && result == HS_TARGET_OK; i++)
		if (t->table.column[i].path != NULL)
			result = target->ops->note_name(target, t->table.name, t->table.column[i].name,
			                                hs_slice_str(t->table.column[i].path));
	return result;
}

/* Only a message: what does not fit in is left out. */
static void note_news(struct hs_catalogue *c, const struct hs_catalogue_table *t)
{
	size_t columns = t->table.columns - t->present;

	c->new_tables += !t->exists;
	c->new_columns += columns;
	if (c->news.n > NEWS_BYTES)
		return;
	hs_buf_printf(&c->news, "%s%s%s (%zu column%s)", c->news.n > 0 ? ", " : "", t->exists ? "" : "table ",
	              t->table.name, columns, columns == 1 ? "" : "s");
	if (c->news.n > NEWS_BYTES)
		hs_buf_put_slice(&c->news, HS_SLICE(" and more"));
}

static enum hs_target_result apply(struct hs_catalogue *c, struct hs_catalogue_table *t, struct hs_target *target)
{
	enum hs_target_result result;
	size_t from = t->present;

	for (size_t i = from; i < t->table.columns; i++)
		if (t->table.column[i].type == HS_COLUMN_NONE)
			t->table.column[i].type = HS_COLUMN_TEXT;
	result = note_names(t, target);
	if (result != HS_TARGET_OK)
		return result;
	if (!t->exists)
		result = target->ops->make_table(target, &t->table);
	else
		result =
		    target->ops->add_columns(target, t->table.name, t->table.column + from, t->table.columns - from);
	if (result != HS_TARGET_OK)
		return result;
	note_news(c, t);
	if (!t->exists)
		t->table.unique_id = true;
	t->exists = true;
	t->present = t->table.columns;
	t->table.stamp = 0;
	return HS_TARGET_OK;
}

enum hs_column_type hs_catalogue_required_type(const struct hs_catalogue_table *t, size_t column)
{
	struct hs_required_column required[HS_REQUIRED_COLUMNS_MAX];
	size_t n = hs_required_columns(t->kind, true, required);

	for (size_t i = 0; i < n; i++)
		if (strcmp(required[i].name, t->table.column[column].name) == 0)
			return required[i].type;
	return HS_COLUMN_NONE;
}

/* A table that is needed lacks what the loader cannot do without; notes what mends it. */
static bool is_unfit(const struct hs_catalogue *c, struct hs_catalogue_table *t, struct hs_target *target)
{
	struct hs_table_lack lack = { .what = "" };

	if (!t->exists && !is_to_be_had(c, bare_name(c, t))) {
		snprintf(target->message, sizeof target->message,
		         "%s is there, but is no table: rename it, or choose another --prefix", t->table.name);
		return true;
	}
	if (!t->exists || !t->complete || t->fit)
		return false;
	if (hs_table_is_fit(target, &t->table, &lack)) {
		t->fit = t->present == t->table.columns;
		return false;
	}
	snprintf(target->message, sizeof target->message, "%s; %s", lack.what, lack.remedy);
	return true;
}

enum hs_target_result hs_catalogue_apply(struct hs_catalogue *c, struct hs_target *target)
{
	enum hs_target_result result = HS_TARGET_OK;
	bool any = false;

	for (size_t i = 0; i < c->tables && result == HS_TARGET_OK; i++) {
		struct hs_catalogue_table *t = c->table[i];

		if (is_unfit(c, t, target))
			return HS_TARGET_DENIED;
		if (t->exists && t->present == t->table.columns)
			continue;
		if (!any)
			result = hs_catalogue_check(c, target, false);
		any = true;
		if (result == HS_TARGET_OK)
			result = apply(c, t, target);
		if (result == HS_TARGET_OK && is_unfit(c, t, target))
			return HS_TARGET_DENIED; /* it cannot have a column that it needs */
	}
	return any && result == HS_TARGET_OK ? hs_catalogue_check(c, target, false) : result;
}

#include "tools/load/retype.h"
#include "base/array.h"
#include "base/io.h"
#include "event/json.h"
#include "tools/load/catalogue.h"
#include "tools/load/members.h"
#include "tools/report/terminal.h"
#include "tools/sink/event_source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum {
	PAGE_ROWS = 1000,
	PAGE_BYTES = 4 << 20, /* of the values of a page; then it ends early */
	UPDATE_US = 100,      /* a guess, for what is said before */
	TRIES = 7,            /* while somebody else has a lock: a minute */
	WAIT_FIRST_MS = 500,
};

#define NEW_COLUMN "_retype"

/* The columns of a row that is read; those of one that is written are ID, NEW and REST. */
enum { ID, OLD, REST, NEW, COLUMNS };

/* A row to be written: places in `text`; start -1: NULL. */
struct change {
	struct place {
		ptrdiff_t start;
		size_t n;
	} id, value, rest;
};

struct retype {
	struct hs_target *target;
	struct hs_catalogue catalogue;
	struct hs_catalogue_table *table;
	size_t column;
	enum hs_column_type type;
	bool there; /* an earlier run was killed, and left the new column */

	struct hs_target_table view; /* the table, with the new column at its end */
	size_t at[COLUMNS];          /* of the columns in `view` */
	struct hs_json json;
	struct hs_buf text, value, rest, scratch, last;
	struct change *change;
	size_t changes, cap, rows; /* of the page */
	bool named;               /* the _rest of the row has a value of the column, perhaps by a run that was killed */
	bool full, more;          /* the page has as many bytes as it may have; rows were left out */
	bool is_hidden;           /* a row without an id, by which none is found, has a value */
	bool is_strange;          /* the _rest of a row is no object of JSON, so that it could not be kept */
	bool lacks_memory;        /* for a value of the row: what was made of it is not to be written */
	uint64_t all, home, away; /* rows; values that come from _rest, that go there */
};

static void forget(struct retype *r)
{
	hs_catalogue_free(&r->catalogue);
	hs_target_table_free(&r->view);
	hs_json_free(&r->json);
	hs_buf_free(&r->text);
	hs_buf_free(&r->value);
	hs_buf_free(&r->rest);
	hs_buf_free(&r->scratch);
	hs_buf_free(&r->last);
	free(r->change);
}

static int complain(const struct retype *r, enum hs_target_result result)
{
	hs_terminal_printf(stderr, "hookspool load: --retype: %s: %s\n", hs_target_meaning(result), r->target->message);
	return result == HS_TARGET_AWAY ? EX_UNAVAILABLE : result == HS_TARGET_DENIED ? EX_NOPERM : EX_IOERR;
}

/* --- a row ------------------------------------------------------------------------------ */

static bool fits(struct retype *r, const struct hs_value *value)
{
	bool fit = hs_value_fits(value, r->type, r->target->ops->numbers, &r->value);

	r->lacks_memory = r->lacks_memory || !hs_buf_ok(&r->value);
	return fit;
}

static struct hs_slice decode(struct retype *r, struct hs_slice inner)
{
	hs_buf_reset(&r->scratch);
	hs_json_unescape(inner, &r->scratch);
	r->lacks_memory = r->lacks_memory || !hs_buf_ok(&r->scratch);
	return hs_buf_slice(&r->scratch);
}

/* Both with their quotes, if they are strings. */
static void put_member(struct retype *r, struct hs_slice key, struct hs_slice value)
{
	hs_buf_putc(&r->rest, r->rest.n == 0 ? '{' : ',');
	hs_buf_put_slice(&r->rest, key);
	hs_buf_putc(&r->rest, ':');
	hs_buf_put_slice(&r->rest, value);
}

/* A member of _rest: the value is a string with the JSON text that was sent. True: it comes home. */
static bool comes_home(struct retype *r, struct hs_slice key, struct hs_slice inner)
{
	struct hs_value value = { .text = HS_SLICE_NONE };
	const char *name = r->table->table.column[r->column].name;

	if (!hs_slice_eq(decode(r, key), hs_slice_str(name)))
		return false;
	r->named = true;
	value.text = decode(r, inner);
	if (value.text.n >= 2 && value.text.p[0] == '"') {
		value.text = hs_slice(value.text.p + 1, value.text.n - 2);
		value.is_string = true;
		value.escaped = memchr(value.text.p, '\\', value.text.n) != NULL;
	}
	return fits(r, &value);
}

/* As a loader writes it, perhaps with a name twice: of two fields that have one column. */
static bool read_usual(struct retype *r, struct hs_slice text)
{
	struct hs_rest_reader reader = { .p = text.p, .end = text.p + text.n };
	struct hs_slice name, value;
	bool found = false;

	while (hs_rest_read(&reader, &name, &value) == HS_REST_MEMBER)
		if (!found && comes_home(r, name, hs_slice(value.p + 1, value.n - 2)))
			found = true;
		else
			put_member(r, hs_slice(name.p - 1, name.n + 2), value);
	return found;
}

/* Copies _rest but for the column's own value, if the new type takes that. True: it is in r->value. */
static bool read_rest(struct retype *r, struct hs_slice text)
{
	struct hs_json *j = &r->json;
	enum hs_result result;
	bool found = false;

	if (text.p == NULL)
		return false;
	if (hs_rest_is_usual(text))
		return read_usual(r, text);
	result = hs_json_document(j, text);
	r->lacks_memory = result == HS_E_MEMORY;
	r->is_strange = !r->lacks_memory && (result != HS_OK || j->tok[0].kind != HS_JSON_OBJECT);
	if (r->lacks_memory || r->is_strange)
		return false;
	for (uint32_t key = 1; key < j->tok[0].next; key = j->tok[key + 1].next)
		if (j->tok[key + 1].kind == HS_JSON_STRING && !found &&
		    comes_home(r, hs_json_inner(j, key), hs_json_inner(j, key + 1)))
			found = true;
		else
			put_member(r, hs_json_raw(j, key), hs_json_raw(j, key + 1));
	return found;
}

/* The old value, as JSON text inside a string. */
static void move_to_rest(struct retype *r, const struct hs_value *value)
{
	struct hs_buf key = { 0 }, member = { 0 };

	hs_buf_reset(&r->scratch);
	if (value->is_string)
		hs_buf_put_json(&r->scratch, value->text);
	else
		hs_buf_put_slice(&r->scratch, value->text);
	hs_buf_put_json(&member, hs_buf_slice(&r->scratch));
	hs_buf_put_json(&key, hs_slice_str(r->table->table.column[r->column].name));
	r->lacks_memory = r->lacks_memory || !hs_buf_ok(&r->scratch) || !hs_buf_ok(&key) || !hs_buf_ok(&member);
	if (!r->lacks_memory)
		put_member(r, hs_buf_slice(&key), hs_buf_slice(&member));
	hs_buf_free(&key);
	hs_buf_free(&member);
}

static struct place keep(struct retype *r, bool given, struct hs_slice text)
{
	struct place place = { given ? (ptrdiff_t)r->text.n : -1, text.n };

	if (given)
		hs_buf_put_slice(&r->text, text);
	return place;
}

/* Notes the row as it is to be, if the change concerns it. False: out of memory. */
static bool note_row(void *context, const struct hs_slice *row)
{
	struct retype *r = context;
	enum hs_column_type type = r->table->table.column[r->column].type;
	struct hs_value old = { row[OLD], type == HS_COLUMN_TEXT || type == HS_COLUMN_TIMESTAMP, false };
	bool home, given;

	if (r->full) {
		r->more = true;
		return true;
	}
	r->rows++;
	hs_buf_reset(&r->last);
	hs_buf_put_slice(&r->last, row[ID]);
	if ((row[OLD].p == NULL && row[REST].p == NULL) || (r->there && row[NEW].p != NULL))
		return hs_buf_ok(&r->last);
	hs_buf_reset(&r->rest);
	r->named = r->lacks_memory = false;
	home = given = read_rest(r, row[REST]);
	r->is_strange = r->is_strange && row[OLD].p != NULL; /* else the row stays as it is */
	if (r->is_strange)
		return false;
	if (row[OLD].p != NULL && !home) {
		given = fits(r, &old);
		if (!given && !r->named)
			move_to_rest(r, &old);
		r->away += !given;
	}
	r->home += home;
	if (row[OLD].p == NULL && !home)
		return hs_buf_ok(&r->last) && !r->lacks_memory;
	if (r->rest.n > 0)
		hs_buf_putc(&r->rest, '}');
	if (r->lacks_memory || !hs_buf_ok(&r->rest) || !HS_ARRAY_ROOM(&r->change, r->changes, &r->cap))
		return false;
	r->change[r->changes].id = keep(r, true, row[ID]);
	r->change[r->changes].value = keep(r, given, hs_buf_slice(&r->value));
	r->change[r->changes++].rest = keep(r, r->rest.n > 0, hs_buf_slice(&r->rest));
	r->full = r->text.n > PAGE_BYTES;
	return hs_buf_ok(&r->text) && hs_buf_ok(&r->last);
}

static struct hs_slice at_place(const struct retype *r, struct place place)
{
	return place.start < 0 ? HS_SLICE_NONE : hs_slice(r->text.p + place.start, place.n);
}

static enum hs_target_result write_page(struct retype *r)
{
	size_t column[] = { r->at[ID], r->at[NEW], r->at[REST] };
	enum hs_target_result result = HS_TARGET_OK;

	for (size_t i = 0; i < r->changes && result == HS_TARGET_OK; i++) {
		const struct change *change = &r->change[i];
		struct hs_slice value[] = { at_place(r, change->id), at_place(r, change->value),
			                    at_place(r, change->rest) };
		struct hs_target_rows row = {
			.table = &r->view, .column = column, .columns = 3, .rows = 1, .value = value
		};

		result = r->target->ops->update(r->target, &row);
	}
	return result;
}

static enum hs_target_result refuse_rest(struct retype *r)
{
	snprintf(
	    r->target->message, sizeof r->target->message,
	    "the _rest of the row with the id %.*s cannot be read, and is not to be lost: make an object of JSON or "
	    "NULL of it; nothing is changed",
	    r->last.n < 200 ? (int)r->last.n : 200, r->last.n > 0 ? r->last.p : "");
	return HS_TARGET_BROKEN;
}

static bool note_hidden(void *context, const struct hs_slice *value)
{
	struct retype *r = context;

	r->is_hidden = r->is_hidden || value[0].p != NULL;
	return true;
}

/* Somebody else's table may have rows without an id: they are not walked over, and would lose their values. */
static enum hs_target_result look_for_hidden(struct retype *r)
{
	struct hs_target_where where = { .key = "id" };
	enum hs_target_result result =
	    r->target->ops->select(r->target, &r->view, &r->at[OLD], 1, &where, note_hidden, r);

	if (result != HS_TARGET_OK || !r->is_hidden)
		return result;
	snprintf(r->target->message, sizeof r->target->message,
	         "%s has rows whose id is NULL, in which no value can be moved: give them ids, or delete them; nothing "
	         "is changed",
	         r->view.name);
	return HS_TARGET_BROKEN;
}

/* All rows, a page at a time. */
static enum hs_target_result walk(struct retype *r, bool write)
{
	size_t columns = r->there ? COLUMNS : COLUMNS - 1;
	enum hs_target_result result = look_for_hidden(r);

	if (result != HS_TARGET_OK)
		return result;
	r->all = r->home = r->away = 0;
	hs_buf_reset(&r->last);
	do {
		char *after = strndup(r->last.n > 0 ? r->last.p : "", r->last.n);

		hs_buf_reset(&r->text);
		r->changes = r->rows = 0;
		r->full = r->more = false;
		if (after == NULL)
			return HS_TARGET_FULL;
		result = r->target->ops->scan(r->target, &r->view, r->at, columns,
		                              r->all > 0 ? hs_slice_str(after) : HS_SLICE_NONE, PAGE_ROWS, note_row, r);
		free(after);
		if (r->is_strange)
			return refuse_rest(r);
		r->all += r->rows;
		if (result == HS_TARGET_OK && write)
			result = write_page(r);
	} while (result == HS_TARGET_OK && (r->more || r->rows == PAGE_ROWS));
	return result;
}

/* --- the whole ------------------------------------------------------------------------------ */

/* Says how much there is to do, so that a person can still stop it. */
static enum hs_target_result foretell(struct retype *r)
{
	int64_t begun = hs_io_now_monotonic();
	struct hs_target_position at;
	enum hs_target_result result = r->target->ops->begin(r->target, &at);
	double seconds;

	if (result != HS_TARGET_OK)
		return result;
	result = walk(r, false);
	r->target->ops->rollback(r->target);
	if (result != HS_TARGET_OK)
		return result;
	seconds = (double)(hs_io_now_monotonic() - begun) / 1000 + (double)r->all * UPDATE_US / 1e6;
	hs_terminal_printf(stderr,
	                   "hookspool load: --retype: %s has %" PRIu64
	                   " rows: it may be locked for up to %.0f s; %" PRIu64 " values come from _rest, %" PRIu64
	                   " go there\n",
	                   r->view.name, r->all, seconds + 1, r->home, r->away);
	return HS_TARGET_OK;
}

static enum hs_target_result change_column(struct retype *r)
{
	const struct hs_target_ops *ops = r->target->ops;
	struct hs_target_column new = r->view.column[r->at[NEW]], named = new;
	enum hs_target_result result = ops->retype_begin(r->target, r->view.name, &new, r->there);

	named.name = r->view.column[r->at[OLD]].name;
	if (result == HS_TARGET_OK)
		result = walk(r, true);
	if (result == HS_TARGET_OK)
		result = ops->retype_end(r->target, r->view.name, &named);
	if (result != HS_TARGET_OK)
		ops->rollback(r->target);
	return result;
}

static int work(struct retype *r)
{
	enum hs_target_result result = foretell(r);
	int64_t ms = WAIT_FIRST_MS;

	if (result == HS_TARGET_OK)
		result = change_column(r);
	for (int try = 1; result == HS_TARGET_AGAIN && try < TRIES; try++, ms *= 2) {
		complain(r, result);
		hs_io_wait_readable(-1, ms);
		result = change_column(r);
	}
	if (result != HS_TARGET_OK)
		return complain(r, result);
	fprintf(stderr, "hookspool load: --retype: done: %" PRIu64 " values came from _rest, %" PRIu64 " went there\n",
	        r->home, r->away);
	return 0;
}

/* --- what is to be changed -------------------------------------------------------------------- */

static int refuse(const char *what, const char *why)
{
	fprintf(stderr, "hookspool load: --retype %s: %s\n", what, why);
	return 2;
}

static bool add_view(struct retype *r, const struct hs_target_column *column, enum hs_column_type type, int which)
{
	r->at[which] = r->view.columns;
	if (!hs_target_add_column(&r->view, hs_slice_str(column->name), type))
		return false;
	r->view.column[r->view.columns - 1].numbers = column->numbers;
	r->view.column[r->view.columns - 1].loose = column->loose;
	return true;
}

static bool make_view(struct retype *r)
{
	const struct hs_catalogue_table *t = r->table;
	struct hs_target_column new = { .name = (char *)(uintptr_t)NEW_COLUMN };

	r->view.name = strdup(t->table.name);
	return r->view.name != NULL && add_view(r, &t->table.column[t->id], HS_COLUMN_TEXT, ID) &&
	       add_view(r, &t->table.column[r->column], t->table.column[r->column].type, OLD) &&
	       add_view(r, &t->table.column[t->rest], HS_COLUMN_TEXT, REST) && add_view(r, &new, r->type, NEW);
}

/* True for columns that the loader needs as they are; one of somebody else's may get the type of its own ones. */
static bool is_kept(const struct retype *r)
{
	enum hs_column_type required = hs_catalogue_required_type(r->table, r->column);

	return r->column == r->table->id || r->column == r->table->rest ||
	       (required != HS_COLUMN_NONE && required != r->type);
}

/* Finds table and column. */
static int find(struct retype *r, const char *what)
{
	const char *equals = strrchr(what, '='), *dot = strchr(what, '.');
	struct hs_slice name = hs_slice(dot + 1, (size_t)(equals - dot) - 1);
	size_t prefix = strlen(r->target->prefix), there, columns;
	struct hs_catalogue_table *t = NULL;

	r->type = hs_catalogue_type(equals + 1);
	for (size_t i = 0; i < r->catalogue.tables; i++)
		if (hs_slice_eq(hs_slice_str(r->catalogue.table[i]->table.name + prefix),
		                hs_slice(what, (size_t)(dot - what))))
			t = r->catalogue.table[i];
	if (t == NULL)
		return refuse(what, "there is no such table");
	r->table = t;
	columns = there = r->column = t->table.columns;
	t->id = t->rest = columns;
	for (size_t i = 0; i < columns; i++) {
		struct hs_slice column = hs_slice_str(t->table.column[i].name);

		r->column = hs_slice_eq(column, name) ? i : r->column;
		t->id = hs_slice_eq(column, HS_SLICE("id")) ? i : t->id;
		t->rest = hs_slice_eq(column, HS_SLICE("_rest")) ? i : t->rest;
		there = hs_slice_eq(column, HS_SLICE(NEW_COLUMN)) ? i : there;
	}
	r->there = there < columns;
	if (r->column == columns || t->id == columns)
		return refuse(what, "the table has no such column, or no id");
	if (is_kept(r) || strcmp(t->table.column[r->column].name, NEW_COLUMN) == 0)
		return refuse(what, "the loader needs this column as it is");
	if (t->table.column[r->column].type == HS_COLUMN_FOREIGN)
		return refuse(what, "its type is none of boolean, number, timestamp and text: change it by SQL");
	if (r->there && t->table.column[there].type != r->type)
		return refuse(what, "an earlier --retype of this table was ended by a kill: finish that one first, "
		                    "with its type");
	return 0;
}

/* A table that no loader has written to yet. */
static enum hs_target_result add_rest(struct retype *r)
{
	struct hs_target_column rest = { .name = (char *)(uintptr_t) "_rest", .type = HS_COLUMN_TEXT };
	enum hs_target_result result = r->target->ops->add_columns(r->target, r->table->table.name, &rest, 1);

	return result == HS_TARGET_OK ? hs_catalogue_read(&r->catalogue, r->target) : result;
}

static int connect_and_work(struct retype *r, const char *what)
{
	enum hs_target_result result = r->target->ops->connect(r->target);
	int code;

	if (result != HS_TARGET_OK)
		return complain(r, result);
	result = hs_catalogue_read(&r->catalogue, r->target);
	code = result == HS_TARGET_OK ? find(r, what) : complain(r, result);
	if (code == 0 && r->table->rest == r->table->table.columns) {
		result = add_rest(r);
		code = result == HS_TARGET_OK ? find(r, what) : complain(r, result);
	}
	if (code == 0)
		code = make_view(r) ? work(r) : EX_OSERR;
	r->target->ops->disconnect(r->target);
	return code;
}

int hs_retype(struct hs_target *target, const char *config, const char *what)
{
	struct hs_catalogue_options options = { .prefix = target->prefix };
	struct retype r = { .target = target, .catalogue = { .options = &options } };
	struct hs_event_source source;
	int code = hs_event_source_open(&source, "load", config, target->name, NULL);

	if (code != 0)
		return code;
	hs_json_init(&r.json, 1);
	code = connect_and_work(&r, what);
	forget(&r);
	return hs_event_source_close(&source, code);
}

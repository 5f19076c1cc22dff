#include "tools/load/rebuild.h"
#include "base/array.h"
#include "base/digest.h"
#include "base/io.h"
#include "tools/load/people.h"
#include "tools/report/terminal.h"
#include "tools/sink/event_source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum {
	PAGE = 500, /* people of a transaction */
	TRIES = 7,  /* while somebody else has a lock: a minute */
	WAIT_FIRST_MS = 500,
	HASHED_ID = 7 + 2 * HS_SHA256_BYTES, /* of a person whose id is too long for an index */
};

struct rebuild {
	struct hs_target *target;
	struct hs_catalogue catalogue;
	struct hs_people *people;
	enum hs_table_kind to;
	char *id[PAGE]; /* of the page */
	size_t ids;
	char *last;    /* of the pages so far; NULL: there was none */
	bool orphans;  /* remakes only those who have no rows */
	bool found;    /* the one looked for */
	uint64_t made; /* people */
};

static void forget_page(struct rebuild *r)
{
	while (r->ids > 0)
		free(r->id[--r->ids]);
}

static bool note_id(void *context, const struct hs_slice *value)
{
	struct rebuild *r = context;

	r->id[r->ids] = strndup(value[0].p, value[0].n);
	return r->id[r->ids] != NULL && ++r->ids > 0;
}

static bool note_found(void *context, const struct hs_slice *value)
{
	(void)value;
	((struct rebuild *)context)->found = true;
	return true;
}

/* The table of a kind, if the database has it. */
static const struct hs_catalogue_table *table_of(const struct rebuild *r, enum hs_table_kind kind)
{
	for (size_t i = 0; i < r->catalogue.tables; i++)
		if (r->catalogue.table[i]->kind == kind && r->catalogue.table[i]->exists)
			return r->catalogue.table[i];
	return NULL;
}

static size_t column_of(const struct hs_catalogue_table *t, const char *name)
{
	for (size_t i = 0; i < t->table.columns; i++)
		if (strcmp(t->table.column[i].name, name) == 0)
			return i;
	return t->table.columns;
}

/* Whether the person, who has a row, has rows to make it from; those whose id was hashed are left as they are. */
static enum hs_target_result has_rows(struct rebuild *r, const char *id)
{
	const struct hs_catalogue_table *from = table_of(r, hs_people_source(r->to));
	struct hs_slice value = hs_slice_str(id);
	size_t column;

	r->found = strlen(id) == HASHED_ID && strncmp(id, "sha256-", 7) == 0;
	if (from == NULL || r->found)
		return HS_TARGET_OK;
	column = column_of(from, "id");
	return r->target->ops->select(
	    r->target, &from->table, &column, 1,
	    &(struct hs_target_where){ .key = hs_people_key(r->to), .value = &value, .values = 1 }, note_found, r);
}

static enum hs_target_result remake_page(struct rebuild *r)
{
	struct hs_target_position at;
	enum hs_target_result result = r->target->ops->begin(r->target, &at);

	if (result != HS_TARGET_OK)
		return result;
	for (size_t i = 0; i < r->ids && result == HS_TARGET_OK; i++) {
		r->found = false;
		if (r->orphans)
			result = has_rows(r, r->id[i]);
		if (result == HS_TARGET_OK && !r->found)
			result = hs_people_remake(r->people, r->to, hs_slice_str(r->id[i]));
	}
	if (result == HS_TARGET_OK)
		result = hs_catalogue_check(&r->catalogue, r->target, false);
	if (result == HS_TARGET_OK)
		result = r->target->ops->commit(r->target);
	if (result != HS_TARGET_OK)
		r->target->ops->rollback(r->target);
	return result;
}

/* Reads the catalogue, and makes what the table lacks; then it is to be read again. */
static enum hs_target_result look(struct rebuild *r)
{
	enum hs_target_result result = HS_TARGET_CATALOGUE;

	hs_people_forget(r->people);
	for (int try = 0; result == HS_TARGET_CATALOGUE && try < TRIES; try++) {
		result = hs_catalogue_read(&r->catalogue, r->target);
		if (result == HS_TARGET_OK && !hs_people_prepare_table(r->people, r->to))
			result = HS_TARGET_FULL;
		if (result == HS_TARGET_OK)
			result = hs_catalogue_apply(&r->catalogue, r->target);
	}
	return result;
}

/* Again while somebody else has a lock, or has changed tables. */
static enum hs_target_result remake_patiently(struct rebuild *r)
{
	enum hs_target_result result = remake_page(r);
	int64_t ms = WAIT_FIRST_MS;

	for (int try = 1; (result == HS_TARGET_AGAIN || result == HS_TARGET_CATALOGUE) && try < TRIES; try++) {
		if (result == HS_TARGET_CATALOGUE) {
			result = look(r);
		} else {
			hs_io_wait_readable(-1, ms);
			ms *= 2;
			result = HS_TARGET_OK;
		}
		if (result == HS_TARGET_OK)
			result = remake_page(r);
	}
	return result;
}

/* Those of this column, in its order, a page at a time. */
static enum hs_target_result walk(struct rebuild *r, enum hs_table_kind kind, const char *key)
{
	enum hs_target_result result = HS_TARGET_OK;
	size_t page = PAGE;

	while (result == HS_TARGET_OK && page == PAGE) {
		const struct hs_catalogue_table *t = table_of(r, kind); /* a page may have read the catalogue anew */
		size_t column = t == NULL ? 0 : column_of(t, key);

		if (t == NULL || column == t->table.columns)
			break;
		result =
		    r->target->ops->scan(r->target, &t->table, &column, 1,
		                         r->last == NULL ? HS_SLICE_NONE : hs_slice_str(r->last), PAGE, note_id, r);
		page = r->ids;
		if (result == HS_TARGET_OK && page > 0)
			result = remake_patiently(r);
		if (page > 0) {
			free(r->last);
			r->last = r->id[--r->ids];
		}
		r->made += r->orphans ? 0 : page;
		forget_page(r);
	}
	free(r->last);
	r->last = NULL;
	return result;
}

static enum hs_target_result work(struct rebuild *r)
{
	enum hs_target_result result = look(r);

	if (result == HS_TARGET_OK)
		result = walk(r, hs_people_source(r->to), hs_people_key(r->to));
	r->orphans = true;
	return result == HS_TARGET_OK ? walk(r, r->to, "id") : result;
}

static int connect_and_work(struct rebuild *r)
{
	enum hs_target_result result = r->target->ops->connect(r->target);

	if (result == HS_TARGET_OK) {
		result = work(r);
		r->target->ops->disconnect(r->target);
	}
	if (result == HS_TARGET_OK) {
		fprintf(stderr, "hookspool load: --rebuild: %" PRIu64 " rows of %s were made anew\n", r->made,
		        r->to == HS_TABLE_USERS ? "users" : "accounts");
		return 0;
	}
	hs_terminal_printf(stderr, "hookspool load: --rebuild: %s: %s\n", hs_target_meaning(result),
	                   r->target->message);
	return result == HS_TARGET_AWAY ? EX_UNAVAILABLE : result == HS_TARGET_DENIED ? EX_NOPERM : EX_IOERR;
}

int hs_rebuild(struct hs_target *target, const char *config, const struct hs_catalogue_options *options,
               const char *table)
{
	struct rebuild r = { .target = target,
		             .catalogue = { .options = options },
		             .to = strcmp(table, "users") == 0 ? HS_TABLE_USERS : HS_TABLE_ACCOUNTS };
	struct hs_event_source source;
	int code = hs_event_source_open(&source, "load", config, target->name, NULL);

	if (code != 0)
		return code;
	r.people = hs_people_new(&r.catalogue, target);
	code = r.people == NULL ? EX_OSERR : connect_and_work(&r);
	hs_people_free(r.people);
	hs_catalogue_free(&r.catalogue);
	forget_page(&r);
	return hs_event_source_close(&source, code);
}

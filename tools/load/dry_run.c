#include "tools/load/dry_run.h"
#include "tools/load/catalogue.h"
#include "tools/report/terminal.h"

#include <stdio.h>
#include <stdlib.h>

struct dry_run {
	struct hs_target target; /* first: both have one address */
	struct hs_target_ops ops;
	struct hs_target *behind;
	struct hs_target_position at; /* where the run believes to be … */
	bool begun;                   /* … once it has read the position */
};

static struct dry_run *of(struct hs_target *t)
{
	return (struct dry_run *)t;
}

static enum hs_target_result told(struct dry_run *d, enum hs_target_result result)
{
	snprintf(d->target.message, sizeof d->target.message, "%s", d->behind->message);
	snprintf(d->target.state, sizeof d->target.state, "%s", d->behind->state);
	return result;
}

/* --- what is read ------------------------------------------------------------------- */

static enum hs_target_result connect_to(struct hs_target *t)
{
	return told(of(t), of(t)->behind->ops->connect(of(t)->behind));
}

static void disconnect(struct hs_target *t)
{
	of(t)->behind->ops->disconnect(of(t)->behind);
}

static enum hs_target_result tables(struct hs_target *t,
                                    bool (*each)(void *context, const struct hs_target_table *table), void *context)
{
	return told(of(t), of(t)->behind->ops->tables(of(t)->behind, each, context));
}

static enum hs_target_result begin(struct hs_target *t, struct hs_target_position *at)
{
	struct dry_run *d = of(t);
	enum hs_target_result result = HS_TARGET_OK;

	if (!d->begun) {
		result = told(d, d->behind->ops->begin(d->behind, &d->at));
		if (result == HS_TARGET_OK)
			d->behind->ops->rollback(d->behind);
		d->begun = result == HS_TARGET_OK;
	}
	*at = d->at;
	return result;
}

/* --- what is printed ---------------------------------------------------------------- */

static void put_columns(const struct hs_target_column *column, size_t columns, const char *before)
{
	for (size_t i = 0; i < columns; i++)
		hs_terminal_printf(stdout, "%s%s\"%s\" %s", i > 0 ? ", " : "", before, column[i].name,
		                   hs_catalogue_type_word(column[i].type));
}

static enum hs_target_result make_table(struct hs_target *t, struct hs_target_table *table)
{
	(void)t;
	hs_terminal_printf(stdout, "CREATE TABLE \"%s\" (", table->name);
	put_columns(table->column, table->columns, "");
	puts(");");
	return HS_TARGET_OK;
}

static enum hs_target_result add_columns(struct hs_target *t, const char *table, struct hs_target_column *column,
                                         size_t columns)
{
	(void)t;
	hs_terminal_printf(stdout, "ALTER TABLE \"%s\" ", table);
	put_columns(column, columns, "ADD COLUMN ");
	puts(";");
	return HS_TARGET_OK;
}

static enum hs_target_result note_name(struct hs_target *t, const char *table, const char *name, struct hs_slice path)
{
	(void)t;
	hs_terminal_printf(stdout, "-- \"%s\".\"%s\" is %.*s\n", table, name, (int)path.n, path.p);
	return HS_TARGET_OK;
}

/* --- what is not written -------------------------------------------------------------- */

static enum hs_target_result take_rows(struct hs_target *t, const struct hs_target_rows *rows)
{
	t->inserted = rows->rows;
	return HS_TARGET_OK;
}

static enum hs_target_result select_none(struct hs_target *t, const struct hs_target_table *table, const size_t *column,
                                         size_t columns, const struct hs_target_where *where,
                                         bool (*each)(void *context, const struct hs_slice *value), void *context)
{
	(void)t, (void)table, (void)column, (void)columns, (void)where, (void)each, (void)context;
	return HS_TARGET_OK;
}

static enum hs_target_result erase(struct hs_target *t, const struct hs_target_table *table, const char *key,
                                   struct hs_slice value, const struct hs_target_limits *limits, uint64_t *gone)
{
	(void)t, (void)table, (void)key, (void)value, (void)limits, (void)gone;
	return HS_TARGET_OK;
}

static enum hs_target_result set_position(struct hs_target *t, const struct hs_target_position *at)
{
	of(t)->at = *at;
	return HS_TARGET_OK;
}

static enum hs_target_result commit(struct hs_target *t)
{
	(void)t;
	return HS_TARGET_OK;
}

static void rollback(struct hs_target *t)
{
	(void)t;
}

static void free_dry_run(struct hs_target *t)
{
	free(of(t));
}

struct hs_target *hs_dry_run_new(struct hs_target *behind)
{
	struct dry_run *d = calloc(1, sizeof *d);

	if (d == NULL)
		return NULL;
	behind->look_only = true;
	d->behind = behind;
	d->target = *behind;
	d->ops = (struct hs_target_ops){ .name = behind->ops->name,
		                         .numbers = behind->ops->numbers,
		                         .columns_max = behind->ops->columns_max,
		                         .reserved = behind->ops->reserved,
		                         .mend_id = { behind->ops->mend_id[0], behind->ops->mend_id[1],
		                                      behind->ops->mend_id[2] },
		                         .connect = connect_to,
		                         .disconnect = disconnect,
		                         .tables = tables,
		                         .make_table = make_table,
		                         .add_columns = add_columns,
		                         .note_name = note_name,
		                         .begin = begin,
		                         .insert = take_rows,
		                         .upsert = take_rows,
		                         .select = select_none,
		                         .erase = erase,
		                         .set_position = set_position,
		                         .commit = commit,
		                         .rollback = rollback,
		                         .free = free_dry_run };
	memcpy(d->ops.mend_id, behind->ops->mend_id, sizeof d->ops.mend_id);
	d->target.ops = &d->ops;
	return &d->target;
}

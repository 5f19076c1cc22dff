/*
 * target_mysql: MariaDB, by libmariadb. MySQL 8 takes the same statements, without arrays of rows.
 */
#include "tools/load/mysql_rows.h"
#include "tools/load/sql_text.h"

#include <mariadb/mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum hs_target_result note_name(struct hs_target *t, const char *table, const char *name, struct hs_slice path)
{
	struct hs_mysql *m = hs_mysql_of(t);

	hs_buf_reset(&m->sql);
	hs_buf_printf(&m->sql, "INSERT INTO `%shookspool_names` VALUES (", t->prefix);
	hs_mysql_put_text(m, hs_slice_str(table));
	hs_buf_put_slice(&m->sql, HS_SLICE(", "));
	hs_mysql_put_text(m, hs_slice_str(name));
	hs_buf_put_slice(&m->sql, HS_SLICE(", "));
	hs_mysql_put_text(m, path);
	hs_buf_put_slice(&m->sql, HS_SLICE(") ON DUPLICATE KEY UPDATE path = path"));
	return hs_mysql_run(m);
}

/* --- transactions -------------------------------------------------------------------------- */

static uint64_t number_of(struct hs_slice text, int base)
{
	return text.p == NULL ? 0 : strtoull(text.p, NULL, base);
}

static bool read_position(void *context, const struct hs_slice *value)
{
	struct hs_target_position *at = context;

	at->found = true;
	snprintf(at->spool, sizeof at->spool, "%.*s", (int)value[0].n, value[0].p);
	at->number = number_of(value[1], 10);
	at->offset = number_of(value[2], 10);
	at->edit = number_of(value[3], 10);
	at->before = number_of(value[4], 16);
	at->records = number_of(value[5], 10);
	at->rest = number_of(value[6], 10);
	at->gone = number_of(value[7], 10);
	at->damaged = number_of(value[8], 10);
	at->newest_ms = number_of(value[9], 10);
	return true;
}

static void rollback(struct hs_target *t)
{
	if (hs_mysql_of(t)->my != NULL)
		mysql_rollback(hs_mysql_of(t)->my);
}

static enum hs_target_result begin(struct hs_target *t, struct hs_target_position *at)
{
	struct hs_mysql *m = hs_mysql_of(t);
	enum hs_target_result result;

	*at = (struct hs_target_position){ .found = false };
	hs_mysql_say(m, "START TRANSACTION");
	result = hs_mysql_run(m);
	if (result != HS_TARGET_OK)
		return result;
	hs_buf_reset(&m->sql);
	hs_buf_printf(
	    &m->sql,
	    "SELECT spool, number, `offset`, edit, `before`, records, rest, %s FROM `%shookspool_load` WHERE name = ",
	    t->counts, t->prefix);
	hs_mysql_put_text(m, hs_slice_str(t->name));
	if (!t->look_only)
		hs_buf_put_slice(&m->sql, HS_SLICE(" FOR UPDATE"));
	result = hs_mysql_rows(m, read_position, at);
	m->begun = *at;
	if (result != HS_TARGET_OK)
		rollback(t);
	return result == HS_TARGET_CATALOGUE && t->look_only ? HS_TARGET_OK : result;
}

static enum hs_target_result commit(struct hs_target *t)
{
	hs_mysql_say(hs_mysql_of(t), "COMMIT");
	return hs_mysql_run(hs_mysql_of(t));
}

static enum hs_target_result set_position(struct hs_target *t, const struct hs_target_position *at)
{
	struct hs_mysql *m = hs_mysql_of(t);
	enum hs_target_result result;

	hs_mysql_say(m, m->begun.found ? "UPDATE " : "INSERT INTO ");
	hs_buf_printf(&m->sql,
	              "`%shookspool_load` SET spool = '%s', number = %llu, `offset` = %llu, edit = %llu, "
	              "`before` = '%016llx', records = %llu, rest = %llu, segments_gone = %llu, lines_damaged = %llu, "
	              "newest_ms = %llu, saved_at = UTC_TIMESTAMP(6)",
	              t->prefix, at->spool, (unsigned long long)at->number, (unsigned long long)at->offset,
	              (unsigned long long)at->edit, (unsigned long long)at->before, (unsigned long long)at->records,
	              (unsigned long long)at->rest, (unsigned long long)at->gone, (unsigned long long)at->damaged,
	              (unsigned long long)at->newest_ms);
	hs_buf_put_slice(&m->sql, m->begun.found ? HS_SLICE(" WHERE name = ") : HS_SLICE(", name = "));
	hs_mysql_put_text(m, hs_slice_str(t->name));
	if (m->begun.found)
		hs_buf_printf(&m->sql, " AND number = %llu AND `offset` = %llu AND edit = %llu",
		              (unsigned long long)m->begun.number, (unsigned long long)m->begun.offset,
		              (unsigned long long)m->begun.edit);
	result = hs_mysql_run(m);
	if (result == HS_TARGET_ROW || (result == HS_TARGET_OK && mysql_affected_rows(m->my) != 1)) {
		snprintf(t->message, sizeof t->message, "the position has moved");
		return HS_TARGET_AGAIN;
	}
	return result;
}

static bool note_other(void *context, const struct hs_slice *value)
{
	bool *alone = context;

	*alone = *alone && value[0].p == NULL;
	return true;
}

/* Not FOR UPDATE, which would wait for the others; it is the first read that sees a snapshot, which is of now. */
static enum hs_target_result is_alone(struct hs_target *t, bool *alone)
{
	struct hs_mysql *m = hs_mysql_of(t);

	*alone = true;
	hs_buf_reset(&m->sql);
	hs_buf_printf(&m->sql, "SELECT 1 FROM `%shookspool_load` WHERE name <> ", t->prefix);
	hs_mysql_put_text(m, hs_slice_str(t->name));
	hs_buf_put_slice(&m->sql, HS_SLICE(" LIMIT 1"));
	return hs_mysql_rows(m, note_other, alone);
}

/* --- the target ------------------------------------------------------------------------------------------ */

static void free_target(struct hs_target *t)
{
	struct hs_mysql *m = hs_mysql_of(t);

	hs_mysql_disconnect(t);
	hs_buf_free(&m->sql);
	free(m->longs);
	free(m->text);
	free(m);
	mysql_library_end();
}

static const struct hs_target_ops ops = {
	.name = "mysql",
	.numbers = HS_NUMBER_DOUBLE,
	.columns_max = 350, /* InnoDB ends at 372 of text */
	.mend_id = { "ALTER TABLE `",
	             "` MODIFY `id` VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL, "
	             "ADD UNIQUE KEY (`id`)" },
	.parse = hs_mysql_parse,
	.connect = hs_mysql_connect,
	.disconnect = hs_mysql_disconnect,
	.tables = hs_mysql_tables,
	.stamp = hs_mysql_stamp,
	.check_table = hs_mysql_check_table,
	.make_table = hs_mysql_make_table,
	.add_columns = hs_mysql_add_columns,
	.note_name = note_name,
	.begin = begin,
	.insert = hs_mysql_insert,
	.upsert = hs_mysql_upsert,
	.select = hs_mysql_select,
	.scan = hs_mysql_scan,
	.erase = hs_mysql_erase,
	.retype_begin = hs_mysql_retype_begin,
	.update = hs_mysql_update,
	.retype_end = hs_mysql_retype_end,
	.is_alone = is_alone,
	.set_position = set_position,
	.commit = commit,
	.rollback = rollback,
	.free = free_target,
};

struct hs_target *hs_target_mysql_new(void)
{
	struct hs_mysql *m = calloc(1, sizeof *m);

	if (m == NULL)
		return NULL;
	m->target.ops = &ops;
	return &m->target;
}

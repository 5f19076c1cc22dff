#include "tests/lib/memory_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct memory_target *of(struct hs_target *t)
{
	return (struct memory_target *)t;
}

/* --- rows ------------------------------------------------------------------------- */

/* By reallocarray, here and below, which wrap.h lets never fail: the memory is the server's. */
static void *zeros(size_t count, size_t n)
{
	return memset(reallocarray(NULL, count, n), 0, count * n);
}

static char *copy_of(struct hs_slice text)
{
	return text.p == NULL ? NULL : memcpy(zeros(text.n + 1, 1), text.p, text.n);
}

static char *copy_of_string(const char *text)
{
	return text == NULL ? NULL : copy_of(hs_slice_str(text));
}

static void free_row(struct memory_row *row)
{
	for (size_t i = 0; i < row->n; i++) {
		free(row->name[i]);
		free(row->value[i]);
	}
	free(row->name);
	free(row->value);
}

static void cut_rows(struct memory_state *s, size_t rows)
{
	while (s->rows > rows)
		free_row(&s->row[--s->rows]);
}

static struct memory_row *add_row(struct memory_state *s, const char *table, size_t n)
{
	s->row = reallocarray(s->row, s->rows + 1, sizeof *s->row);
	s->row[s->rows] = (struct memory_row){ table, zeros(n + 1, sizeof(char *)), zeros(n + 1, sizeof(char *)), n };
	return &s->row[s->rows++];
}

static void copy_state(struct memory_state *to, const struct memory_state *from)
{
	cut_rows(to, 0);
	for (size_t r = 0; r < from->rows; r++) {
		struct memory_row *row = add_row(to, from->row[r].table, from->row[r].n);

		for (size_t i = 0; i < row->n; i++) {
			row->name[i] = copy_of_string(from->row[r].name[i]);
			row->value[i] = copy_of_string(from->row[r].value[i]);
		}
	}
	to->at = from->at;
}

static const char *value_of(const struct memory_row *row, const char *column)
{
	for (size_t i = 0; i < row->n; i++)
		if (strcmp(row->name[i], column) == 0)
			return row->value[i];
	return NULL;
}

static struct memory_row *find_row(const struct memory_state *s, const char *table, const char *id)
{
	for (size_t r = 0; r < s->rows; r++)
		if (strcmp(s->row[r].table, table) == 0 && strcmp(value_of(&s->row[r], "id"), id) == 0)
			return &s->row[r];
	return NULL;
}

/* --- failures ----------------------------------------------------------------------- */

static bool fails(struct memory_target *m, enum memory_call call)
{
	return m->fail_in > 0 && m->fail == call && --m->fail_in == 0;
}

static enum hs_target_result failed(struct memory_target *m)
{
	snprintf(m->target.message, sizeof m->target.message, "made to fail");
	if (m->fail_with == HS_TARGET_AWAY)
		m->connected = m->in_transaction = false;
	return m->fail_with;
}

/* True if a call is to fail instead of being done. */
static bool fails_first(struct memory_target *m, enum memory_call call)
{
	return !m->fail_after && fails(m, call);
}

/* --- calls ---------------------------------------------------------------------------- */

static enum hs_target_result connect_to(struct hs_target *t)
{
	if (fails_first(of(t), MEMORY_CONNECT))
		return failed(of(t));
	of(t)->connected = true;
	return HS_TARGET_OK;
}

static void disconnect(struct hs_target *t)
{
	of(t)->connected = of(t)->in_transaction = false;
}

static enum hs_target_result tables(struct hs_target *t,
                                    bool (*each)(void *context, const struct hs_target_table *table), void *context)
{
	struct memory_target *m = of(t);

	for (size_t i = 0; i < m->tables; i++) {
		if (fails_first(m, MEMORY_TABLES))
			return failed(m);
		if (!each(context, &m->table[i]))
			return HS_TARGET_FULL;
	}
	return HS_TARGET_OK;
}

static enum hs_target_result stamp(struct hs_target *t, bool whole, uint64_t *stamp)
{
	(void)whole;
	if (fails_first(of(t), MEMORY_STAMP))
		return failed(of(t));
	*stamp = of(t)->changes;
	return HS_TARGET_OK;
}

static struct hs_target_table *find_table(const struct memory_target *m, const char *name)
{
	for (size_t i = 0; i < m->tables; i++)
		if (strcmp(m->table[i].name, name) == 0)
			return &m->table[i];
	return NULL;
}

static void put_column(struct hs_target_table *table, const struct hs_target_column *column)
{
	table->column = reallocarray(table->column, table->columns + 1, sizeof *table->column);
	table->column[table->columns] = *column;
	table->column[table->columns].path = NULL;
	table->column[table->columns++].name = copy_of_string(column->name);
}

void memory_target_make_table(struct memory_target *m, const char *table, const char *const *column)
{
	m->table = reallocarray(m->table, m->tables + 1, sizeof *m->table);
	m->table[m->tables] = (struct hs_target_table){ .name = copy_of_string(table), .unique_id = true };
	for (; *column != NULL; column++) {
		bool is_time = strcmp(*column, "uuid_ts") == 0;
		struct hs_target_column new = { .name = (char *)(uintptr_t)*column,
			                        .type = is_time ? HS_COLUMN_TIMESTAMP : HS_COLUMN_TEXT };

		put_column(&m->table[m->tables], &new);
	}
	m->tables++;
	m->changes++;
}

static enum hs_target_result add_columns(struct hs_target *t, const char *table, struct hs_target_column *column,
                                         size_t columns)
{
	if (fails_first(of(t), MEMORY_ADD_COLUMNS))
		return failed(of(t));
	for (size_t i = 0; i < columns; i++)
		put_column(find_table(of(t), table), &column[i]);
	return HS_TARGET_OK;
}

static enum hs_target_result make_table(struct hs_target *t, struct hs_target_table *table)
{
	struct memory_target *m = of(t);

	if (fails_first(m, MEMORY_MAKE_TABLE))
		return failed(m);
	m->table = reallocarray(m->table, m->tables + 1, sizeof *m->table);
	m->table[m->tables++] = (struct hs_target_table){ .name = copy_of_string(table->name), .unique_id = true };
	for (size_t i = 0; i < table->columns; i++)
		put_column(&m->table[m->tables - 1], &table->column[i]);
	return HS_TARGET_OK;
}

static enum hs_target_result note_name(struct hs_target *t, const char *table, const char *name, struct hs_slice path)
{
	(void)t, (void)table, (void)name, (void)path;
	return HS_TARGET_OK;
}

static enum hs_target_result begin(struct hs_target *t, struct hs_target_position *at)
{
	struct memory_target *m = of(t);

	if (fails_first(m, MEMORY_BEGIN))
		return failed(m);
	copy_state(&m->now, &m->committed);
	m->in_transaction = true;
	*at = m->now.at;
	return HS_TARGET_OK;
}

/* Judges a row as a database would. */
static enum hs_target_result judge(const struct memory_target *m, const struct hs_target_rows *rows, size_t row)
{
	const struct hs_slice *value = rows->value + row * rows->columns;
	size_t values = 0;

	for (size_t i = 0; i < rows->columns; i++) {
		values += value[i].p != NULL;
		if (m->refuse != NULL && value[i].p != NULL &&
		    memmem(value[i].p, value[i].n, m->refuse, strlen(m->refuse)) != NULL)
			return HS_TARGET_ROW;
	}
	return m->wide > 0 && values > m->wide ? HS_TARGET_WIDE : HS_TARGET_OK;
}

/* Overwrites the row by the values that are given. */
static void update_row(struct memory_row *row, const struct hs_target_rows *rows, const struct hs_slice *value)
{
	for (size_t i = 0; i < rows->columns; i++) {
		const char *name = rows->table->column[rows->column[i]].name;
		size_t at = 0;

		if (value[i].p == NULL && !rows->nulls)
			continue;
		while (at < row->n && strcmp(row->name[at], name) != 0)
			at++;
		if (at == row->n) {
			row->name = reallocarray(row->name, row->n + 1, sizeof *row->name);
			row->value = reallocarray(row->value, row->n + 1, sizeof *row->value);
			row->name[row->n] = copy_of_string(name);
			row->value[row->n++] = NULL;
		}
		free(row->value[at]);
		row->value[at] = copy_of(value[i]);
	}
}

/* Adds a row. One with its id that is there already stays as it is, or is overwritten; then it returns false. */
static bool put_row(struct memory_target *m, const struct hs_target_rows *rows, const struct hs_slice *value,
                    bool overwrite)
{
	const struct hs_target_table *table = find_table(m, rows->table->name);
	struct memory_row *row = add_row(&m->now, table->name, rows->columns);

	for (size_t i = 0; i < rows->columns; i++) {
		row->name[i] = copy_of_string(rows->table->column[rows->column[i]].name);
		row->value[i] = copy_of(value[i]);
	}
	for (size_t r = 0; r + 1 < m->now.rows; r++)
		if (strcmp(m->now.row[r].table, row->table) == 0 &&
		    strcmp(value_of(&m->now.row[r], "id"), value_of(row, "id")) == 0) {
			cut_rows(&m->now, m->now.rows - 1);
			if (overwrite)
				update_row(&m->now.row[r], rows, value);
			return false;
		}
	return true;
}

static bool has_columns(const struct memory_target *m, const struct hs_target_rows *rows)
{
	const struct hs_target_table *table = find_table(m, rows->table->name);

	for (size_t i = 0; i < rows->columns; i++) {
		bool found = false;

		for (size_t c = 0; table != NULL && c < table->columns; c++)
			found = found || strcmp(table->column[c].name, rows->table->column[rows->column[i]].name) == 0;
		if (!found)
			return false;
	}
	return true;
}

static enum hs_target_result put_rows(struct hs_target *t, const struct hs_target_rows *rows, bool overwrite)
{
	struct memory_target *m = of(t);
	size_t before = m->now.rows;

	if (!has_columns(m, rows))
		return HS_TARGET_CATALOGUE;
	for (size_t row = 0; row < rows->rows; row++) {
		enum hs_target_result result = judge(m, rows, row);

		if (result != HS_TARGET_OK) {
			snprintf(t->message, sizeof t->message, "row refused");
			cut_rows(&m->now, before);
			return result;
		}
		t->inserted += put_row(m, rows, rows->value + row * rows->columns, overwrite);
	}
	return HS_TARGET_OK;
}

/* A row with a value in pieces as one with its text, which the caller frees; other rows as they are. */
static struct hs_target_rows whole(const struct hs_target_rows *rows, struct hs_slice **value, struct hs_slice text)
{
	struct hs_target_rows made = *rows;

	if (rows->pieces == NULL)
		return made;
	*value = zeros(rows->columns, sizeof **value);
	for (size_t i = 0; i < rows->columns; i++)
		(*value)[i] = strcmp(rows->table->column[rows->column[i]].name, "_rest") == 0 ? text : rows->value[i];
	made.value = *value;
	made.pieces = NULL;
	return made;
}

static enum hs_target_result put_whole(struct hs_target *t, const struct hs_target_rows *given, bool overwrite)
{
	struct hs_buf text = { 0 };
	struct hs_slice *value = NULL;
	enum hs_target_result result = HS_TARGET_FULL;

	if (given->pieces == NULL || hs_pieces_put(given->pieces, &text)) {
		struct hs_target_rows rows = whole(given, &value, hs_buf_slice(&text));

		result = put_rows(t, &rows, overwrite);
	}
	hs_buf_free(&text);
	free(value);
	return result;
}

static enum hs_target_result insert(struct hs_target *t, const struct hs_target_rows *given)
{
	struct memory_target *m = of(t);

	if (fails_first(m, MEMORY_INSERT))
		return failed(m);
	m->inserts++;
	if (given->rows > m->most_rows)
		m->most_rows = given->rows;
	t->inserted = 0;
	return put_whole(t, given, false);
}

/* A refused row leaves none of those before it overwritten: all are judged first. */
static enum hs_target_result upsert(struct hs_target *t, const struct hs_target_rows *rows)
{
	struct memory_target *m = of(t);

	if (fails_first(m, MEMORY_UPSERT))
		return failed(m);
	for (size_t row = 0; row < rows->rows; row++)
		if (judge(m, rows, row) != HS_TARGET_OK)
			return judge(m, rows, row);
	return put_whole(t, rows, true);
}

static bool has(const struct memory_row *row, const char *key, struct hs_slice value)
{
	const char *text = value_of(row, key);

	return text != NULL && hs_slice_eq(hs_slice_str(text), value);
}

static bool has_any(const struct memory_row *row, const struct hs_target_where *where)
{
	for (size_t i = 0; i < where->values; i++)
		if (has(row, where->key, where->value[i]))
			return true;
	return false;
}

static enum hs_target_result select_rows(struct hs_target *t, const struct hs_target_table *table, const size_t *column,
                                         size_t columns, const struct hs_target_where *where,
                                         bool (*each)(void *context, const struct hs_slice *value), void *context)
{
	struct memory_target *m = of(t);
	struct hs_slice *found = zeros(columns + 1, sizeof *found);
	char(*length)[24] = zeros(columns + 1, sizeof *length);
	enum hs_target_result result = HS_TARGET_OK;

	if (fails_first(m, MEMORY_SELECT))
		result = failed(m);
	for (size_t r = 0; r < m->now.rows && result == HS_TARGET_OK; r++) {
		const struct memory_row *row = &m->now.row[r];

		if (strcmp(row->table, table->name) != 0 || !has_any(row, where))
			continue;
		m->read++;
		for (size_t i = 0; i < columns; i++) {
			const char *text = value_of(row, table->column[column[i]].name);

			found[i] = text == NULL ? HS_SLICE_NONE : hs_slice_str(text);
			if (text != NULL && hs_target_is_length(table, column[i], i, where->lengths_from)) {
				snprintf(length[i], sizeof length[i], "%zu", strlen(text));
				found[i] = hs_slice_str(length[i]);
			}
			m->bytes += found[i].n;
		}
		if (!each(context, found))
			result = HS_TARGET_FULL;
	}
	free(found);
	free(length);
	return result;
}

static enum hs_target_result erase(struct hs_target *t, const struct hs_target_table *table, const char *key,
                                   struct hs_slice value, const struct hs_target_limits *limits, uint64_t *gone)
{
	struct hs_slice until = limits->until;
	struct memory_target *m = of(t);
	size_t kept = 0;

	if (fails_first(m, MEMORY_ERASE))
		return failed(m);
	m->watched += m->watch != NULL && strcmp(table->name, m->watch) == 0;
	if (m->meanwhile != NULL) {
		void (*change)(struct memory_target * target) = m->meanwhile;

		m->meanwhile = NULL;
		change(m);
	}
	for (size_t r = 0; r < m->now.rows; r++) {
		struct memory_row row = m->now.row[r];
		const char *at = value_of(&row, "uuid_ts"), *user = value_of(&row, "user_id");
		bool late = until.p != NULL && at != NULL && strncmp(at, until.p, until.n) > 0;
		bool others = limits->without_user && user != NULL && user[0] != '\0';

		if (strcmp(row.table, table->name) != 0 || !has(&row, key, value) || late || others) {
			m->now.row[kept++] = row;
			continue;
		}
		free_row(&row);
		++*gone;
	}
	m->now.rows = kept;
	return HS_TARGET_OK;
}

static enum hs_target_result is_alone(struct hs_target *t, bool *alone)
{
	*alone = !of(t)->others;
	return HS_TARGET_OK;
}

static enum hs_target_result set_position(struct hs_target *t, const struct hs_target_position *at)
{
	if (fails_first(of(t), MEMORY_SET_POSITION))
		return failed(of(t));
	of(t)->now.at = *at;
	return HS_TARGET_OK;
}

static enum hs_target_result commit(struct hs_target *t)
{
	struct memory_target *m = of(t);
	bool lost;

	if (fails_first(m, MEMORY_COMMIT))
		return failed(m);
	lost = m->fail_after && fails(m, MEMORY_COMMIT);
	copy_state(&m->committed, &m->now);
	m->in_transaction = false;
	return lost ? failed(m) : HS_TARGET_OK;
}

static void rollback(struct hs_target *t)
{
	of(t)->in_transaction = false;
}

static void free_target(struct hs_target *t)
{
	memory_target_free(of(t));
}

/* --- the target --------------------------------------------------------------------------- */

static const struct hs_target_ops ops = {
	.name = "memory",
	.numbers = HS_NUMBER_SQLITE,
	.columns_max = 2000,
	.connect = connect_to,
	.disconnect = disconnect,
	.tables = tables,
	.stamp = stamp,
	.make_table = make_table,
	.add_columns = add_columns,
	.note_name = note_name,
	.begin = begin,
	.insert = insert,
	.upsert = upsert,
	.select = select_rows,
	.erase = erase,
	.is_alone = is_alone,
	.set_position = set_position,
	.commit = commit,
	.rollback = rollback,
	.free = free_target,
};

struct memory_target *memory_target_new(void)
{
	struct memory_target *m = zeros(1, sizeof *m);

	m->target = (struct hs_target){ .ops = &ops, .url = "memory:", .name = "load", .schema = "", .prefix = "" };
	return m;
}

static void free_table(struct hs_target_table *table)
{
	for (size_t i = 0; i < table->columns; i++)
		free(table->column[i].name);
	free(table->column);
	free(table->name);
}

void memory_target_clear(struct memory_target *m)
{
	cut_rows(&m->committed, 0);
}

void memory_target_free(struct memory_target *m)
{
	cut_rows(&m->now, 0);
	cut_rows(&m->committed, 0);
	free(m->now.row);
	free(m->committed.row);
	for (size_t i = 0; i < m->tables; i++)
		free_table(&m->table[i]);
	free(m->table);
	free(m);
}

size_t memory_target_rows(const struct memory_target *m, const char *table)
{
	size_t n = 0;

	for (size_t r = 0; r < m->committed.rows; r++)
		n += strcmp(m->committed.row[r].table, table) == 0;
	return n;
}

const char *memory_target_value(const struct memory_target *m, const char *table, const char *id, const char *column)
{
	const struct memory_row *row = find_row(&m->committed, table, id);

	return row == NULL ? NULL : value_of(row, column);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char *memory_target_dump(const struct memory_target *m)
{
	char **line = zeros(1, sizeof *line), *all;
	size_t lines = 0, n = 0;
	FILE *file;

	for (size_t r = 0; r < m->committed.rows; r++)
		for (size_t i = 0; i < m->committed.row[r].n; i++) {
			const struct memory_row *row = &m->committed.row[r];

			if (row->value[i] == NULL)
				continue;
			line = reallocarray(line, lines + 1, sizeof *line);
			if (asprintf(&line[lines++], "%s\t%s\t%s\t%s\n", row->table, value_of(row, "id"), row->name[i],
			             row->value[i]) < 0)
				abort();
		}
	if (lines > 1)
		qsort(line, lines, sizeof *line, by_text);
	file = open_memstream(&all, &n);
	for (size_t i = 0; i < lines; i++) {
		fputs(line[i], file);
		free(line[i]);
	}
	fclose(file);
	free(line);
	return all;
}

void memory_target_drop_column(struct memory_target *m, const char *table, const char *column)
{
	struct hs_target_table *t = find_table(m, table);

	for (size_t i = 0; i < t->columns; i++) {
		if (strcmp(t->column[i].name, column) != 0)
			continue;
		free(t->column[i].name);
		memmove(&t->column[i], &t->column[i + 1], (t->columns - i - 1) * sizeof *t->column);
		t->columns--;
		return;
	}
}

#include "tools/load/loader.h"
#include "base/digest.h"
#include "base/log.h"
#include "tools/load/batch.h"
#include "tools/load/limits.h"
#include "tools/load/position_state.h"
#include "tools/load/row_values.h"
#include "tools/report/terminal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum {
	CATALOGUE_TRIES = 20,   /* two loaders that make the same tables at once */
	INSERT_ROWS = 1000,     /* in one call of the target … */
	INSERT_BYTES = 2 << 20, /* … or about as many bytes of values */
};

struct hs_loader {
	const struct hs_loader_options *options;
	struct hs_target *target;
	struct hs_row_maker *maker;
	struct hs_catalogue catalogue;
	struct hs_batch batch;
	struct hs_row_values values;
	struct hs_people *people;
	struct hs_digest *digest;
	struct hs_target_position at;          /* where the batch begins */
	struct hs_loader_counts counts, tried; /* tried: of the transaction under way */
	bool connected, known; /* known: catalogue and batch are as the database was after the last connect or change */
	uint64_t gone;         /* segments that are missing before the next record */
	unsigned refused_in_a_row, refused_before; /* before: at the end of the last transaction */
};

struct hs_loader *hs_loader_new(const struct hs_loader_options *options, struct hs_target *target)
{
	struct hs_loader *l = calloc(1, sizeof *l);

	if (l == NULL)
		return NULL;
	l->options = options;
	l->target = target;
	l->catalogue.options = &options->catalogue;
	l->values.prefix = strlen(options->catalogue.prefix);
	l->maker = hs_row_maker_new(&options->rows);
	l->people = hs_people_new(&l->catalogue, target);
	l->digest = hs_digest_new();
	if (l->maker == NULL || l->people == NULL || l->digest == NULL || !hs_batch_init(&l->batch, HS_LOADER_BYTES)) {
		hs_loader_free(l);
		return NULL;
	}
	return l;
}

void hs_loader_free(struct hs_loader *l)
{
	if (l == NULL)
		return;
	hs_row_maker_free(l->maker);
	hs_people_free(l->people);
	hs_digest_free(l->digest);
	hs_row_values_free(&l->values);
	hs_batch_free(&l->batch);
	hs_catalogue_free(&l->catalogue);
	free(l);
}

struct hs_loader_counts hs_loader_counts(const struct hs_loader *l)
{
	return l->counts;
}

struct hs_misfits *hs_loader_misfits(struct hs_loader *l)
{
	return &l->values.misfits;
}

struct hs_slice hs_loader_last(const struct hs_loader *l)
{
	return l->batch.records == 0 ? HS_SLICE_NONE : l->batch.record[l->batch.records - 1].line;
}

struct hs_position hs_loader_position(const struct hs_loader *l)
{
	return (struct hs_position){ l->at.number, l->at.offset, l->at.edit, l->at.before };
}

bool hs_loader_must_flush(const struct hs_loader *l)
{
	return l->batch.is_lent;
}

size_t hs_loader_waiting(const struct hs_loader *l)
{
	return l->batch.records;
}

static struct hs_patience patience_of(const struct hs_loader *l)
{
	const struct hs_loader_options *o = l->options;

	return (struct hs_patience){
		.command = o->command, .once = o->once, .wait_ms = o->wait_ms, .stop = o->stop, .context = o->context
	};
}

/* --- connection ------------------------------------------------------------------------ */

static void disconnect(struct hs_loader *l)
{
	if (l->connected)
		l->target->ops->disconnect(l->target);
	l->connected = l->known = false;
}

static enum hs_target_result remake(struct hs_loader *l)
{
	enum hs_target_result result = hs_catalogue_read(&l->catalogue, l->target);

	if (result != HS_TARGET_OK)
		return result;
	return hs_batch_remake(&l->batch, l->maker, &l->catalogue) == HS_OK ? HS_TARGET_OK : HS_TARGET_FULL;
}

/* Connects, and reads the catalogue, unless that is done; what failed half-way is done again. */
static enum hs_target_result ensure_ready(struct hs_loader *l)
{
	enum hs_target_result result = HS_TARGET_OK;

	l->target->message[0] = '\0'; /* of an earlier try */
	if (!l->connected)
		result = l->target->ops->connect(l->target);
	if (result != HS_TARGET_OK)
		return result;
	l->connected = true;
	if (!l->known)
		result = remake(l);
	l->known = result == HS_TARGET_OK;
	return result;
}

static enum hs_target_result read_position(struct hs_loader *l, struct hs_target_position *at)
{
	enum hs_target_result result = ensure_ready(l);

	if (result == HS_TARGET_OK)
		result = l->target->ops->begin(l->target, at);
	if (result == HS_TARGET_OK)
		l->target->ops->rollback(l->target);
	else if (result == HS_TARGET_AWAY)
		disconnect(l);
	return result;
}

int hs_loader_open(struct hs_loader *l, struct hs_target_position *at)
{
	struct hs_patience patience = patience_of(l);
	enum hs_target_result result;
	int code;

	do {
		result = read_position(l, at);
		code = result == HS_TARGET_OK ? 0 : hs_patience_wait(&patience, l->target, result);
	} while (result != HS_TARGET_OK && code == 0);
	if (result == HS_TARGET_OK)
		hs_patience_end(&patience);
	if (result == HS_TARGET_OK && at->found && strcmp(at->spool, l->options->spool) != 0) {
		fprintf(stderr,
		        "hookspool %s: the position in the database is of another spool: choose another --name, or "
		        "remove the row from hookspool_load to begin anew\n",
		        l->options->command);
		return EX_DATAERR;
	}
	return result == HS_TARGET_OK ? 0 : code;
}

void hs_loader_begin_at(struct hs_loader *l, const struct hs_target_position *at)
{
	l->at = *at;
}

/* --- adding ------------------------------------------------------------------------------- */

void hs_loader_note_gone(struct hs_loader *l, uint64_t segments)
{
	l->gone += segments;
}

bool hs_loader_add(struct hs_loader *l, struct hs_slice line, struct hs_position after, int *code)
{
	struct hs_batch *batch = &l->batch;
	enum hs_result result;
	bool is_delete = hs_row_is_delete(line);

	*code = 0;
	/* a delete is a batch by itself, so that it finds what came before it and nothing that came after */
	if (batch->records > 0 &&
	    (batch->records >= l->options->batch || batch->erases || is_delete || !hs_batch_has_room(batch, line.n)))
		return false;
	if (!hs_batch_has_room(batch, line.n))
		result = HS_E_MEMORY;
	else
		result = hs_batch_add(batch, l->maker, &l->catalogue, line, after);
	if (result == HS_OK || result == HS_E_JSON_SYNTAX) { /* a damaged line has no rows */
		batch->damaged += result == HS_E_JSON_SYNTAX;
		batch->gone += l->gone;
		l->gone = 0;
		return true;
	}
	fprintf(stderr, "hookspool %s: %s\n", l->options->command, hs_result_info(result)->message);
	*code = EX_OSERR;
	return false;
}

/* --- rows -------------------------------------------------------------------------------------- */

static enum hs_target_result put_range(struct hs_loader *l, struct hs_catalogue_table *table, size_t *row, size_t n);

/* Notes why a row is refused, once for its record. False: out of memory. */
static bool refuse(struct hs_loader *l, struct hs_batch_row *row, const char *why)
{
	struct hs_batch_record *record = &l->batch.record[row->record];

	row->refused = true;
	l->tried.refused += record->why == NULL;
	record->why = record->why == NULL ? strdup(why) : record->why;
	l->target->message[0] = '\0'; /* what fails next, if not by the database, has another cause */
	return record->why != NULL;
}

/* A row by itself is refused: first without its own columns, then for good. */
static enum hs_target_result put_alone(struct hs_loader *l, struct hs_catalogue_table *table, size_t *row,
                                       enum hs_target_result why)
{
	struct hs_batch_row *r = &l->batch.row[*row];

	if (why == HS_TARGET_WIDE && !r->narrow) {
		r->narrow = true;
		return put_range(l, table, row, 1);
	}
	if (++l->refused_in_a_row > HS_LOADER_REFUSED)
		return HS_TARGET_ROW;
	return refuse(l, r, l->target->message) ? HS_TARGET_OK : HS_TARGET_FULL;
}

static bool refuse_rest(struct hs_loader *l, struct hs_batch_row *row)
{
	char why[256];

	snprintf(
	    why, sizeof why,
	    "the _rest of the row in %s, of what its columns do not take, is longer than %d bytes, the most that the "
	    "loader has memory for",
	    row->table->table.name, HS_REST_MAX);
	return refuse(l, row, why);
}

static enum hs_target_result put_halves(struct hs_loader *l, struct hs_catalogue_table *table, size_t *row, size_t n)
{
	enum hs_target_result result = put_range(l, table, row, n / 2);

	return result == HS_TARGET_OK ? put_range(l, table, row + n / 2, n - n / 2) : result;
}

/* Inserts the rows with these indexes, all of one table; finds one that is refused by halving. */
static enum hs_target_result put_range(struct hs_loader *l, struct hs_catalogue_table *table, size_t *row, size_t n)
{
	struct hs_target_rows rows;
	enum hs_target_result result;

	l->target->message[0] = '\0'; /* of more rows than these */
	if (!hs_row_values_make(&l->values, &l->batch, table, row, n, l->target->ops->numbers, &rows))
		return HS_TARGET_FULL;
	if (l->values.is_too_long && n == 1)
		return refuse_rest(l, &l->batch.row[*row]) ? HS_TARGET_OK : HS_TARGET_FULL;
	if (l->values.is_too_long)
		return put_halves(l, table, row, n);
	result = l->target->ops->insert(l->target, &rows);
	if (result == HS_TARGET_OK) {
		l->refused_in_a_row = 0;
		table->repeated = table->repeated || l->target->inserted != n;
		l->tried.rows += n;
		l->tried.rest += l->values.rest;
		hs_misfits_take(&l->values.misfits);
		return HS_TARGET_OK;
	}
	if (result != HS_TARGET_ROW && result != HS_TARGET_WIDE)
		return result;
	return n == 1 ? put_alone(l, table, row, result) : put_halves(l, table, row, n);
}

/* Drops the rows whose person has an id that is too long to look them up by. False: out of memory. */
static bool refuse_people(struct hs_loader *l, const struct hs_catalogue_table *table, size_t *row, size_t *rows)
{
	const char *key = hs_people_key_of(table->kind);
	char why[128];
	size_t n = 0;

	for (size_t i = 0; i < *rows && key != NULL; i++) {
		if (l->batch.record[l->batch.row[row[i]].record].line.n <= HS_PEOPLE_ID_MAX ||
		    !hs_people_is_too_long(l->people, &l->batch, &l->batch.row[row[i]], key)) {
			row[n++] = row[i];
			continue;
		}
		snprintf(why, sizeof why, "%s is longer than %d bytes, the most by which people are looked up", key,
		         HS_PEOPLE_ID_MAX);
		if (!refuse(l, &l->batch.row[row[i]], why))
			return false;
	}
	*rows = key != NULL ? n : *rows;
	return true;
}

/* The rows with these indexes, all of one table, in calls of a bounded size. */
static enum hs_target_result put_table(struct hs_loader *l, struct hs_catalogue_table *table, size_t *row, size_t rows)
{
	enum hs_target_result result = HS_TARGET_OK;
	size_t n = 0, bytes = 0;

	table->repeated = false;
	table->used = rows > 0;
	if (!refuse_people(l, table, row, &rows))
		return HS_TARGET_FULL;
	for (size_t i = 0; i < rows && result == HS_TARGET_OK; i++) {
		n++;
		bytes += l->batch.record[l->batch.row[row[i]].record].line.n;
		if (i + 1 < rows && n < INSERT_ROWS && bytes <= INSERT_BYTES)
			continue;
		result = put_range(l, table, row + i + 1 - n, n);
		n = bytes = 0;
	}
	return result;
}

/* Notes why records have no row that was wanted. False: out of memory. */
static bool refuse_unplaced(struct hs_loader *l)
{
	static const char why[] = "its event can have no table, since the name is taken or there are as many tables as "
				  "--max-tables says, and tracks, where it would be then, is left out";

	for (size_t i = 0; i < l->batch.records; i++) {
		if (!l->batch.record[i].is_unplaced)
			continue;
		l->batch.record[i].why = strdup(why);
		if (l->batch.record[i].why == NULL)
			return false;
		l->tried.refused++;
	}
	return true;
}

static enum hs_target_result put_rows(struct hs_loader *l)
{
	size_t *row = malloc((l->batch.rows + 1) * sizeof *row), *end = calloc(l->catalogue.tables + 1, sizeof *end);
	enum hs_target_result result = row == NULL || end == NULL ? HS_TARGET_FULL : HS_TARGET_OK;

	hs_batch_forget_refusals(&l->batch);
	hs_misfits_forget_taken(&l->values.misfits);
	l->refused_in_a_row = l->refused_before;
	if (result == HS_TARGET_OK && !refuse_unplaced(l))
		result = HS_TARGET_FULL;
	if (result == HS_TARGET_OK)
		hs_batch_group_rows(&l->batch, row, end, l->catalogue.tables);
	for (size_t i = 0, from = 0; result == HS_TARGET_OK && i < l->catalogue.tables; from = end[i++])
		result = put_table(l, l->catalogue.table[i], row + from, end[i] - from);
	hs_buf_shrink(&l->values.text, HS_ROW_VALUES_KEEP);
	free(row);
	free(end);
	return result;
}

/* --- a transaction -------------------------------------------------------------------------------- */

static struct hs_target_position end_of(const struct hs_loader *l)
{
	const struct hs_position *after = &l->batch.record[l->batch.records - 1].after;
	struct hs_target_position end = l->at;

	end.found = true;
	snprintf(end.spool, sizeof end.spool, "%s", l->options->spool);
	end.number = after->number;
	end.offset = after->offset;
	end.edit = after->edit;
	end.before = after->before;
	end.records += l->batch.records;
	end.rest += l->tried.rest;
	end.gone += l->batch.gone;
	end.damaged += l->batch.damaged;
	end.newest_ms = (uint64_t)l->batch.newest_ms > end.newest_ms ? (uint64_t)l->batch.newest_ms : end.newest_ms;
	return end;
}

/* Writes the dead letters: before the position, so that a kill between the two loses none. */
static enum hs_target_result tell_refused(struct hs_loader *l)
{
	for (size_t i = 0; i < l->batch.records && l->tried.refused > 0; i++) {
		struct hs_batch_record *record = &l->batch.record[i];
		enum hs_result told;

		if (record->why == NULL || record->told)
			continue;
		told = l->options->refused(l->options->context, record->line, record->after, record->why);
		record->told = told == HS_OK;
		if (record->told)
			continue;
		snprintf(l->target->message, sizeof l->target->message, "failed.jsonl: %s",
		         hs_result_info(told)->remedy);
		return HS_TARGET_UNTOLD;
	}
	return HS_TARGET_OK;
}

static enum hs_target_result put_batch(struct hs_loader *l)
{
	struct hs_target_position end;
	enum hs_target_result result;

	if (l->batch.erases && !l->options->ignore_deletes)
		result = hs_people_delete(l->people, &l->batch, (int64_t)l->at.newest_ms, &l->tried.erased);
	else
		result = put_rows(l);
	if (result == HS_TARGET_OK)
		result = hs_people_put(l->people, &l->batch);
	if (result == HS_TARGET_OK)
		result = hs_catalogue_check(&l->catalogue, l->target, l->batch.erases);
	if (result == HS_TARGET_OK)
		result = tell_refused(l);
	if (result != HS_TARGET_OK)
		return result;
	end = end_of(l);
	result = l->target->ops->set_position(l->target, &end);
	return result == HS_TARGET_OK ? l->target->ops->commit(l->target) : result;
}

static void tell_news(struct hs_loader *l)
{
	struct hs_buf *news = &l->catalogue.news;

	if (l->options->watch && news->n > 0 && hs_buf_ok(news))
		hs_terminal_printf(stderr, "hookspool %s: new: %.*s\n", l->options->command, (int)news->n, news->p);
	hs_buf_reset(news);
}

/* Connects and begins a transaction, after what tables and columns `batch` needs (NULL: an erase). */
static enum hs_target_result begin(struct hs_loader *l, const struct hs_batch *batch, struct hs_target_position *at)
{
	enum hs_target_result result = ensure_ready(l);

	if (result == HS_TARGET_OK && !hs_people_prepare(l->people, batch))
		result = HS_TARGET_FULL;
	if (result == HS_TARGET_OK)
		result = hs_catalogue_apply(&l->catalogue, l->target);
	tell_news(l);
	return result == HS_TARGET_OK ? l->target->ops->begin(l->target, at) : result;
}

/* Tries the batch once, if the position is as this loader left it. */
static enum hs_target_result try_batch(struct hs_loader *l, enum hs_position_state *state)
{
	struct hs_target_position at, end = end_of(l);
	enum hs_target_result result = begin(l, &l->batch, &at);

	if (result != HS_TARGET_OK)
		return result;
	if (at.found && hs_target_is_same_place(&at, &end)) {
		l->target->ops->rollback(l->target); /* an earlier try was committed, and its answer was lost */
		return HS_TARGET_OK;
	}
	l->tried = (struct hs_loader_counts){ .records = l->batch.records };
	*state = hs_position_state_of(&l->at, &at);
	result = *state == HS_POSITION_KEPT ? put_batch(l) : HS_TARGET_OK;
	if (result != HS_TARGET_OK || *state != HS_POSITION_KEPT)
		l->target->ops->rollback(l->target);
	return result;
}

static void done(struct hs_loader *l)
{
	if (l->batch.damaged > 0)
		fprintf(stderr,
		        "hookspool %s: damaged lines, which are no records, were passed over: %" PRIu64
		        "; \"hookspool verify\" tells where\n",
		        l->options->command, l->batch.damaged);
	l->at = end_of(l);
	l->refused_before = l->refused_in_a_row;
	l->counts.records += l->tried.records;
	l->counts.rows += l->tried.rows;
	l->counts.rest += l->tried.rest;
	l->counts.refused += l->tried.refused;
	l->counts.erased += l->tried.erased;
	l->counts.gone += l->batch.gone;
	l->counts.damaged += l->batch.damaged;
	l->counts.tables = l->catalogue.new_tables;
	l->counts.columns = l->catalogue.new_columns;
	hs_misfits_keep(&l->values.misfits);
	if (l->options->watch)
		hs_misfits_tell(&l->values.misfits, l->options->command, true);
	hs_batch_reset(&l->batch);
}

/* Waits after a failed try. 0: it is to be tried again; or the exit code, after a message. */
static int after_failure(struct hs_loader *l, enum hs_target_result result, struct hs_patience *patience)
{
	int code;

	hs_people_forget(l->people);
	if (l->refused_in_a_row > HS_LOADER_REFUSED) {
		hs_terminal_printf(stderr, "hookspool %s: %d rows were refused one after another, the last with: %s\n",
		                   l->options->command, HS_LOADER_REFUSED, l->target->message);
		return EXIT_FAILURE;
	}
	if (result == HS_TARGET_AWAY)
		disconnect(l);
	if (result == HS_TARGET_ROW || result == HS_TARGET_WIDE)
		result = HS_TARGET_BROKEN; /* a row of users or accounts, which has no record of its own */
	if (result == HS_TARGET_CATALOGUE) {
		l->known = false;
		if (patience->catalogue++ < CATALOGUE_TRIES)
			return 0;
		result = l->catalogue.is_old ? HS_TARGET_AGAIN : HS_TARGET_BROKEN;
	}
	code = hs_patience_wait(patience, l->target, result);
	if (result == HS_TARGET_DENIED || result == HS_TARGET_UNFIT)
		disconnect(l); /* to see with other eyes what a person has mended */
	return code;
}

int hs_loader_flush(struct hs_loader *l)
{
	struct hs_patience patience = patience_of(l);
	enum hs_position_state state = HS_POSITION_KEPT;
	int code = 0;

	l->tried = (struct hs_loader_counts){ .records = l->batch.records };
	if (!hs_batch_hash_last(&l->batch, l->digest))
		return EX_OSERR;
	while (l->batch.records > 0 && code == 0) {
		enum hs_target_result result = try_batch(l, &state);

		if (state != HS_POSITION_KEPT)
			return hs_position_state_tell(state, l->options->command);
		if (result == HS_TARGET_OK) {
			hs_patience_end(&patience);
			done(l);
		} else {
			code = after_failure(l, result, &patience);
		}
	}
	return code;
}

/* --- a person -------------------------------------------------------------------------------------- */

/* Tries it once: a transaction that leaves the position as it is. */
static enum hs_target_result try_erase(struct hs_loader *l, const struct hs_person *person,
                                       enum hs_position_state *state)
{
	struct hs_target_position at;
	uint64_t gone = 0;
	enum hs_target_result result = begin(l, NULL, &at);

	if (result != HS_TARGET_OK)
		return result;
	*state = hs_position_state_of(&l->at, &at);
	if (*state == HS_POSITION_KEPT)
		result = hs_people_erase(l->people, person, &gone);
	if (result == HS_TARGET_OK && *state == HS_POSITION_KEPT)
		result = hs_catalogue_check(&l->catalogue, l->target, true);
	if (result == HS_TARGET_OK && *state == HS_POSITION_KEPT)
		result = l->target->ops->commit(l->target);
	else
		l->target->ops->rollback(l->target);
	if (result == HS_TARGET_OK)
		l->counts.erased += gone;
	return result;
}

int hs_loader_erase(struct hs_loader *l, const struct hs_person *person)
{
	struct hs_patience patience = patience_of(l);
	enum hs_target_result result;
	enum hs_position_state state = HS_POSITION_KEPT;
	int code;

	do {
		result = try_erase(l, person, &state);
		if (state != HS_POSITION_KEPT)
			return hs_position_state_tell(state, l->options->command);
		code = result == HS_TARGET_OK ? 0 : after_failure(l, result, &patience);
	} while (result != HS_TARGET_OK && code == 0);
	if (result == HS_TARGET_OK)
		hs_patience_end(&patience);
	return code;
}

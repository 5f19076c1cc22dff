/*
 * rows: the rows that a record becomes in Segment's warehouse schema. Pure.
 * https://segment.com/docs/connections/storage/warehouses/schema/
 *
 *	track      tracks, and the table of its event      properties without their prefix
 *	identify   identifies (and users, by the loader)    traits without theirs
 *	page       pages                                    screen: screens
 *	group      groups (and accounts)                    alias: aliases
 *
 * A number that is the id of a person or a group is its value (event/id_text.h): 7.0 is 7.
 *
 * A property whose name is that of a common column gets a "_" before it, unless it has the same value: then it is
 * dropped. No other column begins with "_", so names never meet. What Segment leaves out (type,
 * channel, version, project_id, integrations_…, settings_…, other fields at the top) is left out.
 */
#ifndef HS_ROWS_H
#define HS_ROWS_H

#include "base/result.h"
#include "warehouse/column_names.h"
#include "warehouse/field_places.h"
#include "warehouse/row_choice.h"
#include "warehouse/tables.h"
#include "warehouse/value.h"

enum {
	HS_ROWS_MAX = 2,         /* of one record, without users and accounts */
	HS_ROW_ID_MAX = 200,     /* bytes of an id; PostgreSQL indexes no more than 2704 */
	HS_ROW_EVENT_MAX = 1024, /* bytes of the column `event`; that of a longer one is the name of its table */
};

/* A value and the column that it goes to. */
struct hs_cell {
	struct hs_slice column; /* its name */
	struct hs_slice path;   /* its whole name, if it was cut to fit; n == 0: it was not */
	struct hs_value value;
	bool rest;     /* it goes into _rest, whatever it is */
	bool left_out; /* the maker's: only --include wants it */
};

/* A row of a record with so many fields that their cells are not kept: hs_row_maker_walk makes them, one by one. */
struct hs_row_walk {
	struct hs_slice table;
	struct hs_slice own_table; /* the event's, if its properties are for the _rest of `tracks` */
	enum hs_family family;
	bool is_needed;
	bool has_own, own_is_rest; /* the properties or traits are cells of the row; for _rest */
};

/* The slices of a row are those of the line or of the maker, and valid until its next call. */
struct hs_row {
	enum hs_table_kind kind;
	struct hs_slice table;   /* without a prefix */
	struct hs_cell *cell;    /* `cells` of them: id, received_at, uuid_ts and timestamp first; no null */
	size_t cells, from;      /* from: the maker's */
	struct hs_row_walk walk; /* the cells after those, if it is needed */
};

struct hs_rows {
	struct hs_row row[HS_ROWS_MAX];
	size_t count;         /* 0: a delete, or of a type without a table */
	struct hs_slice type; /* of the record */
};

struct hs_row_maker;

/* The options must outlive the maker. NULL: out of memory. */
struct hs_row_maker *hs_row_maker_new(const struct hs_row_options *options);
void hs_row_maker_free(struct hs_row_maker *maker); /* NULL is fine */

/* True if the record is a delete. */
bool hs_row_is_delete(struct hs_slice line);

/* HS_OK; HS_E_MEMORY; HS_E_JSON_SYNTAX: the line is not a record. */
enum hs_result hs_row_maker_make(struct hs_row_maker *maker, struct hs_slice line, struct hs_rows *rows);

/*
 * For a track whose table is not to be had: the row in `tracks` alone, with the properties for its _rest.
 * Call it after hs_row_maker_make. HS_OK or HS_E_MEMORY.
 */
enum hs_result hs_row_maker_without_event(struct hs_row_maker *maker, struct hs_rows *rows);

/*
 * Calls take() with each cell of a row's walk; a cell is valid during the call, but for what is of the line. HS_OK;
 * HS_E_MEMORY: or take() was false.
 */
enum hs_result hs_row_maker_walk(struct hs_row_maker *maker, struct hs_slice line, const struct hs_row_walk *walk,
                                 bool (*take)(void *context, const struct hs_cell *cell), void *context);

/* Frees the cells of a record with very many fields. The slices in them stay valid until the next record. */
void hs_row_maker_shrink(struct hs_row_maker *maker);

#endif

#include "tools/load/misfits.h"
#include "base/hash.h"
#include "tools/report/terminal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hs_misfits_free(struct hs_misfits *m)
{
	while (m->n > 0)
		free(m->at[--m->n].column);
}

/* The type that takes what the column does not; `required`: the only one that --retype gives to it. */
static enum hs_column_type taking(const struct hs_target_column *column, enum hs_column_type required,
                                  const struct hs_value *value, enum hs_number_range numbers)
{
	struct hs_buf text = { 0 };
	struct hs_slice taken;
	enum hs_column_type type = HS_COLUMN_NONE;

	if (column->type == HS_COLUMN_FOREIGN)
		return type;
	if (column->type == HS_COLUMN_NUMBER && hs_value_text(value, HS_COLUMN_NUMBER, numbers, &text, &taken))
		type = HS_COLUMN_NUMBER; /* the column is an integer of somebody else's, say */
	else if ((column->type != HS_COLUMN_TEXT || column->max > 0) &&
	         hs_value_text(value, HS_COLUMN_TEXT, HS_NUMBER_EXACT, &text, &taken))
		type = HS_COLUMN_TEXT;
	hs_buf_free(&text);
	return required == HS_COLUMN_NONE || required == type ? type : HS_COLUMN_NONE;
}

static struct hs_misfit *find(struct hs_misfits *m, uint64_t hash, const char *name, const char *column)
{
	struct hs_misfit *new = &m->at[m->n];

	for (size_t i = 0; i < m->n; i++)
		if (m->at[i].hash == hash)
			return &m->at[i];
	if (m->n == HS_MISFITS_MAX)
		return NULL;
	*new = (struct hs_misfit){ .hash = hash };
	if (asprintf(&new->column, "%s.%s", name, column) < 0)
		return NULL;
	m->n++;
	return new;
}

void hs_misfits_note(struct hs_misfits *m, const char *name, const struct hs_target_column *column,
                     enum hs_column_type required, const struct hs_value *value, enum hs_number_range numbers)
{
	enum hs_column_type sent = hs_value_type(value);
	uint64_t hash = hs_hash(name, strlen(name), (uint64_t)sent);
	struct hs_misfit *misfit = find(m, hs_hash(column->name, strlen(column->name), hash), name, column->name);

	if (misfit == NULL) {
		m->more = true;
		return;
	}
	misfit->noted++;
	misfit->sent = sent;
	if (misfit->takes != HS_COLUMN_TEXT)
		misfit->takes = taking(column, required, value, numbers);
}

/* --- steps ------------------------------------------------------------------------ */

void hs_misfits_forget_noted(struct hs_misfits *m)
{
	for (size_t i = 0; i < m->n; i++)
		m->at[i].noted = 0;
}

void hs_misfits_take(struct hs_misfits *m)
{
	for (size_t i = 0; i < m->n; i++)
		m->at[i].taken += m->at[i].noted;
	hs_misfits_forget_noted(m);
}

void hs_misfits_forget_taken(struct hs_misfits *m)
{
	for (size_t i = 0; i < m->n; i++)
		m->at[i].taken = 0;
}

void hs_misfits_keep(struct hs_misfits *m)
{
	for (size_t i = 0; i < m->n; i++)
		m->at[i].kept += m->at[i].taken;
	hs_misfits_forget_taken(m);
}

/* --- messages --------------------------------------------------------------------- */

void hs_misfits_put(const struct hs_misfits *m, struct hs_buf *out)
{
	const char *before = " (";

	for (size_t i = 0; i < m->n; i++) {
		if (m->at[i].kept == 0)
			continue;
		hs_buf_printf(out, "%s%s: %" PRIu64 " %s", before, m->at[i].column, m->at[i].kept,
		              hs_catalogue_type_word(m->at[i].sent));
		before = ", ";
	}
	if (before[0] == ',')
		hs_buf_put_slice(out, m->more ? HS_SLICE(" and others)") : HS_SLICE(")"));
}

void hs_misfits_tell(struct hs_misfits *m, const char *command, bool new_only)
{
	for (size_t i = 0; i < m->n; i++) {
		struct hs_misfit *misfit = &m->at[i];

		if (misfit->kept == 0 || (new_only && misfit->told))
			continue;
		misfit->told = true;
		if (misfit->takes != HS_COLUMN_NONE)
			hs_terminal_printf(
			    stderr, "hookspool %s: %s: values of the type %s are in _rest; --retype %s=%s takes them\n",
			    command, misfit->column, hs_catalogue_type_word(misfit->sent), misfit->column,
			    hs_catalogue_type_word(misfit->takes));
		else if (new_only)
			hs_terminal_printf(
			    stderr, "hookspool %s: %s: values of the type %s are in _rest, which no column takes\n",
			    command, misfit->column, hs_catalogue_type_word(misfit->sent));
	}
}

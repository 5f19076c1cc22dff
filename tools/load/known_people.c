#include "tools/load/known_people.h"

#include <stdlib.h>
#include <string.h>

static void forget(struct hs_known_person *p)
{
	for (size_t i = 0; i < p->columns; i++)
		hs_row_key_drop(p->key[i]);
	free(p->key);
	free(p->id);
	free(p->as_of);
	*p = (struct hs_known_person){ .from = NULL };
}

void hs_known_people_forget(struct hs_known_people *known)
{
	for (size_t i = 0; i < HS_KNOWN_PEOPLE; i++)
		forget(&known->person[i]);
}

static struct hs_known_person *find(struct hs_known_people *known, const struct hs_catalogue_table *from,
                                    struct hs_slice id)
{
	for (size_t i = 0; i < HS_KNOWN_PEOPLE; i++)
		if (known->person[i].from == from && hs_slice_eq(hs_slice_str(known->person[i].id), id))
			return &known->person[i];
	return NULL;
}

void hs_known_people_drop(struct hs_known_people *known, const struct hs_catalogue_table *from, struct hs_slice id)
{
	struct hs_known_person *p = find(known, from, id);

	if (p != NULL)
		forget(p);
}

struct hs_known_person *hs_known_people_find(struct hs_known_people *known, const struct hs_catalogue_table *from,
                                             struct hs_slice id, const char *as_of)
{
	struct hs_known_person *p = find(known, from, id);

	if (p == NULL || strcmp(p->as_of, as_of) == 0)
		return p;
	forget(p);
	return NULL;
}

/* Makes room for the keys of this column. */
static bool make_room(struct hs_known_person *p, size_t column)
{
	size_t columns = p->columns;
	struct hs_row_key **key;

	if (column < columns)
		return true;
	key = realloc(p->key, (column + 1) * sizeof *key);
	if (key == NULL)
		return false;
	while (columns <= column)
		key[columns++] = NULL;
	p->key = key;
	p->columns = columns;
	return true;
}

bool hs_known_person_update(struct hs_known_person *p, const struct hs_fold *fold)
{
	for (size_t i = 0; i < hs_fold_column_count(fold); i++) {
		struct hs_row_key *key = hs_fold_key(fold, i);
		size_t column = hs_fold_columns(fold)[i];

		if (key == NULL)
			continue;
		if (!make_room(p, column))
			return false;
		hs_row_key_drop(p->key[column]);
		p->key[column] = hs_row_key_hold(key);
	}
	if (p->as_of == NULL || strcmp(p->as_of, hs_fold_last_key(fold)) < 0) {
		free(p->as_of);
		p->as_of = strdup(hs_fold_last_key(fold));
	}
	return p->as_of != NULL;
}

void hs_known_people_note(struct hs_known_people *known, const struct hs_catalogue_table *from, struct hs_slice id,
                          const struct hs_fold *fold)
{
	struct hs_known_person *p;

	hs_known_people_drop(known, from, id);
	if (hs_fold_rows(fold) < HS_KNOWN_ROWS || hs_fold_has_rest(fold) || !hs_fold_is_plain(fold))
		return;
	p = &known->person[known->next++ % HS_KNOWN_PEOPLE];
	forget(p);
	p->id = strndup(id.p, id.n);
	if (p->id != NULL && hs_known_person_update(p, fold))
		p->from = from;
	else
		forget(p);
}

void hs_known_person_thin(const struct hs_known_person *p, struct hs_fold *fold)
{
	for (size_t i = 0; i < hs_fold_column_count(fold); i++) {
		const struct hs_row_key *key = hs_fold_key(fold, i);
		size_t column = hs_fold_columns(fold)[i];

		if (key != NULL && column < p->columns && p->key[column] != NULL &&
		    strcmp(key->text, p->key[column]->text) < 0)
			hs_fold_drop(fold, i);
	}
}

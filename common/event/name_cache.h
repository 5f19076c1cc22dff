/*
 * name_cache: the ways from keys to flattened names, remembered from record to record.
 *
 * A customer's events have the same few hundred keys for years. So each way down, from a
 * path by a key, is gone once and is a step from then on; and a step that led to a value
 * has its label ready to be copied. That a name stands in a record at most once is a mark
 * on the name.
 */
#ifndef HS_NAME_CACHE_H
#define HS_NAME_CACHE_H

#include "base/buf.h"
#include "base/result.h"

enum hs_names { HS_NAMES_WAREHOUSE, HS_NAMES_VERBATIM };

enum {
	HS_NAME_MAX = 4096, /* bytes of one flattened name */
	HS_PATH_TOP = 0,    /* the step that every path begins with */
	HS_LABEL_SLACK = 32,
};

/* One thread's. Bounded: hs_name_cache_next forgets everything when it is too much. */
struct hs_name_cache {
	enum hs_names names; /* how the remembered ones were made */
	struct hs_buf text;  /* keys, names and labels, one behind the other */
	struct hs_buf path;  /* a name while it is made */
	struct hs_step { /* the first is none, but knows which one is asked for first */
		uint32_t parent, hash; /* a step; the decoded key's hash */
		uint32_t at, n;        /* the decoded key, in `text` */
		uint32_t path_n;       /* bytes of the name it leads to */
		uint32_t name;         /* index + 1; 0: no value has stood here */
		uint32_t next;         /* the step that was asked for after this one */
		uint32_t unused;       /* makes the size a power of two: an index is a shift */
	} *step;
	struct hs_name {
		uint32_t at, n;   /* the name, in `text` */
		uint32_t label;   /* there, as it goes into a record: ,"name": … */
		uint32_t label_n; /* … and HS_LABEL_SLACK bytes that may be read */
		uint32_t hash;
		uint32_t era;     /* the record it was last used in */
		uint32_t suffix;  /* there: the next _N to try, or 0 */
		bool reserved;    /* taken in every record */
	} *name;
	uint32_t *step_slot; /* index; 0: empty; twice as many as entries */
	uint32_t *name_slot; /* index + 1 */
	uint32_t steps, step_cap, names_n, name_cap;
	uint32_t era;
	uint32_t last;  /* the step that was asked for last in this record; or 0 */
	uint32_t guess; /* the one that is expected now: what followed it before */
};

/* A zeroed struct is ready. */
void hs_name_cache_free(struct hs_name_cache *p);

/* Returns memory above a working size; for use between requests. */
void hs_name_cache_shrink(struct hs_name_cache *p);

/* A new record begins: every name is free again but the reserved ones. False: out of memory. */
bool hs_name_cache_next(struct hs_name_cache *p, enum hs_names names);

/*
 * The step from `parent` by a key, its decoded bytes. Valid until hs_name_cache_next. HS_OK,
 * HS_E_NAME_LONG, HS_E_RECORD_LARGE or HS_E_MEMORY.
 */
static inline enum hs_result hs_name_cache_step(struct hs_name_cache *p, uint32_t parent, struct hs_slice key,
					   uint32_t *step);

/*
 * Takes the name of a step for a value: as it is or, if this record has it already, with
 * the next free _2, _3, … behind it. *label is ,"name": as JSON, valid until the next
 * call; HS_LABEL_SLACK bytes behind it may be read. HS_OK, HS_E_RECORD_LARGE or HS_E_MEMORY.
 */
static inline enum hs_result hs_name_cache_claim(struct hs_name_cache *p, uint32_t step,
					    struct hs_slice *label);

/* The same, whatever was guessed, and whether or not the name is made and free. */
enum hs_result hs_name_cache_find_step(struct hs_name_cache *p, uint32_t parent, struct hs_slice key,
				  uint32_t *step);
enum hs_result hs_name_cache_make_claim(struct hs_name_cache *p, uint32_t step, struct hs_slice *label);

static inline enum hs_result hs_name_cache_step(struct hs_name_cache *p, uint32_t parent, struct hs_slice key,
					   uint32_t *step)
{
	const struct hs_step *s = &p->step[p->guess];

	if (HS_MOSTLY(s->parent == parent && hs_slice_eq(hs_slice(p->text.p + s->at, s->n), key))) {
		*step = p->last = p->guess;
		p->guess = s->next;
		return HS_OK;
	}
	return hs_name_cache_find_step(p, parent, key, step);
}

static inline enum hs_result hs_name_cache_claim(struct hs_name_cache *p, uint32_t step,
					    struct hs_slice *label)
{
	uint32_t index = p->step[step].name;

	if (HS_MOSTLY(index != 0)) {
		struct hs_name *name = &p->name[index - 1];

		if (HS_MOSTLY(name->era != p->era && !name->reserved)) {
			name->era = p->era;
			name->suffix = 0;
			*label = hs_slice(p->text.p + name->label, name->label_n);
			return HS_OK;
		}
	}
	return hs_name_cache_make_claim(p, step, label);
}

#endif

/*
 * name_cache: flattened names by path, kept from record to record.
 *
 * A customer's events have the same few hundred keys for years. The cache is a tree of steps: a
 * step is a path plus one key. A step that has led to a value has its label ready to copy. Each
 * name is marked with the record that used it last, so that no record uses a name twice.
 *
 * Most claims need a look at nothing else: the name is free, and the rules say nothing about it. The
 * latter is remembered beside the name, so that rules cost nothing there:
 *
 *	if (hs_name_cache_claim_quickly(cache, step, &label))
 *		… the value goes after the label …
 *	else if (hs_name_cache_claim(cache, step, &name) == HS_OK && … the rules say nothing about the name …)
 *		hs_name_cache_pass(cache, name);
 */
#ifndef HS_NAME_CACHE_H
#define HS_NAME_CACHE_H

#include "base/buf.h"
#include "base/result.h"

enum hs_names { HS_NAMES_WAREHOUSE, HS_NAMES_VERBATIM };

enum {
	HS_NAME_MAX = 4096, /* bytes of one flattened name */
	HS_PATH_TOP = 0,    /* the root step */
	HS_LABEL_SLACK = 32,
};

/* In the place of the rules that pass a name: hookspool uses it itself, so it is taken in every record. */
#define HS_NAME_RESERVED UINT64_MAX

/* Used by one thread. Bounded: hs_name_cache_next drops everything above a limit. */
struct hs_name_cache {
	enum hs_names names;           /* the style of the cached names */
	struct hs_buf text;            /* keys, names and labels, concatenated */
	struct hs_buf path;            /* scratch for a new name */
	struct hs_step {               /* step[0] is the root; its `next` predicts the first step of a record */
		uint32_t parent, hash; /* parent step; hash of the decoded key */
		uint32_t at, n;        /* the decoded key, in `text` */
		uint32_t path_n;       /* length of the name of this path */
		uint32_t name;         /* index + 1; 0: no value has had this path */
		uint32_t next;         /* the step requested after this one last time */
		uint32_t unused;       /* pads the size to a power of two, so that indexing is a shift */
	} * step;
	struct hs_name {
		uint32_t at;        /* the name, in `text` */
		uint32_t label;     /* in `text`, as a record has it: ,"name": and HS_LABEL_SLACK readable bytes */
		uint16_t n;         /* length of the name … */
		uint16_t label_n;   /* … and of the label */
		uint32_t hash;      /* of the name */
		uint32_t era;       /* number of the record that used it last */
		uint32_t suffix;    /* next _N to try in that record, or 0 */
		uint64_t passed_by; /* the rules that say nothing about it, as `rules` below; or HS_NAME_RESERVED */
	} * name;
	uint32_t *step_slot; /* index; 0: empty; twice as many as entries */
	uint32_t *name_slot; /* index + 1 */
	uint32_t steps, step_cap, names_n, name_cap;
	uint64_t rules; /* number of the rules of this record, which never means others; 0: none. Set by the caller */
	uint32_t era;
	uint32_t forgotten; /* how often all names were dropped: their indexes are reused then */
	uint32_t last;      /* last step requested in this record, or 0 */
	uint32_t guess;     /* predicted next step */
};

/* A zeroed struct is ready. */
void hs_name_cache_free(struct hs_name_cache *cache);

/* Frees memory above a working size; call it between requests. */
void hs_name_cache_shrink(struct hs_name_cache *cache);

/* Begins a record: frees all names but the reserved. False: out of memory. */
bool hs_name_cache_next(struct hs_name_cache *cache, enum hs_names names);

/*
 * The step from `parent` along a decoded key. Valid until hs_name_cache_next. HS_OK,
 * HS_E_NAME_LONG, HS_E_RECORD_LARGE or HS_E_MEMORY.
 */
static inline enum hs_result hs_name_cache_step(struct hs_name_cache *cache, uint32_t parent, struct hs_slice key,
                                                uint32_t *step);

/*
 * True if the name of a step is known and free, and the rules have passed it: then claims it. *label is as
 * of hs_name_cache_label. False: nothing has changed.
 */
static inline bool hs_name_cache_claim_quickly(struct hs_name_cache *cache, uint32_t step, struct hs_slice *label);

/*
 * Claims the name of a step for a value; if the record has that name already, appends the next
 * free _2, _3, …. *name is the index of what was claimed, below names_n, and valid until
 * hs_name_cache_next. HS_OK, HS_E_RECORD_LARGE or HS_E_MEMORY.
 */
static inline enum hs_result hs_name_cache_claim(struct hs_name_cache *cache, uint32_t step, uint32_t *name);

/* The rules of this record say nothing about a name: lets it be claimed quickly from now on. */
static inline void hs_name_cache_pass(struct hs_name_cache *cache, uint32_t name)
{
	if (cache->name[name].passed_by != HS_NAME_RESERVED)
		cache->name[name].passed_by = cache->rules;
}

/* True if the record has the name of a step already. HS_OK, HS_E_RECORD_LARGE or HS_E_MEMORY. */
enum hs_result hs_name_cache_is_taken(struct hs_name_cache *cache, uint32_t step, bool *taken);

/* Index of the name of a step that was claimed or asked for; below names_n. Valid until hs_name_cache_next. */
static inline uint32_t hs_name_cache_name_of(const struct hs_name_cache *cache, uint32_t step)
{
	return cache->step[step].name - 1;
}

static inline struct hs_slice hs_name_cache_text_of(const struct hs_name_cache *cache, uint32_t name)
{
	return hs_slice(cache->text.p + cache->name[name].at, cache->name[name].n);
}

/* ,"name": in JSON, valid until the next call and followed by HS_LABEL_SLACK readable bytes. */
static inline struct hs_slice hs_name_cache_label(const struct hs_name_cache *cache, uint32_t name)
{
	return hs_slice(cache->text.p + cache->name[name].label, cache->name[name].label_n);
}

/* The slow paths of two, for a wrong prediction and for a name that is new or taken. */
enum hs_result hs_name_cache_find_step(struct hs_name_cache *cache, uint32_t parent, struct hs_slice key,
                                       uint32_t *step);
enum hs_result hs_name_cache_make_claim(struct hs_name_cache *cache, uint32_t step, uint32_t *name);

static inline enum hs_result hs_name_cache_step(struct hs_name_cache *cache, uint32_t parent, struct hs_slice key,
                                                uint32_t *step)
{
	const struct hs_step *s = &cache->step[cache->guess];

	if (HS_MOSTLY(s->parent == parent && hs_slice_eq(hs_slice(cache->text.p + s->at, s->n), key))) {
		*step = cache->last = cache->guess;
		cache->guess = s->next;
		return HS_OK;
	}
	return hs_name_cache_find_step(cache, parent, key, step);
}

static inline bool hs_name_cache_claim_quickly(struct hs_name_cache *cache, uint32_t step, struct hs_slice *label)
{
	uint32_t index = cache->step[step].name;
	struct hs_name *name;

	if (!HS_MOSTLY(index != 0))
		return false;
	name = &cache->name[index - 1];
	if (!HS_MOSTLY(name->era != cache->era && name->passed_by == cache->rules))
		return false;
	name->era = cache->era;
	name->suffix = 0;
	*label = hs_name_cache_label(cache, index - 1);
	return true;
}

static inline enum hs_result hs_name_cache_claim(struct hs_name_cache *cache, uint32_t step, uint32_t *name)
{
	uint32_t index = cache->step[step].name;

	if (index == 0 || cache->name[index - 1].era == cache->era ||
	    cache->name[index - 1].passed_by == HS_NAME_RESERVED)
		return hs_name_cache_make_claim(cache, step, name);
	cache->name[index - 1].era = cache->era;
	cache->name[index - 1].suffix = 0;
	*name = index - 1;
	return HS_OK;
}

#endif

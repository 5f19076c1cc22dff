/*
 * metrics_private: the layout of the file, for metrics.c, which counts, and metrics_figures.c, which reads.
 * Include metrics.h before it.
 */
#ifndef HS_METRICS_PRIVATE_H
#define HS_METRICS_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#define HS_METRICS_FILE "metrics" /* in .hookspool/run */

enum {
	TAG_SHIFT = 48, /* see struct minute */
	KIND_BITS = 2,  /* see struct credential */
	NAME_BITS = 30, /* see hs_metrics_pack_reason */
};
static_assert(HS_CREDENTIALS <= 1 << KIND_BITS, "a kind fits its bits");

struct head {
	_Atomic uint64_t magic; /* never 0: a mapping that was cut reads as zeros */
	uint64_t version;
	uint64_t bytes; /* of the file, as the largest build made it; a shorter file was cut */
	uint64_t inode; /* a copy is not this file */
	int64_t since_ms;
	char boot_id[40]; /* "" if it could not be read */
};

/*
 * Each word carries its minute: the upper 16 bits are the minute modulo 65,536, the rest is the
 * figure. Together with the place in the ring they name one minute in 5.6 years, so a word that
 * was left over from another turn of the ring is recognized without being cleared. The first to
 * add in a minute replaces the word by one compare-and-swap; a kill leaves nothing half done.
 */
struct minute {
	_Atomic uint64_t accepted, duplicate, rejected, bytes;
};

struct credential {
	_Atomic uint64_t id;                   /* hash of kind and name; 0: free. Never changes after that */
	_Atomic uint64_t used;                 /* seconds since 1970, shifted left, and the kind; 0: name not yet set */
	_Atomic uint64_t first, pause, events; /* see struct hs_metrics_use; in seconds */
	_Atomic uint64_t name[HS_CREDENTIAL_NAME / 8]; /* padded with NUL */
};

struct block {
	struct head head;
	struct minute minute[HS_METRICS_MINUTES];
	struct credential credential[HS_METRICS_CREDENTIALS];
#define CELLS(NAME, name, kind, unit, label, help) _Atomic uint64_t name[HS_METRIC_CELLS_##label];
	HS_METRICS(CELLS)
#undef CELLS
};

static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && _Alignof(_Atomic uint64_t) == 8 && sizeof(_Atomic uint64_t) == 8,
              "lock-free atomics of one layout");

struct hs_metrics {
	size_t bytes;
	_Atomic(struct block *) block; /* NULL: not open */
	_Atomic bool tried;
	pthread_mutex_t lock; /* protects the rest */
	uint64_t device, inode;
	bool told; /* that it failed */
};

enum condition { WHOLE, SHORT, OLDER, NEWER, USELESS, UNREAD /* it cannot be read now, and may be whole */ };

/* Compares the head with the file and this boot. SHORT: good, but an older build made it. */
enum condition hs_metrics_check_head(const struct head *head, const struct stat *st, size_t bytes);
enum condition hs_metrics_check_file(int fd, size_t bytes, struct stat *st);

/* The entry of the reason in the row's hash table: its id and its count. NULL: it is not there, and not made. */
_Atomic uint64_t *hs_metrics_find_reason(const struct block *block, enum hs_result reason, bool make);

/*
 * One word, so that reason and time belong together: NAME_BITS of the hash of the reason's name, which
 * differ for all reasons, below the seconds since 1970.
 */
uint64_t hs_metrics_pack_reason(enum hs_result reason, int64_t at_ms);

/* Never 0. */
uint64_t hs_metrics_credential_id(enum hs_credential kind, struct hs_slice name);

static inline uint64_t tag_of(uint64_t minute)
{
	return minute << TAG_SHIFT;
}

#endif

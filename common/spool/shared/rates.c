#include "spool/shared/rates.h"
#include "base/hash.h"
#include "base/io.h"
#include "spool/shared/private_files.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/file.h>

enum {
	ADDRESS_SET = 8, /* entries in which a name may be */
	SOURCE_SET = 64, /* more, because a source that is forgotten gets its daily amount again */
	STEPPED_BACK_MS = 1000,
	DAY_MS = 86400000,
	LOCK_MS = 1000,
	MANTISSA_BITS = 11, /* of a rate in an entry */
};

#define MAGIC UINT64_C(0x3153455441525348) /* HSRATES1 */
#define BURST_US ((int64_t)HS_RATES_BURST_MS * 1000)
/* A larger debt is damage: the largest batches (65,536 events) of 39 requests at once, at 1/s, make less. */
#define DEBT_MAX_US (INT64_C(30) * DAY_MS * 1000)
#define SEEN_MS_MAX ((UINT64_C(1) << 48) - 1)
#define DAY_BYTES_MAX ((UINT64_C(1) << 48) - 1)

struct entry {
	_Atomic uint64_t key;    /* hash of the name; 0: free */
	_Atomic int64_t paid_us; /* when all that was sent is paid for, since 1970 */
	_Atomic uint64_t seen;   /* the last charge: its rate (16 bits, see short_rate), and when, in ms since 1970 */
	_Atomic uint64_t day;    /* the day since 1970 (16 bits), and the bytes charged on it */
};

struct table {
	uint64_t magic, seed, reserved[6];
	struct entry address[HS_RATES_ADDRESSES], source[HS_RATES_SOURCES];
};

struct hs_rates {
	int fd;
	struct table *table;
};

/* --- the file ---------------------------------------------------------------- */

/* A file that cannot be read is not taken for a damaged one: an empty one would let all senders in anew. */
static enum hs_result look(int fd, bool *ours)
{
	uint64_t magic = 0;
	struct stat st;

	if (hs_io_fstat(fd, &st) < 0 || hs_io_read_at(fd, (char *)&magic, sizeof magic, 0) < 0)
		return hs_io_result(errno);
	*ours = st.st_size == (off_t)sizeof(struct table) && magic == MAGIC;
	return HS_OK;
}

/* Never cut below the table's size, because other processes may have it mapped. */
static enum hs_result make_empty(int fd)
{
	struct table *table = calloc(1, sizeof *table);
	bool made;

	if (table == NULL)
		return HS_E_MEMORY;
	table->magic = MAGIC;
	table->seed = hs_io_random();
	made = hs_io_reserve(fd, 0, sizeof *table) == 0 &&
	       hs_io_write_at(fd, (const char *)table, sizeof *table, 0) == 0 && hs_io_truncate(fd, sizeof *table) == 0;
	free(table);
	return made ? HS_OK : hs_io_result(errno);
}

static enum hs_result replace(int fd)
{
	enum hs_result result;
	bool ours;

	if (hs_io_lock_within(fd, LOCK_EX, LOCK_MS) != 0)
		return errno == EWOULDBLOCK ? HS_E_LOCKED : hs_io_result(errno);
	result = look(fd, &ours);
	if (result == HS_OK && !ours) /* another process may have been faster */
		result = make_empty(fd);
	hs_io_lock(fd, LOCK_UN);
	return result;
}

static enum hs_result open_file(struct hs_rates *rates, int private_dir, mode_t mode)
{
	enum hs_result result;
	bool ours;

	rates->fd = hs_io_open_or_make(private_dir, HS_RATES_FILE, mode);
	if (rates->fd < 0)
		return hs_io_result(errno);
	result = look(rates->fd, &ours);
	if (result == HS_OK && !ours)
		result = replace(rates->fd);
	if (result != HS_OK)
		return result;
	rates->table = hs_io_map(rates->fd, sizeof *rates->table);
	return rates->table != NULL ? HS_OK : hs_io_result(errno);
}

struct hs_rates *hs_rates_open(int private_dir, mode_t mode, enum hs_result *result)
{
	struct hs_rates *rates = calloc(1, sizeof *rates);

	*result = rates != NULL ? open_file(rates, private_dir, mode) : HS_E_MEMORY;
	if (*result == HS_OK)
		return rates;
	hs_rates_close(rates);
	return NULL;
}

void hs_rates_close(struct hs_rates *rates)
{
	if (rates == NULL)
		return;
	if (rates->table != NULL)
		hs_io_unmap(rates->table, sizeof *rates->table);
	if (rates->fd >= 0)
		hs_io_close(rates->fd);
	free(rates);
}

enum hs_result hs_rates_save(struct hs_rates *rates)
{
	return hs_io_sync_data(rates->fd) == 0 ? HS_OK : HS_E_SYNC;
}

/* --- entries ----------------------------------------------------------------- */

struct set {
	struct entry *first;
	unsigned n;
	uint64_t key;
};

static struct set set_of(struct table *table, const struct hs_rate *rate)
{
	uint64_t hash = hs_hash(rate->name.p, rate->name.n, table->seed);
	unsigned n = rate->is_address ? ADDRESS_SET : SOURCE_SET;
	unsigned sets = rate->is_address ? HS_RATES_ADDRESSES / ADDRESS_SET : HS_RATES_SOURCES / SOURCE_SET;
	struct entry *first = rate->is_address ? table->address : table->source;

	return (struct set){ first + hash % sets * n, n, hash != 0 ? hash : 1 };
}

static struct entry *find(const struct set *set)
{
	for (unsigned i = 0; i < set->n; i++)
		if (atomic_load(&set->first[i].key) == set->key)
			return &set->first[i];
	return NULL;
}

/* A free entry, or the one that is paid first. */
static struct entry *first_to_go(const struct set *set)
{
	struct entry *entry = set->first;

	for (unsigned i = 0; i < set->n; i++) {
		struct entry *other = &set->first[i];

		if (atomic_load(&other->key) == 0)
			return other;
		if (atomic_load(&other->paid_us) < atomic_load(&entry->paid_us))
			entry = other;
	}
	return entry;
}

/* A charge of the old name that comes late is charged to the new one: it costs that one a moment. */
static struct entry *find_or_make(const struct set *set)
{
	for (;;) {
		struct entry *entry = find(set);
		uint64_t old;

		if (entry != NULL)
			return entry;
		entry = first_to_go(set);
		old = atomic_load(&entry->key);
		if (old != set->key && !atomic_compare_exchange_strong(&entry->key, &old, set->key))
			continue;
		if (old != 0) {
			atomic_store(&entry->paid_us, 0);
			atomic_store(&entry->day, 0);
			atomic_store(&entry->seen, 0);
		}
		return entry;
	}
}

/* --- rates and amounts ------------------------------------------------------- */

/* The rate in 16 bits: an exponent and a mantissa, rounded down. 0: no limit. */
static uint64_t short_rate(int64_t rate)
{
	uint64_t exponent = 0;

	for (; rate >> MANTISSA_BITS != 0; rate >>= 1)
		exponent++;
	return exponent << MANTISSA_BITS | (uint64_t)rate;
}

static uint64_t long_rate(uint64_t rate)
{
	return (rate & ((1 << MANTISSA_BITS) - 1)) << (rate >> MANTISSA_BITS);
}

/*
 * Returns what the entry owes now, in microseconds of its rate; 0 where its number cannot be true: if the last charge
 * is in the future, the clock was set back. A rate that was raised since then counts from that charge on, else raising
 * it would help nobody who waits.
 */
static int64_t debt(struct entry *entry, int64_t paid_us, int64_t rate, int64_t now_ms)
{
	uint64_t seen = atomic_load(&entry->seen), before = seen >> 48;
	int64_t seen_ms = (int64_t)(seen & SEEN_MS_MAX), owed;
	double then_us;

	if (__builtin_sub_overflow(paid_us, now_ms * 1000, &owed) || owed < 0 || owed > DEBT_MAX_US ||
	    seen_ms > now_ms + STEPPED_BACK_MS)
		return 0;
	if (before == 0 || before >= short_rate(rate))
		return owed;
	then_us = ((double)paid_us - (double)seen_ms * 1000) * (double)long_rate(before) / (double)rate;
	owed = (int64_t)then_us - (now_ms - seen_ms) * 1000;
	return owed > 0 ? owed : 0;
}

static uint64_t bytes_of_day(uint64_t day, int64_t now_ms)
{
	return day >> 48 == ((uint64_t)(now_ms / DAY_MS) & 0xFFFF) ? day & DAY_BYTES_MAX : 0;
}

static unsigned in_seconds(int64_t us)
{
	return us / 1000000 < HS_RATES_WAIT_MAX ? (unsigned)(us / 1000000) + 1 : HS_RATES_WAIT_MAX;
}

unsigned hs_rates_wait(struct hs_rates *rates, const struct hs_rate *rate, int64_t now_ms)
{
	struct set set;
	struct entry *entry;
	int64_t owed;

	if (rates == NULL || (rate->rate == 0 && rate->daily == 0))
		return 0;
	set = set_of(rates->table, rate);
	entry = find(&set);
	if (entry == NULL)
		return 0;
	if (rate->daily != 0 && bytes_of_day(atomic_load(&entry->day), now_ms) >= (uint64_t)rate->daily)
		return in_seconds((DAY_MS - now_ms % DAY_MS) * 1000);
	owed = rate->rate != 0 ? debt(entry, atomic_load(&entry->paid_us), rate->rate, now_ms) : 0;
	return owed >= BURST_US ? in_seconds(owed - BURST_US) : 0;
}

static int64_t cost_us(uint64_t units, int64_t rate)
{
	uint64_t most = (uint64_t)DEBT_MAX_US;

	if (rate == 0)
		return 0;
	if (units > UINT64_MAX / 1000000000)
		return DEBT_MAX_US;
	units = units * 1000000000 / (uint64_t)rate;
	return units < most ? (int64_t)units : DEBT_MAX_US;
}

static void charge_units(struct entry *entry, int64_t cost, int64_t rate, int64_t now_ms)
{
	int64_t paid = atomic_load(&entry->paid_us), owed;

	do {
		owed = debt(entry, paid, rate, now_ms) + cost;
		if (owed > DEBT_MAX_US)
			owed = DEBT_MAX_US;
	} while (!atomic_compare_exchange_weak(&entry->paid_us, &paid, now_ms * 1000 + owed));
	atomic_store(&entry->seen, short_rate(rate) << 48 | ((uint64_t)now_ms & SEEN_MS_MAX));
}

static void charge_bytes(struct entry *entry, uint64_t bytes, int64_t now_ms)
{
	uint64_t day = atomic_load(&entry->day), sum;

	do {
		sum = bytes_of_day(day, now_ms);
		sum = bytes < DAY_BYTES_MAX - sum ? sum + bytes : DAY_BYTES_MAX;
	} while (!atomic_compare_exchange_weak(&entry->day, &day, ((uint64_t)(now_ms / DAY_MS) & 0xFFFF) << 48 | sum));
}

void hs_rates_charge(struct hs_rates *rates, const struct hs_rate *rate, uint64_t units, uint64_t bytes, int64_t now_ms)
{
	struct set set;
	struct entry *entry;

	if (rates == NULL || (rate->rate == 0 && rate->daily == 0))
		return;
	set = set_of(rates->table, rate);
	entry = find_or_make(&set);
	charge_units(entry, cost_us(units, rate->rate), rate->rate, now_ms);
	if (rate->daily != 0)
		charge_bytes(entry, bytes, now_ms);
}

/* Not what was charged on another day. */
static void give_bytes_back(struct entry *entry, uint64_t bytes, int64_t charged_ms)
{
	uint64_t day = atomic_load(&entry->day), sum;

	do {
		sum = bytes_of_day(day, charged_ms);
		if (sum == 0)
			return;
	} while (!atomic_compare_exchange_weak(&entry->day, &day, day - (bytes < sum ? bytes : sum)));
}

void hs_rates_give_back(struct hs_rates *rates, const struct hs_rate *rate, uint64_t units, uint64_t bytes,
                        int64_t charged_ms)
{
	struct set set;
	struct entry *entry;

	if (rates == NULL || (rate->rate == 0 && rate->daily == 0))
		return;
	set = set_of(rates->table, rate);
	entry = find(&set);
	if (entry == NULL)
		return;
	atomic_fetch_sub(&entry->paid_us, cost_us(units, rate->rate));
	give_bytes_back(entry, bytes, charged_ms);
}

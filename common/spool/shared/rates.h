/*
 * rates: limits how fast and how much senders of public keys may send, over all processes.
 *
 * A file of the private folder, mapped by every process; its numbers are changed by compare and
 * swap, so there is no lock. It is not part of run/, so a reboot forgets nothing that was written
 * back (within a minute, see hs_rates_save). A file that is damaged, too short or of another version is
 * replaced by an empty one: senders are then let in.
 *
 * Rates are kept as the time at which all that was sent is paid for (the generic cell rate algorithm,
 * ITU-T I.371): one number a sender, that needs no clock to tick. An amount is charged after it is
 * known; a sender is let in while its debt is below its burst.
 */
#ifndef HS_RATES_H
#define HS_RATES_H

#include "base/result.h"
#include "base/slice.h"

#include <sys/types.h>

enum {
	HS_RATES_ADDRESSES = 16384, /* remembered; of a full set the one that is paid first makes room */
	HS_RATES_SOURCES = 4096,
	HS_RATES_BURST_MS = 10000, /* a sender may be ahead of its rate by this */
	HS_RATES_WAIT_MAX = 300,   /* seconds; libraries ignore a longer Retry-After */
};

struct hs_rates;

/* A limit that is asked, then charged. */
struct hs_rate {
	struct hs_slice name; /* of the source, or the bytes of an address */
	bool is_address;
	int64_t rate;  /* thousandths of a unit a second; 0: no limit */
	int64_t daily; /* bytes in a day of UTC; 0: no limit */
};

/*
 * Opens or makes the file in the folder `private`, and replaces one that is damaged. NULL: *result is HS_E_LOCKED,
 * HS_E_MEMORY or as hs_io_result. A file that cannot be read stays.
 */
struct hs_rates *hs_rates_open(int private_dir, mode_t mode, enum hs_result *result);
void hs_rates_close(struct hs_rates *rates); /* NULL is fine */

/* 0: let in. Else the seconds to wait, from 1 to HS_RATES_WAIT_MAX. NULL rates: 0. */
unsigned hs_rates_wait(struct hs_rates *rates, const struct hs_rate *rate, int64_t now_ms);

/* Charges `units` (events, or requests of an address) and `bytes`. */
void hs_rates_charge(struct hs_rates *rates, const struct hs_rate *rate, uint64_t units, uint64_t bytes,
                     int64_t now_ms);

/* Takes such a charge back. `charged_ms`: when it was made. */
void hs_rates_give_back(struct hs_rates *rates, const struct hs_rate *rate, uint64_t units, uint64_t bytes,
                        int64_t charged_ms);

/* Writes the numbers back to the disk. HS_OK or HS_E_SYNC. */
enum hs_result hs_rates_save(struct hs_rates *rates);

#endif

/*
 * settings_table: one row declares a setting. From it come the member of struct hs_settings, the
 * parser, --help, the manual page, the sample file and `hookspool docs`.
 *
 *	X(kind, name, lowest, highest, default, words, help)
 *
 * Bounds and default are written as in a settings file; "" means none. The words are in brackets.
 *
 *	kind      member     value in the file
 *	PATH      char *     an absolute path
 *	URL       char *     http:// or https://, a host and perhaps a path, without a final slash
 *	ADDRESSES (several)  addresses and ranges, divided by blanks; `proxies` is their number
 *	SECRET    (several)  a shared secret; see settings_access.h
 *	TOKEN     hs_token   a text that only a trusted program knows, or sha256: and 64 hex digits
 *	PASSWORD  char *     the hash of a password, as `hookspool passwd` prints it
 *	KEY       (pointer)  a key of HMAC-SHA-256, a text of at least 16 bytes
 *	CHOICE    int        one of the words; the member is its index, for which settings.h has enums
 *	SIZE      int64_t    bytes, with the units K, M and G; the first word, if any, stands for 0
 *	DURATION  int64_t    milliseconds, with the units ms, s, m, h and d
 *	RATE      int64_t    thousandths a second, written as N/s; words as for SIZE
 *	COUNT     int64_t    a number
 *	MODE      int64_t    the lowest or the highest, in octal
 */
#ifndef HS_SETTINGS_TABLE_H
#define HS_SETTINGS_TABLE_H

#define HS_NO_WORDS (NULL)
#define HS_NO_YES ("no", "yes")

/* clang-format off */
#define HS_SETTINGS(X) \
	X(PATH, spool_dir, "", "", "", HS_NO_WORDS, \
	  "directory for the events; created with mode 0700 if it is missing") \
	X(SECRET, secret, "", "", "", HS_NO_WORDS, \
	  "shared secret for X-Signature; may be repeated while a customer changes secrets") \
	X(CHOICE, auth, "", "", "", (NULL, "signature", "key", "both", "either", "none"), \
	  "what a sender must show; required if there are secrets as well as keys") \
	X(CHOICE, batch_signature, "", "", "either", ("either", "first", "whole"), \
	  "what the signature of a batch must cover: its first event, as Segment signs today, the whole body, or either") \
	X(CHOICE, batches, "", "", "yes", HS_NO_YES, \
	  "whether several events may come in one request; no: 400") \
	X(SIZE, max_body, "1K", "1G", "32M", HS_NO_WORDS, \
	  "largest request body; above it the answer is 413") \
	X(CHOICE, validate, "", "", "spec", ("spec", "lenient"), \
	  "spec: the rules of the Segment Spec; lenient: any object with a string type") \
	X(CHOICE, names, "", "", "warehouse", ("warehouse", "verbatim"), \
	  "warehouse: snake case joined by _; verbatim: the sender's keys joined by a dot") \
	X(CHOICE, durability, "", "", "fsync", ("fsync", "none"), \
	  "fsync: 200 means on stable storage; none: 202, written but not synced") \
	X(DURATION, dedup_window, "0", "3650d", "28d", HS_NO_WORDS, \
	  "how long a message id is remembered; 0 turns the search for duplicates off") \
	X(SIZE, rotate_size, "4K", "1024G", "256M", HS_NO_WORDS, \
	  "the open segment is sealed when it passes this size") \
	X(DURATION, rotate_age, "0", "3650d", "24h", HS_NO_WORDS, \
	  "the open segment is sealed when it is this old; 0: age does not matter") \
	X(DURATION, rotate_min_gap, "0", "1m", "100ms", HS_NO_WORDS, \
	  "shortest time between two rotations, so that tail -F keeps up") \
	X(CHOICE, compress, "", "", "gzip", ("gzip", "none"), \
	  "how sealed segments are compressed") \
	X(COUNT, retain_days, "0", "36500", "0", HS_NO_WORDS, \
	  "sealed segments older than this are deleted; 0 keeps all") \
	X(SIZE, retain_bytes, "0", "1048576G", "0", HS_NO_WORDS, \
	  "above this total the oldest sealed segments are deleted; 0 keeps all") \
	X(CHOICE, retain_force, "", "", "no", HS_NO_YES, \
	  "delete them even if a cursor of tail or each has not passed them") \
	X(SIZE, rejected_max, "64K", "1024G", "64M", HS_NO_WORDS, \
	  "total size of the rejected files; above it the tenant with the most loses its oldest lines") \
	X(SIZE, rejected_body, "0", "1G", "64K", ("none"), \
	  "how much of a refused body is kept, with the SHA-256 of the whole; none: neither, as by default if [fields] " \
	  "masks or [events] drops anything") \
	X(KEY, hash_key, "", "", "", HS_NO_WORDS, \
	  "key of the lines with hash in [fields]; with another one, equal values get other hashes") \
	X(SIZE, failed_max, "64K", "1024G", "256M", HS_NO_WORDS, \
	  "size of failed.jsonl; when it is reached, each gives up no record: its user waits, others do not") \
	X(SIZE, min_free, "0", "1048576G", "64M", HS_NO_WORDS, \
	  "below this much free space the answer is 503") \
	X(MODE, spool_mode, "0600", "0640", "0600", HS_NO_WORDS, \
	  "mode of the files: 0600, or 0640 for a group of readers") \
	X(COUNT, threads, "1", "256", "16", HS_NO_WORDS, \
	  "FastCGI requests served at once by one process") \
	X(CHOICE, allow_nfs, "", "", "no", HS_NO_YES, \
	  "accept a spool on a network file system, where none of the promises hold") \
	X(URL, public_url, "", "", "", HS_NO_WORDS, \
	  "address of the mount as pages and apps see it; served to them as the place to send to") \
	X(PATH, sdk_script, "", "", "", HS_NO_WORDS, \
	  "file that is served as analytics.min.js: npm's standalone build of analytics-next") \
	X(SIZE, max_sdk_body, "1K", "64M", "4M", HS_NO_WORDS, \
	  "largest body that a library may send, before and after it is inflated") \
	X(ADDRESSES, trusted_proxies, "", "", "", HS_NO_WORDS, \
	  "proxies whose X-Forwarded-For is believed") \
	X(CHOICE, ip, "", "", "keep", ("keep", "cut", "drop"), \
	  "the sender's address in records, rejected lines and the log; cut: without its last part") \
	X(RATE, address_rate, "1/s", "1000000/s", "200/s", ("none"), \
	  "requests of libraries that one address may send; above it the answer is 429") \
	X(RATE, browser_rate, "1/s", "1000000/s", "1000/s", ("none"), \
	  "events that a browser source may send if its line has no rate=") \
	X(SIZE, browser_daily, "1M", "1048576G", "10G", ("none"), \
	  "what a browser source may send in a day (UTC) if its line has no daily=") \
	X(TOKEN, metrics_token, "", "", "", HS_NO_WORDS, \
	  "what a monitor must show as Bearer to read /metrics below the mount; without it there is no such path") \
	X(PASSWORD, console_password, "", "", "", HS_NO_WORDS, \
	  "hash of the console's password, from hookspool passwd; without it there is no console") \
	X(CHOICE, console_http, "", "", "no", HS_NO_YES, \
	  "yes: the console works without HTTPS, where anyone on the way can read the password and the events") \
	X(CHOICE, sandbox, "", "", "auto", ("auto", "off", "strict"), \
	  "auto: the handler gives up what it does not need, as far as the kernel can; strict: it does not start otherwise") \
	X(CHOICE, log_level, "", "", "info", ("error", "warn", "info", "debug"), \
	  "info: a line for every refusal; debug: a line for every request")
/* clang-format on */

#endif

/*
 * session_file: the state that all processes of the console share: .hookspool/run/console, mode 0600.
 *
 *	magic, key       the key of all session cookies; a SHA-256 shows that it is whole
 *	tries            for each address: passwords tried in the current minute
 *	ended            sessions that were logged out, until they would have ended
 *
 * No backup has run/, so none has the key. A file that is missing or damaged is replaced by one with another key:
 * all users have to log in again. Each process reads and writes it under flock(2); two more locks, on files that
 * are empty, let two passwords be compared at once.
 */
#ifndef HS_SESSION_FILE_H
#define HS_SESSION_FILE_H

#include "base/digest.h"
#include "base/result.h"

enum {
	HS_SESSION_ID = 16,
	HS_SESSION_TRIES = 10, /* for one address … */
	HS_SESSION_TRIES_MS = 60000,
};

struct hs_session_file;

/* Opens, or makes, and locks the file. NULL: *result is HS_E_SPOOL_DIR, HS_E_LOCKED, HS_E_MEMORY or as hs_io_result. */
struct hs_session_file *hs_session_file_open(const char *spool_dir, enum hs_result *result);
/* Unlocks; NULL is fine. Keys and entries are wiped from memory. */
void hs_session_file_close(struct hs_session_file *file);

/* The key of the cookies, HS_SHA256_BYTES of them, valid until the file is closed. */
struct hs_slice hs_session_file_key(const struct hs_session_file *file);

bool hs_session_file_has_ended(const struct hs_session_file *file, const uint8_t id[static HS_SESSION_ID]);
/* If there is no room for one more, makes another key, which ends all sessions. HS_OK, or as hs_io_result. */
enum hs_result hs_session_file_end(struct hs_session_file *file, const uint8_t id[static HS_SESSION_ID],
                                   int64_t expires_ms, int64_t now_ms);

/* Counts one try. *seconds is 0, or how long the address has to wait. HS_OK, or as hs_io_result. */
enum hs_result hs_session_file_try(struct hs_session_file *file, struct hs_slice address, int64_t now_ms,
                                   unsigned *seconds);
/* Forgets the tries of an address that had the right password. */
enum hs_result hs_session_file_forgive(struct hs_session_file *file, struct hs_slice address);

/*
 * Takes one of the two locks for comparing; hs_io_close(*fd) releases it. HS_OK; or *fd is -1: HS_E_CONSOLE_TRIES (both
 * are taken), HS_E_SPOOL_DIR, or as hs_io_result.
 */
enum hs_result hs_session_file_work(const char *spool_dir, int *fd);

#endif

#include "cgi/http/console/session_file.h"
#include "base/hash.h"
#include "base/io.h"
#include "spool/shared/spool_dir.h"

#include <stdlib.h>
#include <sys/file.h>

enum { TRIES = 512, ENDED = 512, LOCK_MS = 1000 };
#define MAGIC UINT64_C(0x31534E4F4353484B)

struct
try {
	uint64_t address; /* hash; 0: free */
	int64_t since_ms;
	uint64_t count;
};

struct ended {
	uint8_t id[HS_SESSION_ID];
	int64_t expires_ms; /* 0: free */
};

struct content {
	uint64_t magic;
	uint8_t key[HS_SHA256_BYTES], check[HS_SHA256_BYTES];
	struct try try[TRIES];
	struct ended ended[ENDED];
};

struct hs_session_file {
	int fd;
	struct content content;
};

static enum hs_result write_all(struct hs_session_file *file)
{
	return hs_io_write_at(file->fd, (const char *)&file->content, sizeof file->content, 0) == 0
	           ? HS_OK
	           : hs_io_result(errno);
}

static struct hs_slice key_of(const struct content *c)
{
	return hs_slice((const char *)c->key, sizeof c->key);
}

static enum hs_result make_key(struct hs_session_file *file)
{
	struct content *c = &file->content;

	for (size_t at = 0; at < sizeof c->key; at += sizeof(uint64_t)) {
		uint64_t random = hs_io_random();

		memcpy(c->key + at, &random, sizeof random);
	}
	memset(c->ended, 0, sizeof c->ended);
	c->magic = MAGIC;
	return hs_sha256(key_of(c), c->check) ? write_all(file) : HS_E_MEMORY;
}

/* Reads the file. Only what is read and damaged is not whole: a new key ends all sessions, and forgets all tries. */
static enum hs_result read_all(struct hs_session_file *file, bool *whole)
{
	struct content *c = &file->content;
	ssize_t n = hs_io_read_at(file->fd, (char *)c, sizeof *c, 0);
	uint8_t check[HS_SHA256_BYTES];

	if (n < 0)
		return hs_io_result(errno);
	*whole = n == (ssize_t)sizeof *c && c->magic == MAGIC;
	if (!*whole)
		return HS_OK;
	if (!hs_sha256(key_of(c), check))
		return HS_E_MEMORY;
	*whole = memcmp(check, c->check, sizeof check) == 0;
	return HS_OK;
}

static enum hs_result open_file(struct hs_session_file *file, const char *spool_dir)
{
	int dir = hs_spool_dir_open_run(spool_dir);
	enum hs_result result;
	struct stat st;
	bool whole = false;

	if (dir < 0)
		return HS_E_SPOOL_DIR;
	file->fd = hs_io_open_or_make(dir, "console", 0600);
	hs_io_close(dir);
	if (file->fd < 0 || hs_io_fstat(file->fd, &st) != 0)
		return hs_io_result(errno);
	if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0)
		return HS_E_SPOOL_FILE;
	if (hs_io_lock_within(file->fd, LOCK_EX, LOCK_MS) != 0)
		return errno == EWOULDBLOCK ? HS_E_LOCKED : hs_io_result(errno);
	result = read_all(file, &whole);
	if (result != HS_OK || whole)
		return result;
	memset(&file->content, 0, sizeof file->content);
	return make_key(file);
}

struct hs_session_file *hs_session_file_open(const char *spool_dir, enum hs_result *result)
{
	struct hs_session_file *file = calloc(1, sizeof *file);

	*result = HS_E_MEMORY;
	if (file == NULL)
		return NULL;
	file->fd = -1;
	*result = open_file(file, spool_dir);
	if (*result == HS_OK)
		return file;
	hs_session_file_close(file);
	return NULL;
}

void hs_session_file_close(struct hs_session_file *file)
{
	if (file == NULL)
		return;
	if (file->fd >= 0)
		hs_io_close(file->fd);
	explicit_bzero(file, sizeof *file);
	free(file);
}

struct hs_slice hs_session_file_key(const struct hs_session_file *file)
{
	return key_of(&file->content);
}

/* --- sessions that were logged out --------------------------------------------- */

bool hs_session_file_has_ended(const struct hs_session_file *file, const uint8_t id[static HS_SESSION_ID])
{
	for (size_t i = 0; i < ENDED; i++)
		if (memcmp(file->content.ended[i].id, id, HS_SESSION_ID) == 0)
			return true;
	return false;
}

enum hs_result hs_session_file_end(struct hs_session_file *file, const uint8_t id[static HS_SESSION_ID],
                                   int64_t expires_ms, int64_t now_ms)
{
	struct ended *to = NULL;

	for (size_t i = 0; i < ENDED && to == NULL; i++)
		if (file->content.ended[i].expires_ms <= now_ms)
			to = &file->content.ended[i];
	if (to == NULL)
		return make_key(file);
	memcpy(to->id, id, HS_SESSION_ID);
	to->expires_ms = expires_ms;
	return write_all(file);
}

/* --- tries ---------------------------------------------------------------------- */

static uint64_t hash_of(const struct hs_session_file *file, struct hs_slice address)
{
	uint64_t seed;

	memcpy(&seed, file->content.key, sizeof seed);
	return hs_hash(address.p, address.n, seed) | 1; /* 0 is a free entry */
}

/* A time that is far from now is damage, or from before the clock was set. */
static bool is_over(const struct try *try, int64_t now_ms)
{
	return try->since_ms > now_ms || try->since_ms <= now_ms - HS_SESSION_TRIES_MS;
}

/* The entry of the address, else a free one, else the oldest. */
static struct try *find(struct hs_session_file *file, uint64_t hash)
{
	struct try *oldest = file->content.try;

	for (size_t i = 0; i < TRIES; i++)
		if (file->content.try[i].address == hash)
			return &file->content.try[i];
	for (size_t i = 0; i < TRIES; i++)
		if (file->content.try[i].since_ms < oldest->since_ms)
			oldest = &file->content.try[i];
	return oldest;
}

enum hs_result hs_session_file_try(struct hs_session_file *file, struct hs_slice address, int64_t now_ms,
                                   unsigned *seconds)
{
	uint64_t hash = hash_of(file, address);
	struct try *try = find(file, hash);

	*seconds = 0;
	if (try->address != hash || is_over(try, now_ms))
		*try = (struct try){ hash, now_ms, 0 };
	if (try->count >= HS_SESSION_TRIES) {
		*seconds = (unsigned)((try->since_ms + HS_SESSION_TRIES_MS - now_ms) / 1000) + 1;
		return HS_OK;
	}
	try->count++;
	return write_all(file);
}

enum hs_result hs_session_file_forgive(struct hs_session_file *file, struct hs_slice address)
{
	uint64_t hash = hash_of(file, address);
	struct try *try = find(file, hash);

	if (try->address != hash)
		return HS_OK;
	*try = (struct try){ 0 };
	return write_all(file);
}

static enum hs_result take_lock(int dir, const char *name, int *fd)
{
	enum hs_result result;

	*fd = hs_io_open_or_make(dir, name, 0600);
	if (*fd >= 0 && hs_io_lock(*fd, LOCK_EX | LOCK_NB) == 0)
		return HS_OK;
	result = errno == EWOULDBLOCK ? HS_E_CONSOLE_TRIES : hs_io_result(errno);
	if (*fd >= 0)
		hs_io_close(*fd);
	*fd = -1;
	return result;
}

enum hs_result hs_session_file_work(const char *spool_dir, int *fd)
{
	int dir = hs_spool_dir_open_run(spool_dir);
	enum hs_result result;

	*fd = -1;
	if (dir < 0)
		return HS_E_SPOOL_DIR;
	result = take_lock(dir, "console-1", fd);
	if (result == HS_E_CONSOLE_TRIES)
		result = take_lock(dir, "console-2", fd);
	hs_io_close(dir);
	return result;
}

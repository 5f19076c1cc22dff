#include "spool/file/gzip.h"
#include "base/io.h"

#include <assert.h>
#include <libdeflate.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* The level at which lines become as small as at zlib's default one, 6, in less than half of its time. */
enum { LEVEL = 5, TAIL = 8, MEMBER_AT = 16, PLAIN_AT = 20 };

static const unsigned char start[MEMBER_AT] = {
	0x1F, 0x8B, 8, 4, 0, 0, 0, 0, 0, 0xFF, HS_GZIP_HEAD - 12, 0, 'H', 'S', HS_GZIP_HEAD - 16, 0,
};

struct hs_gzip {
	struct libdeflate_compressor *compressor;
	unsigned char *out;
	size_t room; /* bytes of `out` */

	/* for the thread, under the mutex */
	bool background;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool waiting, stop; /* `plain` is to be compressed; the thread is to end */
	struct hs_slice plain;
	size_t n; /* bytes in `out` */
};

/* --- numbers ------------------------------------------------------------------- */

static void put(unsigned char *p, size_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(value >> (8 * i));
}

static uint32_t get(const unsigned char *p)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++)
		value |= (uint32_t)p[i] << (8 * i);
	return value;
}

uint32_t hs_crc32(uint32_t crc, struct hs_slice bytes)
{
	return bytes.n > 0 ? libdeflate_crc32(crc, bytes.p, bytes.n) : crc; /* for NULL it would begin anew */
}

bool hs_gzip_head(struct hs_slice head, uint32_t *member, uint32_t *plain)
{
	const unsigned char *p = (const unsigned char *)head.p;

	if (head.n < HS_GZIP_HEAD || memcmp(p, start, sizeof start) != 0)
		return false;
	*member = get(p + MEMBER_AT);
	*plain = get(p + PLAIN_AT);
	return *member > HS_GZIP_HEAD + TAIL && *plain <= HS_GZIP_MEMBER;
}

/* --- compressing --------------------------------------------------------------- */

/* The room was made for the worst case, so compressing cannot fail. */
static size_t compress(struct hs_gzip *g, struct hs_slice plain)
{
	size_t n = libdeflate_deflate_compress(g->compressor, plain.p, plain.n, g->out + HS_GZIP_HEAD,
	                                       g->room - HS_GZIP_HEAD - TAIL);
	unsigned char *tail = g->out + HS_GZIP_HEAD + n;

	assert(n > 0);
	memcpy(g->out, start, sizeof start);
	put(g->out + MEMBER_AT, HS_GZIP_HEAD + n + TAIL);
	put(g->out + PLAIN_AT, plain.n);
	put(tail, hs_crc32(0, plain));
	put(tail + 4, plain.n);
	return HS_GZIP_HEAD + n + TAIL;
}

static void *work(void *context)
{
	struct hs_gzip *g = context;

	hs_io_yield_to_all();
	pthread_mutex_lock(&g->mutex);
	while (!g->stop) {
		if (!g->waiting) {
			pthread_cond_wait(&g->changed, &g->mutex);
			continue;
		}
		g->n = compress(g, g->plain);
		g->waiting = false;
		pthread_cond_signal(&g->changed);
	}
	pthread_mutex_unlock(&g->mutex);
	return NULL;
}

struct hs_slice hs_gzip_member(struct hs_gzip *g, struct hs_slice plain)
{
	assert(plain.n <= HS_GZIP_MEMBER);
	if (!g->background)
		return hs_slice((const char *)g->out, compress(g, plain));
	pthread_mutex_lock(&g->mutex);
	g->plain = plain;
	g->waiting = true;
	pthread_cond_signal(&g->changed);
	while (g->waiting)
		pthread_cond_wait(&g->changed, &g->mutex);
	pthread_mutex_unlock(&g->mutex);
	return hs_slice((const char *)g->out, g->n);
}

/* --- its life ------------------------------------------------------------------ */

/* Signals are for the program's own threads. */
static bool start_thread(struct hs_gzip *g)
{
	sigset_t all, before;
	int error;

	if (pthread_mutex_init(&g->mutex, NULL) != 0)
		return false;
	if (pthread_cond_init(&g->changed, NULL) != 0) {
		pthread_mutex_destroy(&g->mutex);
		return false;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&g->thread, NULL, work, g);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error == 0)
		return true;
	pthread_cond_destroy(&g->changed);
	pthread_mutex_destroy(&g->mutex);
	return false;
}

struct hs_gzip *hs_gzip_new(bool background)
{
	struct hs_gzip *g = calloc(1, sizeof *g);

	if (g == NULL)
		return NULL;
	g->compressor = libdeflate_alloc_compressor(LEVEL);
	if (g->compressor != NULL) {
		g->room = HS_GZIP_HEAD + TAIL + libdeflate_deflate_compress_bound(g->compressor, HS_GZIP_MEMBER);
		g->out = malloc(g->room);
	}
	if (g->out == NULL || (background && !start_thread(g))) {
		hs_gzip_free(g);
		return NULL;
	}
	g->background = background;
	return g;
}

static void end_thread(struct hs_gzip *g)
{
	pthread_mutex_lock(&g->mutex);
	g->stop = true;
	pthread_cond_signal(&g->changed);
	pthread_mutex_unlock(&g->mutex);
	pthread_join(g->thread, NULL);
	pthread_cond_destroy(&g->changed);
	pthread_mutex_destroy(&g->mutex);
}

void hs_gzip_free(struct hs_gzip *g)
{
	if (g == NULL)
		return;
	if (g->background)
		end_thread(g);
	if (g->compressor != NULL)
		libdeflate_free_compressor(g->compressor);
	free(g->out);
	free(g);
}

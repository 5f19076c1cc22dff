/* http_posts without libcurl. */
#include "tools/sink/http_posts.h"

struct hs_http_posts *hs_http_posts_new(const struct hs_http_target *target, unsigned slots, int timeout_ms)
{
	(void)target;
	(void)slots;
	(void)timeout_ms;
	return NULL;
}

void hs_http_posts_free(struct hs_http_posts *p)
{
	(void)p;
}

bool hs_http_posts_start(struct hs_http_posts *p, unsigned slot, struct hs_slice headers, struct hs_slice body)
{
	(void)p;
	(void)slot;
	(void)headers;
	(void)body;
	return false;
}

size_t hs_http_posts_poll(struct hs_http_posts *p, struct pollfd *fds)
{
	(void)p;
	(void)fds;
	return 0;
}

int64_t hs_http_posts_due(struct hs_http_posts *p)
{
	(void)p;
	return -1;
}

void hs_http_posts_work(struct hs_http_posts *p)
{
	(void)p;
}

bool hs_http_posts_ended(struct hs_http_posts *p, unsigned slot, struct hs_http_posted *posted)
{
	(void)p;
	(void)slot;
	(void)posted;
	return false;
}

/*
 * fake_http: http.h without a network. A test includes it once, is linked without http.c, and says how each request is
 * answered:
 *
 *	void fake_http_answer(const struct hs_http_request *request, struct fake_answer *answer)
 *	{
 *		if (strcmp(request->below, "/health") == 0)
 *			*answer = (struct fake_answer){ .status = 404 };
 *	}
 */
#ifndef HS_TEST_FAKE_HTTP_H
#define HS_TEST_FAKE_HTTP_H

#include "tools/probe/http.h"

#include <stdio.h>
#include <stdlib.h>

struct fake_answer {
	enum hs_http_result result;
	int status;
	const char *body, *server, *location, *allow_origin; /* NULL: "" */
	unsigned allow_origins;
	int64_t date_ms;
};

/* *answer is zeroed. */
static void fake_http_answer(const struct hs_http_request *request, struct fake_answer *answer);

struct hs_http {
	enum hs_http_result result;
};

struct hs_http *hs_http_new(const struct hs_http_target *target)
{
	(void)target;
	return calloc(1, sizeof(struct hs_http));
}

void hs_http_free(struct hs_http *h)
{
	free(h);
}

void hs_http_answer_free(struct hs_http_answer *answer)
{
	hs_buf_free(&answer->body);
}

const char *hs_http_error(const struct hs_http *h)
{
	return h->result == HS_HTTP_MEMORY ? "free some memory" : "the server's fault";
}

static inline void fake_http_copy(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text != NULL ? text : "");
}

enum hs_http_result hs_http_send(struct hs_http *h, const struct hs_http_request *request,
                                 struct hs_http_answer *answer)
{
	struct fake_answer fake = { .status = 0 };

	fake_http_answer(request, &fake);
	hs_buf_reset(&answer->body);
	hs_buf_put_slice(&answer->body, hs_slice_str(fake.body != NULL ? fake.body : ""));
	answer->status = fake.status;
	answer->allow_origins = fake.allow_origins;
	answer->date_ms = fake.date_ms;
	fake_http_copy(answer->server, sizeof answer->server, fake.server);
	fake_http_copy(answer->location, sizeof answer->location, fake.location);
	fake_http_copy(answer->allow_origin, sizeof answer->allow_origin, fake.allow_origin);
	fake_http_copy(answer->allow_headers, sizeof answer->allow_headers, "authorization, x-retry-count");
	h->result = hs_buf_ok(&answer->body) ? fake.result : HS_HTTP_MEMORY;
	return h->result;
}

#endif

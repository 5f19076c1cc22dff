/* http without libcurl: make CURL=no, for hosts and static builds that lack it. */
#include "tools/probe/http.h"

#include <stdlib.h>

struct hs_http {
	char unused;
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

enum hs_http_result hs_http_send(struct hs_http *h, const struct hs_http_request *request,
                                 struct hs_http_answer *answer)
{
	(void)h;
	(void)request;
	(void)answer;
	return HS_HTTP_NONE;
}

void hs_http_answer_free(struct hs_http_answer *answer)
{
	hs_buf_free(&answer->body);
}

const char *hs_http_error(const struct hs_http *h)
{
	(void)h;
	return "built without libcurl: install libcurl4-openssl-dev and build with make CURL=yes";
}

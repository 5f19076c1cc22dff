#include "tools/sink/http_posts.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <sys/select.h>

enum { CONNECT_MS = 10000, RETRY_AFTER_MAX_MS = 4 * 3600 * 1000 };

struct slot {
	CURL *curl;
	struct curl_slist *headers;
	bool busy, ended;
	CURLcode code;
	char why[CURL_ERROR_SIZE];
};

struct hs_http_posts {
	const struct hs_http_target *target;
	CURLM *multi;
	int timeout_ms;
	unsigned slots;
	struct slot slot[];
};

void hs_http_posts_free(struct hs_http_posts *p)
{
	if (p == NULL)
		return;
	for (unsigned i = 0; i < p->slots; i++) {
		if (p->slot[i].busy)
			curl_multi_remove_handle(p->multi, p->slot[i].curl);
		curl_easy_cleanup(p->slot[i].curl);
		curl_slist_free_all(p->slot[i].headers);
	}
	if (p->multi != NULL)
		curl_multi_cleanup(p->multi);
	curl_global_cleanup();
	free(p);
}

struct hs_http_posts *hs_http_posts_new(const struct hs_http_target *target, unsigned slots, int timeout_ms)
{
	struct hs_http_posts *p = calloc(1, sizeof *p + slots * sizeof p->slot[0]);

	if (p == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(p);
		return NULL;
	}
	p->target = target;
	p->timeout_ms = timeout_ms;
	p->slots = slots;
	p->multi = curl_multi_init();
	for (unsigned i = 0; i < slots; i++) {
		p->slot[i].curl = curl_easy_init();
		if (p->multi == NULL || p->slot[i].curl == NULL) {
			hs_http_posts_free(p);
			return NULL;
		}
	}
	return p;
}

/* --- what goes out ------------------------------------------------------------------ */

/* False: out of memory; the list is freed. */
static bool add_line(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (longer == NULL)
		curl_slist_free_all(*list);
	*list = longer;
	return longer != NULL;
}

static bool make_list(struct slot *slot, struct hs_slice headers)
{
	curl_slist_free_all(slot->headers);
	slot->headers = NULL;
	if (!add_line(&slot->headers, "Expect:"))
		return false;
	for (size_t at = 0; at < headers.n; at += strlen(headers.p + at) + 1)
		if (!add_line(&slot->headers, headers.p + at))
			return false;
	return true;
}

/* The answer's body says nothing that the status does not. */
static size_t on_body(char *p, size_t size, size_t n, void *context)
{
	(void)p;
	(void)context;
	return size * n;
}

static size_t on_header(char *p, size_t size, size_t n, void *context)
{
	(void)context;
	return hs_http_accepts_line(hs_slice(p, size * n)) ? size * n : 0; /* 0: CURLE_WRITE_ERROR */
}

/* The results are added up: none but CURLE_OK is 0. False: out of memory. */
static bool set_up(const struct hs_http_posts *p, struct slot *slot, struct hs_slice body)
{
	CURL *c = slot->curl;
	unsigned failed;

	curl_easy_reset(c); /* keeps the connection */
	failed = curl_easy_setopt(c, CURLOPT_ERRORBUFFER, slot->why);
	failed |= curl_easy_setopt(c, CURLOPT_URL, p->target->url);
	failed |= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	failed |= curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	failed |= curl_easy_setopt(c, CURLOPT_HTTPHEADER, slot->headers);
	failed |= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	failed |= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	failed |= curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)p->timeout_ms);
	failed |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	failed |= curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	failed |= curl_easy_setopt(c, CURLOPT_POST, 1L);
	failed |= curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
	failed |= curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.p);
	failed |= curl_easy_setopt(c, CURLOPT_PRIVATE, slot);
	if (p->target->cacert != NULL)
		failed |= curl_easy_setopt(c, CURLOPT_CAINFO, p->target->cacert);
	return failed == 0;
}

bool hs_http_posts_start(struct hs_http_posts *p, unsigned number, struct hs_slice headers, struct hs_slice body)
{
	struct slot *slot = &p->slot[number];

	slot->why[0] = '\0';
	slot->ended = false;
	if (!make_list(slot, headers) || !set_up(p, slot, body) ||
	    curl_multi_add_handle(p->multi, slot->curl) != CURLM_OK)
		return false;
	slot->busy = true;
	return true;
}

/* --- waiting -------------------------------------------------------------------------- */

size_t hs_http_posts_poll(struct hs_http_posts *p, struct pollfd *fds)
{
	fd_set read, write, error;
	int last = -1;
	size_t n = 0;

	FD_ZERO(&read);
	FD_ZERO(&write);
	FD_ZERO(&error);
	curl_multi_fdset(p->multi, &read, &write, &error, &last); /* if it fails, last stays */
	for (int fd = 0; fd <= last && n < (size_t)HS_HTTP_POSTS_FDS * p->slots; fd++) {
		short events = (short)((FD_ISSET(fd, &read) ? POLLIN : 0) | (FD_ISSET(fd, &write) ? POLLOUT : 0));

		if (events != 0)
			fds[n++] = (struct pollfd){ fd, events, 0 };
	}
	return n;
}

static bool is_busy(const struct hs_http_posts *p)
{
	for (unsigned i = 0; i < p->slots; i++)
		if (p->slot[i].busy)
			return true;
	return false;
}

int64_t hs_http_posts_due(struct hs_http_posts *p)
{
	long ms = -1;

	if (!is_busy(p))
		return -1;
	curl_multi_timeout(p->multi, &ms);
	return ms < 0 ? 1000 : ms; /* libcurl may not know when a name is resolved: look now and then */
}

void hs_http_posts_work(struct hs_http_posts *p)
{
	int running, left;
	CURLMsg *message;

	curl_multi_perform(p->multi, &running);
	while ((message = curl_multi_info_read(p->multi, &left)) != NULL) {
		CURL *curl = message->easy_handle;
		CURLcode code = message->data.result;
		char *private = NULL;
		struct slot *slot;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(curl, CURLINFO_PRIVATE, &private);
		slot = (struct slot *)(void *)private;
		curl_multi_remove_handle(p->multi, curl); /* which frees the message */
		slot->busy = false;
		slot->ended = true;
		slot->code = code;
	}
}

/* A proxy that wants credentials for a tunnel refuses it with 407, which libcurl calls a failed connection. */
static void take_failure(struct slot *slot, struct hs_http_posted *posted)
{
	long connect = 0;

	curl_easy_getinfo(slot->curl, CURLINFO_HTTP_CONNECTCODE, &connect);
	posted->status = connect == 407 ? 407 : 0;
	posted->why = hs_http_why((int)slot->code, slot->why);
	posted->no_authorities = slot->code == CURLE_SSL_CACERT_BADFILE;
	posted->no_url = slot->code == CURLE_URL_MALFORMAT;
}

bool hs_http_posts_ended(struct hs_http_posts *p, unsigned number, struct hs_http_posted *posted)
{
	struct slot *slot = &p->slot[number];
	curl_off_t after = 0;
	long status = 0;

	*posted = (struct hs_http_posted){ .why = "" };
	if (!slot->ended)
		return false;
	slot->ended = false;
	if (slot->code != CURLE_OK) {
		take_failure(slot, posted);
		return true;
	}
	curl_easy_getinfo(slot->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(slot->curl, CURLINFO_RETRY_AFTER, &after);
	posted->status = (int)status;
	if (after < 0) /* a date that has passed */
		after = 0;
	posted->retry_after_ms = after > RETRY_AFTER_MAX_MS / 1000 ? RETRY_AFTER_MAX_MS : (int64_t)after * 1000;
	return true;
}

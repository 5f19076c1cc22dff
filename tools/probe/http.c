#include "tools/probe/http.h"

#include <curl/curl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { CONNECT_MS = 10000, PROBE_MS = 5000, URL_BYTES = 2048 };

struct hs_http {
	const struct hs_http_target *target;
	CURL *curl;
	bool asked; /* whether the port of an http URL speaks TLS */
	char why[CURL_ERROR_SIZE], error[CURL_ERROR_SIZE + 512];
};

struct hs_http *hs_http_new(const struct hs_http_target *target)
{
	struct hs_http *h = calloc(1, sizeof *h);

	if (h == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(h);
		return NULL;
	}
	h->target = target;
	h->curl = curl_easy_init();
	if (h->curl == NULL) {
		hs_http_free(h);
		return NULL;
	}
	return h;
}

void hs_http_free(struct hs_http *h)
{
	if (h == NULL)
		return;
	curl_easy_cleanup(h->curl);
	curl_global_cleanup();
	free(h);
}

void hs_http_answer_free(struct hs_http_answer *answer)
{
	hs_buf_free(&answer->body);
}

const char *hs_http_error(const struct hs_http *h)
{
	return h->error;
}

/* --- what comes back ----------------------------------------------------------- */

static size_t on_body(char *p, size_t size, size_t n, void *context)
{
	struct hs_http_answer *answer = context;
	size_t room = HS_HTTP_BODY_MAX - answer->body.n;

	hs_buf_put(&answer->body, p, size * n < room ? size * n : room);
	return size * n;
}

/* Copies the value if the line is this header. */
static bool take_header(struct hs_slice line, const char *name, char *to, size_t size)
{
	size_t n = strlen(name);
	struct hs_slice value;

	if (line.n <= n || line.p[n] != ':' || strncasecmp(line.p, name, n) != 0)
		return false;
	value = hs_slice(line.p + n + 1, line.n - n - 1);
	while (value.n > 0 && strchr("\r\n", value.p[value.n - 1]) != NULL)
		value.n--;
	value = hs_slice_trim(value);
	snprintf(to, size, "%.*s", value.n < size ? (int)value.n : (int)size - 1, value.p);
	return true;
}

bool hs_http_accepts_line(struct hs_slice line)
{
	static const char forms[2][12] = { "HTTP/0.0 000", "HTTP/0 000" }; /* 0: any digit */

	if (line.n < 5 || strncasecmp(line.p, "HTTP/", 5) != 0)
		return true;
	for (int form = 0; form < 2; form++) {
		size_t n = strnlen(forms[form], sizeof forms[form]), i = 0;

		while (i < n && i < line.n &&
		       (forms[form][i] == '0' ? hs_is_digit(line.p[i]) : line.p[i] == forms[form][i]))
			i++;
		if (i == n && line.p[n - 3] != '0' && (line.n == n || strchr(" \r\n", line.p[n]) != NULL))
			return true;
	}
	return false;
}

const char *hs_http_why(int code, const char *said)
{
	switch (code) {
	case CURLE_WRITE_ERROR:          /* nothing else writes: of hs_http_accepts_line */
	case CURLE_UNSUPPORTED_PROTOCOL: /* of the answer: that of the URL was checked */
	case CURLE_WEIRD_SERVER_REPLY: return "the answer is no HTTP";
	default: return said[0] != '\0' && strchr(said, '@') == NULL ? said : curl_easy_strerror((CURLcode)code);
	}
}

static size_t on_header(char *p, size_t size, size_t n, void *context)
{
	struct hs_http_answer *answer = context;
	struct hs_slice line = hs_slice(p, size * n);
	char date[64];

	if (!hs_http_accepts_line(line))
		return 0; /* CURLE_WRITE_ERROR */
	if (take_header(line, "Date", date, sizeof date))
		answer->date_ms = (int64_t)curl_getdate(date, NULL) * 1000;
	else if (take_header(line, "Access-Control-Allow-Origin", answer->allow_origin, sizeof answer->allow_origin))
		answer->allow_origins++;
	else if (!take_header(line, "Server", answer->server, sizeof answer->server) &&
	         !take_header(line, "Access-Control-Allow-Headers", answer->allow_headers,
	                      sizeof answer->allow_headers))
		take_header(line, "Location", answer->location, sizeof answer->location);
	if (answer->date_ms < 0)
		answer->date_ms = 0;
	return size * n;
}

static int on_progress(void *context, curl_off_t down_all, curl_off_t down, curl_off_t all, curl_off_t sent)
{
	const struct hs_http_request *q = context;

	(void)down_all;
	(void)down;
	q->progress(q->context, (uint64_t)sent, (uint64_t)all);
	return 0; /* go on */
}

/* --- what goes out ------------------------------------------------------------- */

/* False: out of memory; the list is freed. */
static bool add_line(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (longer == NULL)
		curl_slist_free_all(*list);
	*list = longer;
	return longer != NULL;
}

/* Makes libcurl's list of header lines. False: out of memory. */
static bool make_list(struct hs_slice headers, bool chunked, struct curl_slist **list)
{
	/* no "Expect: 100-continue": Segment sends none */
	*list = NULL;
	if (!add_line(list, "Expect:") || (chunked && !add_line(list, "Transfer-Encoding: chunked")))
		return false;
	for (size_t at = 0; at < headers.n; at += strlen(headers.p + at) + 1)
		if (!add_line(list, headers.p + at))
			return false;
	return true;
}

static bool make_url(const struct hs_http *h, const char *below, char url[static URL_BYTES])
{
	const char *from = h->target->url;
	size_t n = strlen(from);

	while (n > 0 && from[n - 1] == '/')
		n--;
	if (strncasecmp(from, "http://", 7) != 0 && strncasecmp(from, "https://", 8) != 0)
		return false;
	return n < URL_BYTES && snprintf(url, URL_BYTES, "%.*s%s", (int)n, from, below) < URL_BYTES;
}

/* The results are added up: none but CURLE_OK is 0. False: out of memory. */
static bool set_up(struct hs_http *h, const struct hs_http_request *q, const char *url, struct curl_slist *headers,
                   struct hs_http_answer *answer)
{
	CURL *c = h->curl;
	unsigned failed;

	curl_easy_reset(c);
	failed = curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->why);
	failed |= curl_easy_setopt(c, CURLOPT_URL, url);
	failed |= curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2); /* as Segment */
	failed |= curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	failed |= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	failed |= curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)q->timeout_ms);
	failed |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	failed |= curl_easy_setopt(c, CURLOPT_WRITEDATA, answer);
	failed |= curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	failed |= curl_easy_setopt(c, CURLOPT_HEADERDATA, answer);
	if (strcmp(q->method, "GET") != 0)
		failed |= curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
	if (strcmp(q->method, "GET") != 0 && strcmp(q->method, "OPTIONS") != 0) {
		failed |= curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.n);
		failed |= curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->body.n > 0 ? q->body.p : "");
	}
	if (q->progress != NULL) {
		failed |= curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
		failed |= curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
		failed |= curl_easy_setopt(c, CURLOPT_XFERINFODATA, q);
	}
	if (h->target->cacert != NULL)
		failed |= curl_easy_setopt(c, CURLOPT_CAINFO, h->target->cacert);
	if (h->target->insecure) {
		failed |= curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		failed |= curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	return failed == 0;
}

/* --- how it went --------------------------------------------------------------- */

/* Without a file of the caller, the system's list (ca-certificates) is missing. */
static enum hs_http_result result_of(CURLcode code, bool own_list)
{
	switch (code) {
	case CURLE_OUT_OF_MEMORY: return HS_HTTP_MEMORY;
	case CURLE_OPERATION_TIMEDOUT: return HS_HTTP_TIMEOUT;
	case CURLE_URL_MALFORMAT: return HS_HTTP_URL;
	case CURLE_SSL_CACERT_BADFILE: return own_list ? HS_HTTP_URL : HS_HTTP_TLS;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER: return HS_HTTP_TLS;
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_UNSUPPORTED_PROTOCOL: /* as in hs_http_why */
	case CURLE_WRITE_ERROR:
	case CURLE_WEIRD_SERVER_REPLY: return HS_HTTP_CUT;
	default: return HS_HTTP_UNREACHABLE;
	}
}

static enum hs_http_result fail(struct hs_http *h, enum hs_http_result r, const char *why, const char *remedy)
{
	snprintf(h->error, sizeof h->error, "%.300s: %s", why, remedy);
	return r;
}

/* Describes a rejected certificate by OpenSSL's code. libcurl checks the names itself and sets no code. */
static const char *mend_certificate(long code)
{
	switch (code) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return "renew the certificate; if that is done, reload the web server, which has the old one yet";
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return "compare the clocks: timedatectl set-ntp true, here and where the certificate was made";
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return "Segment accepts no self-signed certificate: get one from an authority, such as "
		       "certbot does; for tries give --cacert FILE or --insecure";
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return "let the web server send the whole chain (fullchain.pem, not cert.pem, in Apache's "
		       "SSLCertificateFile, lighttpd's ssl.pemfile, nginx's ssl_certificate); for an authority "
		       "of your own, which Segment does not know, give --cacert FILE or --insecure";
	case X509_V_OK:
	case X509_V_ERR_UNSPECIFIED:
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return "use a name that the certificate has, or get one for this name; where a web server "
		       "has several sites, this name may be served by another one's";
	default:
		return "Segment needs a certificate that is trusted everywhere; for one of your own give "
		       "--cacert FILE or --insecure";
	}
}

/* The URL with another scheme and the same port; curl_free it. NULL: not a URL, or out of memory. */
static char *with_scheme(const char *url, const char *scheme)
{
	CURLU *u = curl_url();
	char *port = NULL, *other = NULL;
	unsigned failed = curl_url_set(u, CURLUPART_URL, url, 0); /* also if u is NULL */

	failed |= curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
	failed |= curl_url_set(u, CURLUPART_PORT, port, 0);
	failed |= curl_url_set(u, CURLUPART_SCHEME, scheme, 0);
	failed |= curl_url_get(u, CURLUPART_URL, &other, 0);
	curl_free(port);
	curl_url_cleanup(u);
	if (failed == 0)
		return other;
	curl_free(other);
	return NULL;
}

static bool set_up_probe(CURL *c, const char *url, long tls_versions, struct hs_http_answer *answer)
{
	unsigned failed = curl_easy_setopt(c, CURLOPT_URL, url);

	failed |= curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)PROBE_MS);
	failed |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	failed |= curl_easy_setopt(c, CURLOPT_WRITEDATA, answer);
	if (tls_versions != 0) {
		failed |= curl_easy_setopt(c, CURLOPT_CONNECT_ONLY, 1L);
		failed |= curl_easy_setopt(c, CURLOPT_SSLVERSION, tls_versions);
		failed |= curl_easy_setopt(c, CURLOPT_SSL_CIPHER_LIST, "ALL:@SECLEVEL=0");
		failed |= curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		failed |= curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	return failed == 0;
}

/* True if a request to the URL gets an answer; with TLS: if a handshake succeeds, with any certificate. */
static bool try_scheme(const char *url, const char *scheme, long tls_versions, struct hs_http_answer *answer)
{
	char *other = with_scheme(url, scheme);
	CURL *c = other == NULL ? NULL : curl_easy_init();
	long status = 0;
	bool ok = c != NULL && set_up_probe(c, other, tls_versions, answer);

	ok = ok && curl_easy_perform(c) == CURLE_OK;
	if (ok)
		curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	answer->status = (int)status;
	curl_easy_cleanup(c);
	curl_free(other);
	return ok;
}

/* Answers without TLS, including "this port wants TLS". */
static bool speaks_http(const char *url)
{
	struct hs_http_answer answer = { 0 };
	bool yes = try_scheme(url, "http", 0, &answer);

	hs_buf_putc(&answer.body, '\0');
	if (yes && answer.status == 400 && hs_buf_ok(&answer.body))
		yes = strstr(answer.body.p, "HTTPS port") == NULL && strstr(answer.body.p, "SSL-enabled") == NULL;
	hs_http_answer_free(&answer);
	return yes;
}

static bool speaks_tls(const char *url, long versions)
{
	struct hs_http_answer answer = { 0 };
	bool yes = try_scheme(url, "https", versions, &answer);

	hs_http_answer_free(&answer);
	return yes;
}

/* Probes the port in the other protocol, since each TLS library words its errors differently. */
static enum hs_http_result explain_handshake(struct hs_http *h, const char *url, const char *why)
{
	if (speaks_http(url))
		return fail(h, HS_HTTP_TLS, "this port speaks plain HTTP, not TLS",
		            "Apache: SSLEngine On, in its <VirtualHost> (a2ensite default-ssl: the module ssl alone "
		            "leaves 443 in clear); lighttpd: ssl.engine = \"enable\" (lighty-enable-mod ssl); nginx: "
		            "listen 443 ssl; or see whether the port is right");
	if (speaks_tls(url, CURL_SSLVERSION_TLSv1_0 | CURL_SSLVERSION_MAX_TLSv1_1))
		return fail(h, HS_HTTP_TLS, "this port speaks no TLS newer than 1.1",
		            "let it speak 1.2 and 1.3: Apache: SSLProtocol -all +TLSv1.2 +TLSv1.3; lighttpd: "
		            "\"MinProtocol\" => \"TLSv1.2\", in ssl.openssl.ssl-conf-cmd; nginx: ssl_protocols "
		            "TLSv1.2 TLSv1.3");
	return fail(h, HS_HTTP_TLS, why,
	            "see the web server's error log: its certificate and key, its ciphers, whether it wants a "
	            "certificate of the sender's, which Segment has not");
}

/* True if the port of an http:// URL speaks TLS: some servers answer 400, others hang up. Probes once. */
static bool wants_tls(struct hs_http *h, const char *url)
{
	if (h->asked || strncasecmp(url, "http://", 7) != 0)
		return false;
	h->asked = true;
	if (!speaks_tls(url, CURL_SSLVERSION_TLSv1_0))
		return false;
	fail(h, HS_HTTP_TLS, "this port speaks TLS, not plain HTTP",
	     "begin the URL with https://, or see whether the port is right");
	return true;
}

static const char *remedy(enum hs_http_result r, bool connected)
{
	switch (r) {
	case HS_HTTP_URL: return "expected --url http://… or https://…, and with --cacert a PEM file";
	case HS_HTTP_UNREACHABLE: return "see that the web server runs, and that name and port are right";
	case HS_HTTP_TLS: return mend_certificate(-1);
	case HS_HTTP_TIMEOUT:
		return connected ? "Segment would give up, too, and try again"
		                 : "see that no firewall drops what is sent to this port, and that the name leads here";
	case HS_HTTP_CUT: return "see the web server's error log";
	default: return "free some memory";
	}
}

/* A server that hangs up on a ClientHello may reset the connection before libcurl has read its answer. */
static bool was_in_handshake(struct hs_http *h, const char *url)
{
	curl_off_t shaken = 0;

	curl_easy_getinfo(h->curl, CURLINFO_APPCONNECT_TIME_T, &shaken);
	return strncasecmp(url, "https://", 8) == 0 && shaken == 0;
}

static enum hs_http_result explain(struct hs_http *h, const char *url, CURLcode code)
{
	const char *why = hs_http_why((int)code, h->why);
	enum hs_http_result r = result_of(code, h->target->cacert != NULL);
	long verified = X509_V_OK;
	curl_off_t connected = 0;

	if (code == CURLE_COULDNT_CONNECT)
		return fail(h, r, why,
		            "nothing listens on this port: see that the web server runs, that name and port are "
		            "right, and that no firewall refuses it");
	if (code == CURLE_COULDNT_RESOLVE_PROXY)
		return fail(h, r, why, "correct http_proxy and https_proxy in the environment, or unset them");
	if (code == CURLE_SSL_CACERT_BADFILE && r == HS_HTTP_TLS)
		return fail(h, r, why, "install ca-certificates, or give --cacert FILE");
	if (code == CURLE_COULDNT_RESOLVE_HOST)
		return fail(h, r, why, "see that the name is right, and that the DNS knows it");
	if (code == CURLE_PEER_FAILED_VERIFICATION) {
		curl_easy_getinfo(h->curl, CURLINFO_SSL_VERIFYRESULT, &verified);
		return fail(h, r, why, mend_certificate(verified));
	}
	if (code == CURLE_SSL_CONNECT_ERROR || (r == HS_HTTP_CUT && was_in_handshake(h, url)))
		return explain_handshake(h, url, why);
	if (r == HS_HTTP_CUT && wants_tls(h, url))
		return HS_HTTP_TLS;
	curl_easy_getinfo(h->curl, CURLINFO_CONNECT_TIME_T, &connected);
	return fail(h, r, why, remedy(r, connected > 0));
}

/* Nothing was sent. */
static enum hs_http_result fail_unsent(struct hs_http *h, enum hs_http_result r)
{
	struct hs_slice url = hs_http_shown(h->target->url);
	char text[URL_BYTES];

	snprintf(text, sizeof text, "%.*s%s", (int)(url.n < sizeof text ? url.n : sizeof text - 1), url.p,
	         strchr(h->target->url, '@') != NULL ? "…" : "");
	return fail(h, r, text, remedy(r, false));
}

enum hs_http_result hs_http_send(struct hs_http *h, const struct hs_http_request *request,
                                 struct hs_http_answer *answer)
{
	struct curl_slist *headers;
	char url[URL_BYTES];
	curl_off_t took = 0;
	long status = 0;
	CURLcode code = CURLE_OUT_OF_MEMORY;

	hs_buf_reset(&answer->body);
	answer->server[0] = answer->location[0] = h->why[0] = '\0';
	answer->allow_origin[0] = answer->allow_headers[0] = '\0';
	answer->allow_origins = 0;
	answer->date_ms = 0;
	if (!make_url(h, request->below, url))
		return fail_unsent(h, HS_HTTP_URL);
	if (!make_list(request->headers, request->chunked, &headers))
		return fail_unsent(h, HS_HTTP_MEMORY);
	if (set_up(h, request, url, headers, answer))
		code = curl_easy_perform(h->curl);
	curl_slist_free_all(headers);
	if (code == CURLE_OK && !hs_buf_ok(&answer->body)) /* what is left of it would be judged as the answer */
		code = CURLE_OUT_OF_MEMORY;
	if (code != CURLE_OK)
		return explain(h, url, code);
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(h->curl, CURLINFO_TOTAL_TIME_T, &took);
	answer->status = (int)status;
	answer->took_us = (int64_t)took;
	if (status == 400 && (answer->body.n == 0 || answer->body.p[0] != '{') && wants_tls(h, url))
		return HS_HTTP_TLS;
	return HS_HTTP_OK;
}

#include "cgi/http/console/session.h"
#include "base/hex.h"
#include "base/io.h"
#include "cgi/http/params.h"

#include <stdio.h>

enum {
	SIGNED_BYTES = 8 + HS_SESSION_ID,
	SIGNED = 2 * SIGNED_BYTES,           /* digits … */
	VALUE = SIGNED + 2 * HS_SHA256_BYTES /* … and all of them */
};

static const char NAME[] = "hookspool_console";

static struct hs_slice param(const struct hs_exchange *exchange, const char *name)
{
	return hs_param(exchange->transport->params(exchange->transport), hs_slice_str(name));
}

/* --- where the request comes from ------------------------------------------------ */

static bool is_forwarded_https(const struct hs_exchange *exchange)
{
	struct hs_slice proto = hs_slice_trim(param(exchange, "HTTP_X_FORWARDED_PROTO"));
	struct hs_ip_address peer;

	return hs_ip_address_read(param(exchange, "REMOTE_ADDR"), &peer) &&
	       hs_sender_is_proxy(exchange->settings, &peer) && hs_slice_eq_nocase(proto, HS_SLICE("https"));
}

bool hs_session_is_https(const struct hs_exchange *exchange)
{
	struct hs_slice https = param(exchange, "HTTPS");

	return (https.n > 0 && !hs_slice_eq_nocase(https, HS_SLICE("off"))) || is_forwarded_https(exchange);
}

enum hs_result hs_session_check_https(const struct hs_exchange *exchange)
{
	return exchange->settings->console_http || hs_session_is_https(exchange) ? HS_OK : HS_E_CONSOLE_HTTP;
}

/* Takes scheme and host off an address: what is left of "https://host:1/path" is "host:1". */
static struct hs_slice host_of(struct hs_slice url)
{
	const char *colon = url.n > 3 ? memmem(url.p, url.n, "://", 3) : NULL, *slash;

	if (colon == NULL)
		return HS_SLICE_NONE;
	url = hs_slice(colon + 3, url.n - (size_t)(colon + 3 - url.p));
	slash = memchr(url.p, '/', url.n);
	return slash != NULL ? hs_slice(url.p, (size_t)(slash - url.p)) : url;
}

/* Browsers add Sec-Fetch-Site, and no page can (Fetch Metadata, 2.3); older ones and tools have Origin alone. */
enum hs_result hs_session_check_origin(const struct hs_exchange *exchange)
{
	struct hs_slice site = param(exchange, "HTTP_SEC_FETCH_SITE"), host = param(exchange, "HTTP_HOST");
	struct hs_slice origin = host_of(param(exchange, "HTTP_ORIGIN"));

	if (site.p != NULL)
		return hs_slice_eq(site, HS_SLICE("same-origin")) ? HS_OK : HS_E_CONSOLE_ORIGIN;
	if (origin.n > 0 && (hs_slice_eq_nocase(origin, host) ||
	                     hs_slice_eq_nocase(origin, host_of(hs_slice_str(exchange->settings->public_url)))))
		return HS_OK;
	return HS_E_CONSOLE_ORIGIN;
}

/* --- the cookie -------------------------------------------------------------------- */

static struct hs_slice mount_of(const struct hs_exchange *exchange)
{
	return param(exchange, "SCRIPT_NAME");
}

static bool sign(const struct hs_exchange *exchange, const struct hs_session_file *file,
                 const uint8_t begin[static SIGNED_BYTES], uint8_t mac[static HS_SHA256_BYTES])
{
	struct hs_hmac256 *key = hs_hmac256_new(hs_session_file_key(file));
	struct hs_buf text = { 0 };
	bool done;

	hs_buf_put(&text, (const char *)begin, SIGNED_BYTES);
	hs_buf_put_slice(&text, hs_slice_str(exchange->settings->console_password));
	hs_buf_putc(&text, '\0');
	hs_buf_put_slice(&text, mount_of(exchange));
	done = key != NULL && hs_buf_ok(&text) && hs_hmac256(key, hs_buf_slice(&text), mac);
	hs_hmac256_free(key);
	hs_buf_free(&text);
	return done;
}

static void put_expiry(int64_t ms, uint8_t to[static 8])
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)((uint64_t)ms >> (56 - 8 * i));
}

static int64_t read_expiry(const uint8_t from[static 8])
{
	uint64_t ms = 0;

	for (int i = 0; i < 8; i++)
		ms = ms << 8 | from[i];
	return ms <= INT64_MAX ? (int64_t)ms : 0;
}

/* A clock that was set back must not make a session longer. */
static bool is_in_time(int64_t expires_ms, int64_t now_ms)
{
	return expires_ms > now_ms && expires_ms - now_ms <= HS_SESSION_MS;
}

static enum hs_result check_value(const struct hs_exchange *exchange, const struct hs_session_file *file,
                                  struct hs_slice value, struct hs_session *session)
{
	uint8_t all[VALUE / 2], mac[HS_SHA256_BYTES];

	if (!hs_hex_decode(value, all, sizeof all))
		return HS_E_CONSOLE_SESSION;
	if (!sign(exchange, file, all, mac))
		return HS_E_MEMORY;
	session->expires_ms = read_expiry(all);
	memcpy(session->id, all + 8, sizeof session->id);
	return hs_equal_constant_time(mac, all + SIGNED_BYTES, sizeof mac) &&
	               is_in_time(session->expires_ms, exchange->scratch->store->now()) &&
	               !hs_session_file_has_ended(file, session->id)
	           ? HS_OK
	           : HS_E_CONSOLE_SESSION;
}

/* Takes the next pair off a Cookie header (RFC 6265, 4.2.1). */
static bool next_cookie(struct hs_slice *rest, struct hs_slice *pair)
{
	const char *end;

	if (rest->n == 0)
		return false;
	end = memchr(rest->p, ';', rest->n);
	*pair = hs_slice_trim(hs_slice(rest->p, end != NULL ? (size_t)(end - rest->p) : rest->n));
	*rest = end != NULL ? hs_slice(end + 1, rest->n - (size_t)(end + 1 - rest->p)) : HS_SLICE_NONE;
	return true;
}

/* The value of our cookie that has the right length; p == NULL: the pair is another one. */
static struct hs_slice value_of(struct hs_slice pair)
{
	const size_t name = sizeof NAME - 1;

	if (pair.n != name + 1 + VALUE || memcmp(pair.p, NAME, name) != 0 || pair.p[name] != '=')
		return HS_SLICE_NONE;
	return hs_slice(pair.p + name + 1, VALUE);
}

enum hs_result hs_session_check(const struct hs_exchange *exchange, struct hs_session *session)
{
	enum { COOKIES = 8 }; /* one, but for mounts below one another */
	struct hs_slice rest = param(exchange, "HTTP_COOKIE"), pair;
	struct hs_session_file *file = NULL;
	struct hs_session found;
	enum hs_result result = hs_session_check_https(exchange), opened = HS_OK;
	unsigned tried = 0;

	if (result == HS_OK)
		result = HS_E_CONSOLE_SESSION;
	while (result == HS_E_CONSOLE_SESSION && tried < COOKIES && next_cookie(&rest, &pair)) {
		struct hs_slice value = value_of(pair);

		if (value.p == NULL)
			continue;
		tried++;
		if (file == NULL)
			file = hs_session_file_open(exchange->settings->spool_dir, &opened);
		result = file != NULL ? check_value(exchange, file, value, session != NULL ? session : &found) : opened;
	}
	hs_session_file_close(file);
	return result;
}

/* --- Set-Cookie ---------------------------------------------------------------------- */

struct hs_slice hs_session_path(const struct hs_exchange *exchange)
{
	struct hs_slice uri = param(exchange, "REQUEST_URI"), below = param(exchange, "PATH_INFO");
	const char *query = uri.n > 0 ? memchr(uri.p, '?', uri.n) : NULL;

	if (query != NULL)
		uri.n = (size_t)(query - uri.p);
	if (uri.n > below.n && uri.p[0] == '/' && memcmp(uri.p + uri.n - below.n, below.p, below.n) == 0)
		return hs_slice(uri.p, uri.n - below.n);
	return mount_of(exchange);
}

/* Has the mount's path, unless it has characters that end an attribute. */
static void put_cookie(const struct hs_exchange *exchange, const char *value, int seconds,
                       char cookie[static HS_SESSION_COOKIE])
{
	struct hs_slice path = hs_session_path(exchange);
	bool plain = path.n > 0 && path.n < 200;

	for (size_t i = 0; i < path.n; i++)
		plain = plain && path.p[i] > ' ' && path.p[i] < 0x7F && path.p[i] != ';' && path.p[i] != ',';
	if (!plain)
		path = HS_SLICE("/");
	snprintf(cookie, HS_SESSION_COOKIE, "%s=%s; Path=%.*s; Max-Age=%d; HttpOnly; SameSite=Strict%s", NAME, value,
	         (int)path.n, path.p, seconds, hs_session_is_https(exchange) ? "; Secure" : "");
}

enum hs_result hs_session_begin(const struct hs_exchange *exchange, const struct hs_session_file *file,
                                char cookie[static HS_SESSION_COOKIE])
{
	uint8_t all[VALUE / 2];
	char digits[VALUE + 1] = "";

	put_expiry(exchange->scratch->store->now() + HS_SESSION_MS, all);
	for (size_t i = 0; i < HS_SESSION_ID; i += sizeof(uint64_t)) {
		uint64_t random = hs_io_random();

		memcpy(all + 8 + i, &random, sizeof random);
	}
	if (!sign(exchange, file, all, all + SIGNED_BYTES))
		return HS_E_MEMORY;
	hs_hex_encode(all, sizeof all, digits);
	put_cookie(exchange, digits, HS_SESSION_MS / 1000, cookie);
	return HS_OK;
}

void hs_session_remove(const struct hs_exchange *exchange, char cookie[static HS_SESSION_COOKIE])
{
	put_cookie(exchange, "", 0, cookie);
}

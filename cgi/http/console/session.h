/*
 * session: logins to the console, kept in a signed cookie.
 *
 *	hookspool_console=EXPIRES ID MAC
 *
 * in hexadecimal without the blanks: milliseconds since 1970 (8 bytes), a random number (16), and the
 * HMAC-SHA-256 of both, of the hash of the password and of the mount's path, under the key of session_file.h. So
 * another password, another mount and another spool have other cookies.
 */
#ifndef HS_SESSION_H
#define HS_SESSION_H

#include "cgi/http/console/session_file.h"
#include "cgi/http/exchange.h"

enum {
	HS_SESSION_MS = 12 * 3600 * 1000,
	HS_SESSION_COOKIE = 512, /* bytes of a Set-Cookie, its NUL included */
};

struct hs_session {
	uint8_t id[HS_SESSION_ID];
	int64_t expires_ms;
};

/* True if the request came by HTTPS, as the web server or a trusted proxy says. */
bool hs_session_is_https(const struct hs_exchange *exchange);

/*
 * The mount's path as the browser has it: the request's address without what is below the mount. Where a
 * RewriteRule leads to the program, SCRIPT_NAME is another.
 */
struct hs_slice hs_session_path(const struct hs_exchange *exchange);

/* HS_OK, or HS_E_CONSOLE_HTTP unless console_http = yes. */
enum hs_result hs_session_check_https(const struct hs_exchange *exchange);

/*
 * HS_OK if the request may see what is in the spool; `session` may be NULL. HS_E_CONSOLE_HTTP,
 * HS_E_CONSOLE_SESSION, or as hs_session_file_open.
 */
enum hs_result hs_session_check(const struct hs_exchange *exchange, struct hs_session *session);

/* HS_OK if the request comes from a page of this mount, else HS_E_CONSOLE_ORIGIN. */
enum hs_result hs_session_check_origin(const struct hs_exchange *exchange);

/* Begins a session, and writes its Set-Cookie. HS_OK, HS_E_MEMORY. */
enum hs_result hs_session_begin(const struct hs_exchange *exchange, const struct hs_session_file *file,
                                char cookie[static HS_SESSION_COOKIE]);
/* Writes the Set-Cookie that removes it. */
void hs_session_remove(const struct hs_exchange *exchange, char cookie[static HS_SESSION_COOKIE]);

#endif

/* login: the handlers of /console/login and /console/logout. */
#include "base/io.h"
#include "base/password.h"
#include "cgi/http/body.h"
#include "cgi/http/console/console.h"
#include "cgi/http/console/query.h"
#include "cgi/http/handlers.h"
#include "cgi/http/params.h"
#include "spool/shared/spool_dir.h"

#include <stdio.h>

enum {
	PREFIX_BYTES = 8, /* of IPv6: a sender can use all addresses of its /64 */
};

static struct hs_slice address_of(const struct hs_exchange *exchange, struct hs_ip_address *address)
{
	static const uint8_t mapped[12] = { [10] = 0xFF, [11] = 0xFF };
	char *const *params = exchange->transport->params(exchange->transport);

	if (!hs_sender_address(exchange->settings, hs_param(params, HS_SLICE("REMOTE_ADDR")), params, address))
		*address = (struct hs_ip_address){ 0 };
	return hs_slice((const char *)address->byte,
	                memcmp(address->byte, mapped, sizeof mapped) == 0 ? sizeof address->byte : PREFIX_BYTES);
}

static void wait_for(struct hs_exchange *exchange, unsigned seconds)
{
	snprintf(exchange->outcome.retry_after, sizeof exchange->outcome.retry_after, "%hu", (unsigned short)seconds);
}

/* Sees to it that the folder of the session file is there: the first request after a start makes it. */
static enum hs_result prepare(struct hs_exchange *exchange)
{
	const struct hs_store_ops *store = exchange->scratch->store;
	int dir = hs_spool_dir_open_run(exchange->settings->spool_dir);
	bool catching_up;

	if (dir < 0)
		return store->health(store->self, &catching_up);
	hs_io_close(dir);
	return HS_OK;
}

/* Counts the try before the password is compared, so that many at once do not pass the limit. */
static enum hs_result count_try(struct hs_exchange *exchange, struct hs_slice address)
{
	enum hs_result result;
	struct hs_session_file *file = hs_session_file_open(exchange->settings->spool_dir, &result);
	unsigned seconds = 0;

	if (file != NULL)
		result = hs_session_file_try(file, address, exchange->scratch->store->now(), &seconds);
	hs_session_file_close(file);
	if (result != HS_OK || seconds == 0)
		return result;
	wait_for(exchange, seconds);
	return HS_E_CONSOLE_TRIES;
}

static enum hs_result compare(struct hs_exchange *exchange, struct hs_slice password)
{
	bool same;

	if (!hs_password_check(password, exchange->settings->console_password, &same))
		return HS_E_MEMORY;
	return same ? HS_OK : HS_E_CONSOLE_PASSWORD;
}

/* The lock comes first: a request that does not get it has not tried a password. */
static enum hs_result try_password(struct hs_exchange *exchange, struct hs_slice address, struct hs_slice password)
{
	int work;
	enum hs_result result = hs_session_file_work(exchange->settings->spool_dir, &work);

	if (result != HS_OK) {
		wait_for(exchange, 1);
		return result;
	}
	result = count_try(exchange, address);
	if (result == HS_OK)
		result = compare(exchange, password);
	hs_io_close(work);
	return result;
}

static enum hs_result begin(struct hs_exchange *exchange, struct hs_slice address,
                            char cookie[static HS_SESSION_COOKIE])
{
	enum hs_result result;
	struct hs_session_file *file = hs_session_file_open(exchange->settings->spool_dir, &result);

	if (file != NULL)
		result = hs_session_file_forgive(file, address);
	if (result == HS_OK)
		result = hs_session_begin(exchange, file, cookie);
	hs_session_file_close(file);
	return result;
}

static enum hs_result read_password(struct hs_exchange *exchange, struct hs_query_value *password)
{
	enum hs_result result = hs_body_read(exchange);

	if (result == HS_OK && !hs_query_value(hs_buf_slice(&exchange->scratch->body), "password", password))
		result = HS_E_QUERY;
	hs_buf_wipe(&exchange->scratch->body);
	return result;
}

/* Answers with an empty object and the cookie. */
static void answer(struct hs_exchange *exchange, enum hs_result result, const char *cookie)
{
	struct hs_response *page = hs_console_page(exchange, 200, HS_SLICE("application/json"), false);

	hs_buf_put_slice(&exchange->page_text, HS_SLICE("{}\n"));
	hs_response_header(page, HS_SLICE("Set-Cookie"), hs_slice_str(cookie));
	hs_exchange_answer(exchange, result);
}

void hs_handle_console_login(struct hs_exchange *exchange)
{
	struct hs_query_value password = { .n = 0 };
	char cookie[HS_SESSION_COOKIE] = "";
	struct hs_ip_address address;
	struct hs_slice from = address_of(exchange, &address);
	enum hs_result result = hs_session_check_https(exchange);

	if (result == HS_OK)
		result = hs_session_check_origin(exchange);
	if (result == HS_OK)
		result = read_password(exchange, &password);
	hs_console_hand_over_login(exchange);
	if (result == HS_OK)
		result = prepare(exchange);
	if (result == HS_OK)
		result = try_password(exchange, from, hs_slice(password.text, password.n));
	if (result == HS_OK)
		result = begin(exchange, from, cookie);
	explicit_bzero(&password, sizeof password);
	answer(exchange, result, cookie);
}

void hs_handle_console_logout(struct hs_exchange *exchange)
{
	char cookie[HS_SESSION_COOKIE] = "";
	struct hs_session session;
	struct hs_session_file *file = NULL;
	enum hs_result result;

	hs_console_hand_over(exchange);
	result = hs_session_check_origin(exchange);
	if (result == HS_OK)
		result = hs_session_check(exchange, &session);
	if (result == HS_OK)
		file = hs_session_file_open(exchange->settings->spool_dir, &result);
	if (file != NULL)
		result = hs_session_file_end(file, session.id, session.expires_ms, exchange->scratch->store->now());
	hs_session_file_close(file);
	hs_session_remove(exchange, cookie);
	answer(exchange, result, cookie);
}

#include "base/io.h"
#include "tools/ship/engine_nats.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

enum { SERVERS_MAX = 32, SECRET_MAX = 64 << 10, CONNECT_LEAST_MS = 250, PING_MS = 30000, BUFFER_BYTES = 64 << 10 };

/* Says what libnats does not take: that is a fault of the settings, unless memory runs out. */
static int refuse(natsStatus status, const char *what, const char *which, struct hs_engine_failure *failure)
{
	if (status == NATS_NO_MEMORY)
		return hs_engine_fail(failure, EX_OSERR, "out of memory");
	return hs_engine_fail(failure, EX_CONFIG, "%s %s: %s", what, which, nats_GetLastError(NULL));
}

/* --- servers ------------------------------------------------------------------------------------------- */

struct servers {
	char *text;                   /* the URLs, each with a NUL */
	const char *url[SERVERS_MAX]; /* in text */
	int count;
	bool tls;
};

static bool is_loopback(const char *host)
{
	size_t n = strcspn(host, host[0] == '[' ? "]" : ":/");

	if (host[0] == '[')
		return n == 4 && strncmp(host, "[::1", 4) == 0;
	return (n == 9 && strncmp(host, "localhost", 9) == 0) ||
	       (n >= 7 && n <= 15 && strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == n);
}

/* Adds a server of the list, which has a scheme or takes that of the one before. */
static int add_server(struct hs_engine *e, struct servers *servers, char *to, const char *from, size_t n,
                      struct hs_engine_failure *failure)
{
	bool tls = servers->tls;
	const char *host = from;

	if (n >= 7 && strncmp(from, "nats://", 7) == 0) {
		tls = false;
		host += 7;
	} else if (n >= 6 && strncmp(from, "tls://", 6) == 0) {
		tls = true;
		host += 6;
	} else if (servers->count == 0 || memmem(from, n, "://", 3) != NULL) {
		return hs_engine_fail(failure, EX_CONFIG, "server %.*s: it must begin with nats:// or tls://", (int)n,
		                      from);
	}
	n -= (size_t)(host - from);
	if (servers->count > 0 && tls != servers->tls)
		return hs_engine_fail(failure, EX_CONFIG, "servers must be all nats:// or all tls://");
	if (memchr(host, '@', n) != NULL)
		return hs_engine_fail(failure, EX_CONFIG,
		                      "credentials do not belong in a server's name: creds, nkey, or user");
	if (n == 0 || servers->count == SERVERS_MAX)
		return hs_engine_fail(failure, EX_CONFIG, n == 0 ? "a server without a name" : "more than 32 servers");
	servers->tls = tls;
	sprintf(to, "%s://%.*s", tls ? "tls" : "nats", (int)n, host);
	if (!tls && !e->options.plain_abroad && !is_loopback(strstr(to, "://") + 3))
		return hs_engine_fail(failure, EX_CONFIG, "plain text to %.*s: use tls://, or plain = yes", (int)n,
		                      host);
	servers->url[servers->count++] = to;
	return 0;
}

static int read_servers(struct hs_engine *e, struct servers *servers, struct hs_engine_failure *failure)
{
	const char *at = e->options.servers;
	size_t room = 0;
	char *to;
	int code = 0;

	for (const char *p = at; *p != '\0'; p++)
		room += *p == ',' ? 9 : 1;
	servers->text = to = malloc(room + 16);
	if (to == NULL)
		return hs_engine_fail(failure, EX_OSERR, "out of memory");
	while (code == 0) {
		size_t n = strcspn(at, ",");
		struct hs_slice server = hs_slice_trim(hs_slice(at, n));

		code = add_server(e, servers, to, server.p, server.n, failure);
		if (code == 0)
			to += strlen(to) + 1;
		if (at[n] == '\0')
			break;
		at += n + 1;
	}
	return code;
}

/* --- secrets --------------------------------------------------------------------------------------------- */

/* Appends the file, if others than its owner and group cannot read it. */
static int read_private(const char *what, const char *path, struct hs_buf *text, struct hs_engine_failure *failure)
{
	struct stat st;

	if (hs_io_read_file(path, SECRET_MAX, text, &st) != 0)
		return hs_engine_fail(failure, EX_CONFIG, "%s %s: %s", what, path, strerror(errno));
	if ((st.st_mode & 07) != 0)
		return hs_engine_fail(failure, EX_CONFIG, "%s %s: everybody may read it: chmod o= %s", what, path,
		                      path);
	if (memchr(text->p, '\0', text->n) != NULL)
		return hs_engine_fail(failure, EX_CONFIG, "%s %s: it is no text", what, path);
	hs_buf_putc(text, '\0');
	return hs_buf_ok(text) ? 0 : hs_engine_fail(failure, EX_OSERR, "out of memory");
}

static int set_user(struct hs_engine *e, struct hs_engine_failure *failure)
{
	const char *file = e->options.password_file;
	struct hs_buf text = { 0 };
	natsStatus status;
	int code;

	if (file == NULL)
		return hs_engine_fail(failure, EX_CONFIG, "user without password");
	code = read_private("password", file, &text, failure);
	if (code == 0) {
		text.p[strcspn(text.p, "\r\n")] = '\0';
		status = natsOptions_SetUserInfo(e->nats, e->options.user, text.p);
		code = status == NATS_OK ? 0 : refuse(status, "user", e->options.user, failure);
	}
	hs_buf_wipe(&text);
	return code;
}

static int set_nkey(struct hs_engine *e, struct hs_engine_failure *failure)
{
	struct hs_buf text = { 0 };
	char public_key[57];
	natsStatus status;
	int code = read_private("nkey", e->options.nkey, &text, failure);

	if (code == 0 && !hs_nkey_public(hs_slice(text.p, strcspn(text.p, " \r\n")), public_key))
		code = hs_engine_fail(failure, EX_CONFIG, "nkey %s: no seed of a user (SU…)", e->options.nkey);
	if (code == 0) {
		status = natsOptions_SetNKeyFromSeed(e->nats, public_key, e->options.nkey);
		code = status == NATS_OK ? 0 : refuse(status, "nkey", e->options.nkey, failure);
	}
	hs_buf_wipe(&text);
	return code;
}

/* libnats reads the file at each connection, and half a file would look like a server that does not answer. */
static bool has_both_parts(const char *text)
{
	const char *jwt = strstr(text, "-----BEGIN"), *jwt_end = jwt != NULL ? strstr(jwt, "-----END") : NULL;
	const char *seed = jwt_end != NULL ? strstr(jwt_end, "-----BEGIN") : NULL;

	return seed != NULL && strstr(seed, "-----END") != NULL;
}

static int set_creds(struct hs_engine *e, struct hs_engine_failure *failure)
{
	struct hs_buf text = { 0 };
	natsStatus status;
	int code = read_private("creds", e->options.creds, &text, failure);

	if (code == 0 && !has_both_parts(text.p))
		code = hs_engine_fail(failure, EX_CONFIG, "creds %s: not a JWT and a seed, as nsc makes them",
		                      e->options.creds);
	hs_buf_wipe(&text);
	if (code != 0)
		return code;
	status = natsOptions_SetUserCredentialsFromFiles(e->nats, e->options.creds, NULL);
	return status == NATS_OK ? 0 : refuse(status, "creds", e->options.creds, failure);
}

static int set_credentials(struct hs_engine *e, struct hs_engine_failure *failure)
{
	const struct hs_engine_options *o = &e->options;

	if ((o->creds != NULL) + (o->nkey != NULL) + (o->user != NULL) > 1)
		return hs_engine_fail(failure, EX_CONFIG, "creds, nkey or user, not several");
	if (o->user == NULL && o->password_file != NULL)
		return hs_engine_fail(failure, EX_CONFIG, "password without user");
	return o->user != NULL    ? set_user(e, failure)
	       : o->nkey != NULL  ? set_nkey(e, failure)
	       : o->creds != NULL ? set_creds(e, failure)
	                          : 0;
}

/* --- TLS ----------------------------------------------------------------------------------------------------- */

static int set_tls(struct hs_engine *e, bool tls, struct hs_engine_failure *failure)
{
	const struct hs_engine_options *o = &e->options;
	natsStatus status;

	if (!tls && (o->ca != NULL || o->cert != NULL || o->key != NULL))
		return hs_engine_fail(failure, EX_CONFIG, "ca, cert and key need tls://");
	if ((o->cert == NULL) != (o->key == NULL))
		return hs_engine_fail(failure, EX_CONFIG, "cert and key belong together");
	if (!tls)
		return 0;
	status = natsOptions_SetSecure(e->nats, true);
	if (status != NATS_OK)
		return refuse(status, "TLS", "of libnats", failure);
	status = o->ca != NULL ? natsOptions_LoadCATrustedCertificates(e->nats, o->ca) : NATS_OK;
	if (status != NATS_OK)
		return refuse(status, "ca", o->ca, failure);
	status = o->cert != NULL ? natsOptions_LoadCertificatesChain(e->nats, o->cert, o->key) : NATS_OK;
	if (status == NATS_NO_MEMORY)
		return hs_engine_fail(failure, EX_OSERR, "out of memory");
	if (status != NATS_OK)
		return hs_engine_fail(failure, EX_CONFIG, "cert %s, key %s: %s", o->cert, o->key,
		                      nats_GetLastError(NULL));
	return 0;
}

/* --- all ------------------------------------------------------------------------------------------------------- */

/* Time for one server, so that all together have connect_ms. */
static int64_t each_ms(const struct hs_engine *e, int count)
{
	int64_t ms = e->options.connect_ms / count;

	return ms > CONNECT_LEAST_MS ? ms : CONNECT_LEAST_MS;
}

static natsStatus set_behaviour(struct hs_engine *e, const struct servers *servers)
{
	char name[HS_NATS_NAME_MAX];
	natsStatus s;

	snprintf(name, sizeof name, "hookspool-ship %s", e->options.receiver);
	s = natsOptions_SetServers(e->nats, (const char **)servers->url, servers->count);
	s = s != NATS_OK ? s : natsOptions_SetName(e->nats, name);
	s = s != NATS_OK ? s : natsOptions_SetTimeout(e->nats, each_ms(e, servers->count));
	s = s != NATS_OK ? s : natsOptions_SetAllowReconnect(e->nats, false);
	s = s != NATS_OK ? s : natsOptions_SetIgnoreDiscoveredServers(e->nats, true);
	s = s != NATS_OK ? s : natsOptions_SetPingInterval(e->nats, PING_MS);
	s = s != NATS_OK ? s : natsOptions_SetWriteDeadline(e->nats, e->options.ack_wait_ms);
	return s != NATS_OK ? s : natsOptions_SetIOBufSize(e->nats, BUFFER_BYTES);
}

int hs_nats_options(struct hs_engine *e, struct hs_engine_failure *failure)
{
	struct servers servers = { 0 };
	natsStatus status = NATS_OK;
	int code = read_servers(e, &servers, failure);

	if (code == 0 && natsOptions_Create(&e->nats) != NATS_OK)
		code = hs_engine_fail(failure, EX_OSERR, "out of memory");
	if (code == 0)
		status = set_behaviour(e, &servers);
	if (status != NATS_OK)
		code = refuse(status, "servers", e->options.servers, failure);
	if (code == 0)
		code = set_tls(e, servers.tls, failure);
	if (code == 0)
		code = set_credentials(e, failure);
	free(servers.text);
	return code;
}

#include "tools/load/mysql_session.h"
#include "base/hex.h"
#include "tools/load/sql_text.h"

#include <mariadb/errmsg.h>
#include <mariadb/mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ANSWER_S = 600,   /* for an answer of the server, and for us to read its rows; then the other counts as away */
	ROW_LOCK_S = 10,  /* for the lock of a row */
	TABLE_LOCK_S = 1, /* for the lock of a table; the server knows whole seconds only */
};

/* --- the URL ------------------------------------------------------------------------- */

/* Ends `text` at the first of these characters; returns what comes after it, or NULL. */
static char *cut(char *text, const char *at)
{
	char *end = strpbrk(text, at);

	if (end == NULL)
		return NULL;
	*end = '\0';
	return end + 1;
}

/* In place. False: a % without two hex digits, or a NUL. */
static bool decode(char *text)
{
	char *to = text;

	for (; *text != '\0'; text++) {
		uint8_t byte = (uint8_t)*text;

		if (*text == '%') {
			if (strlen(text) < 3 || !hs_hex_decode(hs_slice(text + 1, 2), &byte, 1) || byte == 0)
				return false;
			text += 2;
		}
		*to++ = (char)byte;
	}
	*to = '\0';
	return true;
}

static bool parse_query(struct hs_mysql *m, char *query, const char **why)
{
	*why = "expected ?socket=/PATH&defaults_file=/PATH&tls=verify";
	for (char *next; query != NULL; query = next) {
		char *value;

		next = cut(query, "&");
		value = cut(query, "=");
		if (value == NULL || !decode(value))
			return false;
		if (strcmp(query, "socket") == 0)
			m->socket = value;
		else if (strcmp(query, "defaults_file") == 0)
			m->defaults_file = value;
		else if (strcmp(query, "tls") == 0)
			m->tls = value;
		else
			return false;
	}
	*why = "tls is verify, require or off";
	return m->tls == NULL || strcmp(m->tls, "verify") == 0 || strcmp(m->tls, "require") == 0 ||
	       strcmp(m->tls, "off") == 0;
}

static void split_host(struct hs_mysql *m, char *host)
{
	if (host[0] == '[') {
		char *after = cut(++host, "]");

		m->port = after != NULL && after[0] == ':' ? after + 1 : NULL;
	} else {
		m->port = cut(host, ":");
	}
	m->host = host;
}

bool hs_mysql_parse(struct hs_target *t, const char **why)
{
	struct hs_mysql *m = hs_mysql_of(t);
	const char *after = strstr(t->url, "://");
	char *query, *host;

	*why = "expected mysql://USER@HOST/DATABASE";
	if (after == NULL)
		return false;
	m->text = strdup(after + 3);
	if (m->text == NULL)
		return false;
	query = cut(m->text, "?");
	m->database = cut(m->text, "/");
	host = strrchr(m->text, '@');
	if (host != NULL)
		*host = '\0';
	m->user = host != NULL ? m->text : NULL;
	split_host(m, host != NULL ? host + 1 : m->text);
	if (m->database == NULL || m->database[0] == '\0' || (m->user != NULL && strchr(m->user, ':') != NULL) ||
	    !decode(m->database) || (m->user != NULL && !decode(m->user)) || !decode(m->host) ||
	    (m->port != NULL && (atoi(m->port) < 1 || atoi(m->port) > 65535)))
		return false;
	return parse_query(m, query, why);
}

/* --- errors ---------------------------------------------------------------------------- */

/* The meaning of errors; all others are BROKEN. https://mariadb.com/kb/en/mariadb-error-codes/ */
static const struct {
	unsigned code;
	enum hs_target_result result;
} meanings[] = {
	{ CR_CONNECTION_ERROR, HS_TARGET_AWAY },
	{ CR_CONN_HOST_ERROR, HS_TARGET_AWAY },
	{ CR_UNKNOWN_HOST, HS_TARGET_AWAY },
	{ CR_SERVER_GONE_ERROR, HS_TARGET_AWAY },
	{ CR_SERVER_LOST, HS_TARGET_AWAY },
	{ 2012 /* CR_SERVER_HANDSHAKE_ERR */, HS_TARGET_AWAY },
	{ 2055 /* CR_SERVER_LOST_EXTENDED */, HS_TARGET_AWAY },
	{ ER_SERVER_SHUTDOWN, HS_TARGET_AWAY },
	{ ER_NORMAL_SHUTDOWN, HS_TARGET_AWAY },
	{ ER_CONNECTION_KILLED, HS_TARGET_AWAY },
	{ ER_CON_COUNT_ERROR, HS_TARGET_AWAY },
	{ ER_TOO_MANY_USER_CONNECTIONS, HS_TARGET_AWAY },
	{ ER_USER_LIMIT_REACHED, HS_TARGET_AWAY }, /* max_queries_per_hour of a shared host */
	{ ER_NEW_ABORTING_CONNECTION, HS_TARGET_AWAY },
	{ ER_NET_READ_ERROR, HS_TARGET_AWAY },
	{ ER_NET_READ_INTERRUPTED, HS_TARGET_AWAY },
	{ ER_NET_ERROR_ON_WRITE, HS_TARGET_AWAY },
	{ ER_NET_WRITE_INTERRUPTED, HS_TARGET_AWAY },
	{ ER_NET_PACKET_TOO_LARGE, HS_TARGET_AWAY }, /* it hangs up, and its limit is read at the next connect */
	{ ER_LOCK_WAIT_TIMEOUT, HS_TARGET_AGAIN },
	{ ER_LOCK_DEADLOCK, HS_TARGET_AGAIN },
	{ ER_QUERY_INTERRUPTED, HS_TARGET_AGAIN },
	{ ER_STATEMENT_TIMEOUT, HS_TARGET_AGAIN },
	{ 1020 /* ER_CHECKREAD: the row has changed since it was read */, HS_TARGET_AGAIN },
	{ 3 /* EE_WRITE */, HS_TARGET_FULL },
	{ ER_ERROR_ON_WRITE, HS_TARGET_FULL },
	{ ER_GET_ERRNO, HS_TARGET_FULL },
	{ ER_DISK_FULL, HS_TARGET_FULL },
	{ ER_RECORD_FILE_FULL, HS_TARGET_FULL },
	{ ER_OUTOFMEMORY, HS_TARGET_FULL },
	{ ER_OUT_OF_SORTMEMORY, HS_TARGET_FULL },
	{ ER_OUT_OF_RESOURCES, HS_TARGET_FULL },
	{ ER_LOCK_TABLE_FULL, HS_TARGET_FULL },
	{ CR_OUT_OF_MEMORY, HS_TARGET_FULL },
	{ ER_BAD_FIELD_ERROR, HS_TARGET_CATALOGUE },
	{ ER_NO_SUCH_TABLE, HS_TARGET_CATALOGUE },
	{ ER_TABLE_EXISTS_ERROR, HS_TARGET_CATALOGUE },
	{ ER_DUP_FIELDNAME, HS_TARGET_CATALOGUE },
	{ ER_TABLE_DEF_CHANGED, HS_TARGET_CATALOGUE },
	{ ER_TOO_BIG_ROWSIZE, HS_TARGET_WIDE },
	{ ER_TOO_MANY_FIELDS, HS_TARGET_WIDE },
	{ ER_BAD_NULL_ERROR, HS_TARGET_ROW },
	{ ER_DUP_ENTRY, HS_TARGET_ROW },
	{ ER_DUP_ENTRY_WITH_KEY_NAME, HS_TARGET_ROW },
	{ ER_WARN_DATA_OUT_OF_RANGE, HS_TARGET_ROW },
	{ ER_DATA_OUT_OF_RANGE, HS_TARGET_ROW },
	{ ER_TRUNCATED_WRONG_VALUE, HS_TARGET_ROW },
	{ ER_TRUNCATED_WRONG_VALUE_FOR_FIELD, HS_TARGET_ROW },
	{ WARN_DATA_TRUNCATED, HS_TARGET_ROW },
	{ ER_DATA_TOO_LONG, HS_TARGET_ROW },
	{ ER_INVALID_CHARACTER_STRING, HS_TARGET_ROW },
	{ ER_NO_DEFAULT_FOR_FIELD, HS_TARGET_ROW },
	{ ER_ROW_IS_REFERENCED, HS_TARGET_ROW },
	{ ER_ROW_IS_REFERENCED_2, HS_TARGET_ROW },
	{ ER_NO_REFERENCED_ROW, HS_TARGET_ROW },
	{ ER_NO_REFERENCED_ROW_2, HS_TARGET_ROW },
	{ 3819 /* ER_CHECK_CONSTRAINT_VIOLATED of MySQL */, HS_TARGET_ROW },
	{ ER_CONSTRAINT_FAILED, HS_TARGET_ROW },
	{ ER_SIGNAL_EXCEPTION, HS_TARGET_ROW },
	{ ER_NO_PARTITION_FOR_GIVEN_VALUE, HS_TARGET_ROW },
	{ ER_DBACCESS_DENIED_ERROR, HS_TARGET_DENIED },
	{ ER_TABLEACCESS_DENIED_ERROR, HS_TARGET_DENIED },
	{ ER_COLUMNACCESS_DENIED_ERROR, HS_TARGET_DENIED },
	{ ER_SPECIFIC_ACCESS_DENIED_ERROR, HS_TARGET_DENIED },
	{ ER_ACCESS_DENIED_ERROR, HS_TARGET_DENIED },
	{ ER_ACCESS_DENIED_NO_PASSWORD_ERROR, HS_TARGET_DENIED },
	{ ER_BAD_DB_ERROR, HS_TARGET_DENIED },
	{ ER_HOST_NOT_PRIVILEGED, HS_TARGET_DENIED },
	{ ER_HOST_IS_BLOCKED, HS_TARGET_DENIED },
	{ ER_MUST_CHANGE_PASSWORD, HS_TARGET_DENIED },
	{ ER_OPTION_PREVENTS_STATEMENT, HS_TARGET_DENIED }, /* read_only, say */
	{ CR_SSL_CONNECTION_ERROR, HS_TARGET_DENIED },
	{ CR_AUTH_PLUGIN_CANNOT_LOAD, HS_TARGET_DENIED },
};

static enum hs_target_result meaning(unsigned code)
{
	for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
		if (meanings[i].code == code)
			return meanings[i].result;
	return HS_TARGET_BROKEN;
}

/* Whom to grant; before there is a session, the error names the account. */
static struct hs_slice account(const struct hs_mysql *m, const char *said)
{
	const char *user = strstr(said, "user '"), *end = user == NULL ? NULL : strstr(user, "' to database");

	if (m->account[0] != '\0' || end == NULL)
		return hs_slice_str(m->account);
	return hs_slice(user + 5, (size_t)(end + 1 - user - 5));
}

/* Appends what a person can do about it. */
static void put_remedy(const struct hs_mysql *m, unsigned code, const char *said, struct hs_buf *out)
{
	switch (code) {
	case ER_DBACCESS_DENIED_ERROR:
	case ER_TABLEACCESS_DENIED_ERROR:
	case ER_COLUMNACCESS_DENIED_ERROR:
	case ER_SPECIFIC_ACCESS_DENIED_ERROR:
		hs_buf_put_slice(out,
		                 HS_SLICE("; GRANT CREATE, ALTER, INDEX, SELECT, INSERT, UPDATE, DELETE, TRIGGER ON "));
		hs_sql_put_name(out, hs_slice_str(m->database), '`');
		hs_buf_put_slice(out, HS_SLICE(".* TO "));
		hs_buf_put_slice(out, account(m, said));
		break;
	case ER_BAD_DB_ERROR:
		hs_buf_put_slice(out, HS_SLICE("; CREATE DATABASE "));
		hs_sql_put_name(out, hs_slice_str(m->database), '`');
		break;
	case ER_ACCESS_DENIED_ERROR:
	case ER_ACCESS_DENIED_NO_PASSWORD_ERROR:
		hs_buf_put_slice(out, HS_SLICE("; the password belongs under [client] in ~/.my.cnf, or in the file of "
		                               "?defaults_file=/PATH"));
		break;
	case CR_SSL_CONNECTION_ERROR:
		hs_buf_put_slice(out,
		                 HS_SLICE("; tls=verify needs ssl-ca under [client] in ~/.my.cnf, unless the system "
		                          "knows the authority; tls=require and tls=off ask for less"));
		break;
	default: break;
	}
}

enum hs_target_result hs_mysql_error(struct hs_mysql *m, unsigned code, const char *said)
{
	struct hs_buf out = { 0 };

	if (code == 0)
		return HS_TARGET_OK;
	hs_buf_put_slice(&out, hs_slice_str(said));
	put_remedy(m, code, said, &out);
	snprintf(m->target.message, sizeof m->target.message, "%.*s", (int)out.n, out.p);
	snprintf(m->target.state, sizeof m->target.state, "%hu", (unsigned short)code);
	hs_buf_free(&out);
	return meaning(code);
}

enum hs_target_result hs_mysql_no_memory(struct hs_mysql *m)
{
	return hs_mysql_error(m, CR_OUT_OF_MEMORY, "out of memory");
}

/* --- connection ----------------------------------------------------------------------------- */

static bool is_local(const struct hs_mysql *m)
{
	return m->socket != NULL || m->host[0] == '\0' || strcmp(m->host, "localhost") == 0 ||
	       strncmp(m->host, "127.", 4) == 0 || strcmp(m->host, "::1") == 0;
}

/* True if the connection must be encrypted; *verify: and the server prove its name. */
static bool wants_tls(const struct hs_mysql *m, bool *verify)
{
	const char *tls = m->tls != NULL ? m->tls : is_local(m) ? "off" : "verify";

	*verify = strcmp(tls, "verify") == 0;
	return strcmp(tls, "off") != 0;
}

static void set_options(struct hs_mysql *m)
{
	unsigned connect_s = HS_TARGET_CONNECT_MS / 1000, answer_s = ANSWER_S, no = 0;
	bool verify;
	my_bool tls = wants_tls(m, &verify), verified = verify;

	mysql_options(m->my, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
	mysql_options(m->my, MYSQL_OPT_READ_TIMEOUT, &answer_s);
	mysql_options(m->my, MYSQL_OPT_WRITE_TIMEOUT, &answer_s);
	mysql_options(m->my, MYSQL_OPT_LOCAL_INFILE, &no); /* a server could ask for our files */
	mysql_options(m->my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	if (m->defaults_file != NULL)
		mysql_options(m->my, MYSQL_READ_DEFAULT_FILE, m->defaults_file);
	mysql_options(m->my, MYSQL_READ_DEFAULT_GROUP, "hookspool");
	if (tls)
		mysql_options(m->my, MYSQL_OPT_SSL_ENFORCE, &tls);
	mysql_options(m->my, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verified);
}

/* An options file may have changed what the URL asks for. */
static enum hs_target_result check_tls(struct hs_mysql *m)
{
	bool verify;
	my_bool verified = 0;

	if (!wants_tls(m, &verify))
		return HS_TARGET_OK;
	mysql_get_optionv(m->my, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verified);
	if (mysql_get_ssl_cipher(m->my) == NULL || (verify && !verified))
		return hs_mysql_error(m, CR_SSL_CONNECTION_ERROR, "the connection is not as safe as tls=… asks for");
	return HS_TARGET_OK;
}

static bool read_session(void *context, const struct hs_slice *value)
{
	struct hs_mysql *m = context;
	struct hs_buf account = { .p = m->account, .cap = sizeof m->account - 1, .max = sizeof m->account - 1 };
	const char *at = memrchr(value[1].p, '@', value[1].n);

	m->packet_max = (size_t)strtoull(value[0].p, NULL, 10);
	if (at == NULL)
		return true;
	hs_sql_put_text(&account, hs_slice(value[1].p, (size_t)(at - value[1].p)));
	hs_buf_putc(&account, '@');
	hs_sql_put_text(&account, hs_slice(at + 1, value[1].n - (size_t)(at + 1 - value[1].p)));
	m->account[account.n] = '\0';
	return true;
}

static enum hs_target_result begin_session(struct hs_mysql *m)
{
	unsigned long more = 0;
	enum hs_target_result result;

	mariadb_get_infov(m->my, MARIADB_CONNECTION_EXTENDED_SERVER_CAPABILITIES, &more);
	m->bulk = (more & (unsigned long)(MARIADB_CLIENT_STMT_BULK_OPERATIONS >> 32)) != 0;
	m->collation = mariadb_connection(m->my) ? "utf8mb4_nopad_bin" : "utf8mb4_0900_bin";
	hs_buf_reset(&m->sql);
	hs_buf_printf(&m->sql,
	              "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
	              "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', autocommit = 1, "
	              "lock_wait_timeout = %d, innodb_lock_wait_timeout = %d, net_write_timeout = %d, "
	              "sql_safe_updates = 0, sql_select_limit = 18446744073709551615"
	              "/*M!100304 , system_versioning_alter_history = KEEP */",
	              TABLE_LOCK_S, ROW_LOCK_S, ANSWER_S);
	result = hs_mysql_run(m);
	hs_mysql_say(m, "SELECT @@max_allowed_packet, CURRENT_USER()");
	return result == HS_TARGET_OK ? hs_mysql_rows(m, read_session, m) : result;
}

static bool ignore_row(void *context, const struct hs_slice *value)
{
	return context == NULL || value != NULL;
}

/* Looks first: CREATE TABLE IF NOT EXISTS needs the right to make what is there already. */
static enum hs_target_result make_own_table(struct hs_mysql *m, const char *name, const char *columns)
{
	enum hs_target_result result;

	hs_buf_reset(&m->sql);
	hs_buf_printf(&m->sql, "SELECT 1 FROM `%s%s` LIMIT 0", m->target.prefix, name);
	result = hs_mysql_rows(m, ignore_row, NULL);
	if (result != HS_TARGET_CATALOGUE)
		return result;
	hs_buf_reset(&m->sql);
	hs_buf_printf(&m->sql,
	              "CREATE TABLE IF NOT EXISTS `%s%s` %s ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 "
	              "COLLATE %s",
	              m->target.prefix, name, columns, m->collation);
	return hs_mysql_run(m);
}

static enum hs_target_result make_own_tables(struct hs_mysql *m)
{
	enum hs_target_result result = make_own_table(
	    m, "hookspool_load",
	    "(name VARCHAR(200) PRIMARY KEY, spool VARCHAR(64), number BIGINT UNSIGNED, `offset` BIGINT UNSIGNED, "
	    "edit BIGINT UNSIGNED, `before` CHAR(16), records BIGINT UNSIGNED, rest BIGINT UNSIGNED, "
	    "saved_at DATETIME(6), segments_gone BIGINT UNSIGNED, lines_damaged BIGINT UNSIGNED, "
	    "newest_ms BIGINT UNSIGNED)");

	if (result == HS_TARGET_OK)
		result = make_own_table(m, "hookspool_names",
		                        "(table_name VARCHAR(200), name VARCHAR(200), path LONGTEXT, "
		                        "PRIMARY KEY (table_name, name))");
	return result;
}

static enum hs_target_result look_for_count(struct hs_target *t, const char *column)
{
	struct hs_mysql *m = hs_mysql_of(t);

	hs_buf_reset(&m->sql);
	hs_buf_printf(&m->sql, "SELECT %s FROM `%shookspool_load` LIMIT 0", column, t->prefix);
	return hs_mysql_rows(m, ignore_row, NULL);
}

static enum hs_target_result add_count(struct hs_target *t, const char *column)
{
	struct hs_mysql *m = hs_mysql_of(t);

	hs_buf_reset(&m->sql);
	hs_buf_printf(&m->sql, "ALTER TABLE `%shookspool_load` ADD COLUMN %s BIGINT UNSIGNED", t->prefix, column);
	return hs_mysql_run(m);
}

void hs_mysql_disconnect(struct hs_target *t)
{
	if (hs_mysql_of(t)->my != NULL)
		mysql_close(hs_mysql_of(t)->my);
	hs_mysql_of(t)->my = NULL;
}

enum hs_target_result hs_mysql_connect(struct hs_target *t)
{
	struct hs_mysql *m = hs_mysql_of(t);
	enum hs_target_result result;

	m->my = mysql_init(NULL);
	if (m->my == NULL)
		return hs_mysql_no_memory(m);
	set_options(m);
	if (mysql_real_connect(m->my,
	                       m->socket != NULL    ? "localhost"
	                       : m->host[0] != '\0' ? m->host
	                                            : NULL,
	                       m->user, t->password, m->database, m->port != NULL ? (unsigned)atoi(m->port) : 0,
	                       m->socket, 0) == NULL)
		result = hs_mysql_error(m, mysql_errno(m->my), mysql_error(m->my));
	else
		result = check_tls(m);
	if (result == HS_TARGET_OK)
		result = begin_session(m);
	if (result == HS_TARGET_OK && !t->look_only)
		result = make_own_tables(m);
	if (result == HS_TARGET_OK)
		result = hs_target_add_counts(t, look_for_count, add_count);
	if (result != HS_TARGET_OK)
		hs_mysql_disconnect(t);
	return result;
}

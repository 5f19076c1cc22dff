#include "tools/load/postgresql_link.h"
#include "base/io.h"
#include "tools/load/sql_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TURN_S = 10 /* to wait for the transaction of another loader */ };

/* --- errors ------------------------------------------------------------------------ */

/* By the first characters of the SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
static enum hs_target_result meaning(const char *state)
{
	static const struct {
		const char *state;
		enum hs_target_result result;
	} states
	    [] = {
		    { "08", HS_TARGET_AWAY },
		    { "57P", HS_TARGET_AWAY }, /* shutdown, crash of another session, start */
		    { "25P", HS_TARGET_AWAY }, /* a transaction that took too long was ended, or it is in a failed state */
		    { "3F000", HS_TARGET_AWAY }, /* the schema is gone: connecting makes it */
		    { "40", HS_TARGET_AGAIN },
		    { "55", HS_TARGET_AGAIN },
		    { "57014", HS_TARGET_AGAIN },
		    { "25006", HS_TARGET_AGAIN }, /* a standby: until it is promoted */
		    { "53", HS_TARGET_FULL },
		    { "58", HS_TARGET_FULL },
		    { "42P01", HS_TARGET_CATALOGUE },
		    { "42703", HS_TARGET_CATALOGUE },
		    { "42P07", HS_TARGET_CATALOGUE },
		    { "42701", HS_TARGET_CATALOGUE },
		    { "42710", HS_TARGET_CATALOGUE }, /* the type of a table that somebody else makes just now */
		    { "54", HS_TARGET_WIDE },
		    { "22", HS_TARGET_WIDE }, /* a column narrower than its type says: varchar(20) */
		    { "23", HS_TARGET_ROW },
		    { "P0", HS_TARGET_ROW }, /* RAISE in a trigger */
		    { "38", HS_TARGET_ROW },
		    { "44", HS_TARGET_ROW },
		    { "28", HS_TARGET_DENIED },
		    { "42501", HS_TARGET_DENIED },
		    { "3D000", HS_TARGET_DENIED },
	    };

	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		if (strncmp(state, states[i].state, strlen(states[i].state)) == 0)
			return states[i].result;
	return HS_TARGET_BROKEN;
}

static void say(struct hs_postgresql *s, const char *message)
{
	char *text = s->target.message;

	snprintf(text, sizeof s->target.message, "%s", message);
	for (size_t n = strlen(text); n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '); n--)
		text[n - 1] = '\0';
	for (; *text != '\0'; text++)
		if (*text == '\n')
			*text = ' ';
}

/* Appends the statement that gives the missing right. */
static void add_grant(struct hs_postgresql *s)
{
	const char *schema = s->target.schema, *user = PQuser(s->db);
	char *message = s->target.message;
	size_t n = strlen(message), room = sizeof s->target.message - n;

	message += n;
	switch (s->step) {
	case HS_POSTGRESQL_CONNECT: break;
	case HS_POSTGRESQL_SCHEMA:
		snprintf(message, room, "; run: GRANT CREATE ON DATABASE \"%s\" TO \"%s\"", PQdb(s->db), user);
		break;
	case HS_POSTGRESQL_TABLE:
		snprintf(message, room, "; run: GRANT USAGE, CREATE ON SCHEMA \"%s\" TO \"%s\"", schema, user);
		break;
	case HS_POSTGRESQL_COLUMNS:
		snprintf(message, room, "; run: ALTER TABLE \"%s\".\"%s\" OWNER TO \"%s\"", schema, s->table, user);
		break;
	case HS_POSTGRESQL_ROWS:
		snprintf(message, room,
		         "; run: GRANT USAGE ON SCHEMA \"%s\" TO \"%s\"; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL "
		         "TABLES IN SCHEMA \"%s\" TO \"%s\"",
		         schema, user, schema, user);
		break;
	case HS_POSTGRESQL_STAGE:
		snprintf(message, room, "; run: GRANT TEMPORARY ON DATABASE \"%s\" TO \"%s\"", PQdb(s->db), user);
		break;
	}
}

enum hs_target_result hs_postgresql_no_memory(struct hs_postgresql *s)
{
	say(s, "out of memory");
	snprintf(s->target.state, sizeof s->target.state, "53200");
	return HS_TARGET_FULL;
}

enum hs_target_result hs_postgresql_result(struct hs_postgresql *s, const PGresult *answer)
{
	const char *state, *text, *constraint;

	switch (PQresultStatus(answer)) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
	case PGRES_SINGLE_TUPLE:
	case PGRES_COPY_IN: return HS_TARGET_OK;
	default: break;
	}
	state = PQresultErrorField(answer, PG_DIAG_SQLSTATE);
	text = PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY);
	constraint = PQresultErrorField(answer, PG_DIAG_CONSTRAINT_NAME);
	snprintf(s->target.state, sizeof s->target.state, "%s", state != NULL ? state : "08006");
	/* not the detail: it holds the row */
	say(s, text != NULL ? text : PQerrorMessage(s->db));
	if (constraint != NULL && strstr(s->target.message, constraint) == NULL)
		snprintf(s->target.message, sizeof s->target.message, "%s (%s)", text, constraint);
	if (strcmp(s->target.state, "42501") == 0)
		add_grant(s);
	return PQstatus(s->db) == CONNECTION_BAD ? HS_TARGET_AWAY : meaning(s->target.state);
}

/* --- TLS ----------------------------------------------------------------------------- */

static const char *option_of(const PQconninfoOption *options, const char *keyword)
{
	for (; options != NULL && options->keyword != NULL; options++)
		if (strcmp(options->keyword, keyword) == 0)
			return options->val != NULL ? options->val : "";
	return "";
}

/* Whether a list of hosts, parted by commas, has only sockets and this machine. */
static bool is_near(const char *hosts)
{
	while (*hosts != '\0') {
		size_t n = strcspn(hosts, ",");

		if (n > 0 && *hosts != '/' && *hosts != '@' && strncmp(hosts, "127.", 4) != 0 &&
		    !(n == 3 && strncmp(hosts, "::1", n) == 0) && !(n == 9 && strncmp(hosts, "localhost", n) == 0))
			return false;
		hosts += n + (hosts[n] == ',');
	}
	return true;
}

/* Whether the URL itself says how much TLS there is. */
static bool names_sslmode(const char *url)
{
	PQconninfoOption *options = PQconninfoParse(url, NULL);
	bool named = *option_of(options, "sslmode") != '\0';

	PQconninfoFree(options);
	return named;
}

/* Whether libpq, with all its own places (PGSSLMODE, a service), would talk to another machine without TLS. */
static bool is_too_open(const struct hs_postgresql *s)
{
	PQconninfoOption *options = PQconninfo(s->db);
	const char *mode = option_of(options, "sslmode"), *address = option_of(options, "hostaddr");
	bool weak = strcmp(mode, "disable") == 0 || strcmp(mode, "allow") == 0 || strcmp(mode, "prefer") == 0;
	bool near = is_near(*address != '\0' ? address : option_of(options, "host"));

	PQconninfoFree(options);
	return weak && !near && !names_sslmode(s->target.url);
}

/* --- connecting ------------------------------------------------------------------------ */

static void ignore_notice(void *context, const PGresult *notice)
{
	(void)context;
	(void)notice;
}

static PGconn *start(const struct hs_postgresql *s, bool require_tls)
{
	const char *keyword[] = { "fallback_application_name",
		                  "client_encoding",
		                  "keepalives_idle",
		                  "tcp_user_timeout",
		                  "sslmode",
		                  "password",
		                  "dbname",
		                  NULL };
	/* a later one wins: the URL over these */
	const char *value[] = { "hookspool load",   "UTF8",        "30", "60000", require_tls ? "require" : NULL,
		                s->target.password, s->target.url, NULL };

	return PQconnectStartParams(keyword, value, 1);
}

/* Whether libpq says the word itself: in quotes are names, of a host or a role, say. */
static bool says(const char *text, const char *word)
{
	bool quoted = false;

	for (; *text != '\0'; text++) {
		quoted = quoted != (*text == '"');
		if (!quoted && strncmp(text, word, strlen(word)) == 0)
			return true;
	}
	return false;
}

/* By libpq's own words. A server that hangs up during the handshake refuses nothing: it stops or restarts. */
static bool is_refused(const char *text)
{
	if (says(text, "SSL SYSCALL error"))
		return false;
	return says(text, "SSL") || says(text, "certificate") || says(text, "password") || says(text, "invalid");
}

/* The SQLSTATE in a verbose message, "FATAL:  28P01: password …"; else one of our own choice. */
static void find_state(struct hs_postgresql *s)
{
	const char *text = s->target.message, *tls = "28000", *away = "08001";

	for (const char *at = text; (at = strchr(at, ' ')) != NULL; at++)
		if (at[1] >= '0' && at[1] <= '9' && strspn(at + 1, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 &&
		    at[6] == ':') {
			memcpy(s->target.state, at + 1, 5);
			s->target.state[5] = '\0';
			return;
		}
	snprintf(s->target.state, sizeof s->target.state, "%s", is_refused(text) ? tls : away);
}

/* Appends what a person can do about it. */
static void add_remedy(struct hs_postgresql *s)
{
	char *message = s->target.message;
	size_t n = strlen(message), room = sizeof s->target.message - n;

	if (strcmp(s->target.state, "3D000") == 0)
		snprintf(message + n, room, "; run: CREATE DATABASE \"%s\"", PQdb(s->db));
	else if (strcmp(s->target.state, "28P01") == 0)
		snprintf(message + n, room, "; the password belongs in ~/.pgpass, or under [load] in the settings");
}

/* Says why there is no connection. */
static enum hs_target_result failed(struct hs_postgresql *s, const char *message)
{
	char *location;

	say(s, message);
	find_state(s);
	location = strstr(s->target.message, " LOCATION: ");
	if (location != NULL)
		*location = '\0';
	add_remedy(s);
	return meaning(s->target.state);
}

/* Until the connection stands, or HS_TARGET_CONNECT_MS have passed. */
static enum hs_target_result finish_connecting(struct hs_postgresql *s)
{
	int64_t end = hs_io_now_monotonic() + HS_TARGET_CONNECT_MS, left;
	PostgresPollingStatusType next = PGRES_POLLING_WRITING;

	PQsetErrorVerbosity(s->db, PQERRORS_VERBOSE);
	while (next != PGRES_POLLING_OK) {
		left = end - hs_io_now_monotonic();
		if (next == PGRES_POLLING_FAILED || PQstatus(s->db) == CONNECTION_BAD)
			return failed(s, PQerrorMessage(s->db));
		if (left <= 0)
			return failed(s, "the server does not answer");
		if (next == PGRES_POLLING_READING)
			hs_io_wait_readable(PQsocket(s->db), left);
		else
			hs_io_wait_writable(PQsocket(s->db), left);
		next = PQconnectPoll(s->db);
	}
	PQsetErrorVerbosity(s->db, PQERRORS_DEFAULT);
	PQsetNoticeReceiver(s->db, ignore_notice, NULL);
	return HS_TARGET_OK;
}

/* A character that the server's encoding lacks is refused wherever it stands: in a name, a key, a query. */
static enum hs_target_result check_encoding(struct hs_postgresql *s)
{
	const char *encoding = PQparameterStatus(s->db, "server_encoding");

	if (encoding == NULL || strcmp(encoding, "UTF8") == 0 || strcmp(encoding, "SQL_ASCII") == 0)
		return HS_TARGET_OK;
	snprintf(s->target.message, sizeof s->target.message,
	         "the database \"%s\" has the encoding %s, which lacks most characters; make another one: CREATE "
	         "DATABASE \"NAME\" ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
	         PQdb(s->db), encoding);
	snprintf(s->target.state, sizeof s->target.state, "22P05");
	return HS_TARGET_UNFIT;
}

enum hs_target_result hs_postgresql_open(struct hs_postgresql *s)
{
	enum hs_target_result result;

	s->step = HS_POSTGRESQL_CONNECT;
	s->db = start(s, false); /* nothing is sent before PQconnectPoll */
	if (s->db != NULL && PQstatus(s->db) != CONNECTION_BAD && is_too_open(s)) {
		PQfinish(s->db);
		s->db = start(s, true);
	}
	if (s->db == NULL)
		return hs_postgresql_no_memory(s);
	result = finish_connecting(s);
	if (result == HS_TARGET_OK)
		result = check_encoding(s);
	if (result != HS_TARGET_OK)
		hs_postgresql_close(s);
	return result;
}

void hs_postgresql_close(struct hs_postgresql *s)
{
	PQfinish(s->db);
	s->db = NULL;
}

/* --- statements --------------------------------------------------------------------------- */

enum hs_target_result hs_postgresql_run(struct hs_postgresql *s, const char *sql)
{
	PGresult *answer = PQexec(s->db, sql);
	enum hs_target_result result = hs_postgresql_result(s, answer);

	PQclear(answer);
	return result;
}

struct parameters {
	Oid type[HS_TARGET_SELECT_MAX];
	const char *text[HS_TARGET_SELECT_MAX];
	int length[HS_TARGET_SELECT_MAX], binary[HS_TARGET_SELECT_MAX];
};

static void set_parameters(struct parameters *to, const struct hs_slice *value, int values)
{
	enum { TEXT_OID = 25 };

	for (int i = 0; i < values && i < HS_TARGET_SELECT_MAX; i++) {
		to->type[i] = TEXT_OID;
		to->text[i] = value[i].p;
		to->length[i] = (int)value[i].n;
		to->binary[i] = 1; /* a text in binary is its bytes, and needs no NUL at its end */
	}
}

enum hs_target_result hs_postgresql_ask(struct hs_postgresql *s, const struct hs_slice *value, int values,
                                        PGresult **answer)
{
	struct parameters p;

	*answer = NULL;
	hs_buf_putc(&s->sql, '\0');
	if (!hs_buf_ok(&s->sql))
		return hs_postgresql_no_memory(s);
	set_parameters(&p, value, values);
	*answer = PQexecParams(s->db, s->sql.p, values, p.type, p.text, p.length, p.binary, 0);
	return hs_postgresql_result(s, *answer);
}

enum hs_target_result hs_postgresql_send(struct hs_postgresql *s, const struct hs_slice *value, int values)
{
	struct parameters p;

	hs_buf_putc(&s->sql, '\0');
	if (!hs_buf_ok(&s->sql))
		return hs_postgresql_no_memory(s);
	set_parameters(&p, value, values);
	if (PQsendQueryParams(s->db, s->sql.p, values, p.type, p.text, p.length, p.binary, 0) != 1)
		return hs_postgresql_result(s, NULL);
	PQsetSingleRowMode(s->db);
	return HS_TARGET_OK;
}

/* --- parts of statements ------------------------------------------------------------ */

void hs_postgresql_put(struct hs_postgresql *s, const char *sql)
{
	hs_buf_put_slice(&s->sql, hs_slice_str(sql));
}

void hs_postgresql_put_name(struct hs_postgresql *s, const char *name)
{
	hs_sql_put_name(&s->sql, hs_slice_str(name), '"');
}

/* "schema"."table": the session's search_path may be anybody's. */
void hs_postgresql_put_table(struct hs_postgresql *s, const char *table)
{
	hs_postgresql_put_name(s, s->target.schema);
	hs_postgresql_put(s, ".");
	hs_postgresql_put_name(s, table);
}

/* "schema"."PREFIXname" */
void hs_postgresql_put_own_table(struct hs_postgresql *s, const char *name)
{
	hs_postgresql_put_name(s, s->target.schema);
	hs_buf_printf(&s->sql, ".\"%s%s\"", s->target.prefix, name);
}

void hs_postgresql_put_columns(struct hs_postgresql *s, const struct hs_target_rows *rows)
{
	for (size_t i = 0; i < rows->columns; i++) {
		hs_postgresql_put(s, i == 0 ? "" : ", ");
		hs_postgresql_put_name(s, rows->table->column[rows->column[i]].name);
	}
}

void hs_postgresql_begin_sql(struct hs_postgresql *s, const char *sql)
{
	hs_buf_reset(&s->sql);
	hs_postgresql_put(s, sql);
}

enum hs_target_result hs_postgresql_run_sql(struct hs_postgresql *s)
{
	return hs_buf_ok(&s->sql) ? hs_postgresql_run(s, hs_sql_string(&s->sql)) : hs_postgresql_no_memory(s);
}

/*
 * Loaders of the same tables take turns, because none sees rows that another has not committed: the row of a person
 * would be made without them. This one takes its turn even if it is alone, as a second one may begin at any time. It
 * comes before any other lock, so that no two loaders wait for each other.
 */
static void put_turn(struct hs_postgresql *s)
{
	hs_buf_printf(&s->sql,
	              "; SET LOCAL lock_timeout = %d; SELECT pg_catalog.pg_advisory_xact_lock("
	              "pg_catalog.hashtextextended('hookspool load ' || ",
	              1000 * TURN_S);
	hs_sql_put_text(&s->sql, hs_slice_str(s->target.schema));
	hs_postgresql_put(s, " || '.' || ");
	hs_sql_put_text(&s->sql, hs_slice_str(s->target.prefix));
	hs_buf_printf(&s->sql, ", 0)); SET LOCAL lock_timeout = %d", HS_TARGET_LOCK_MS);
}

enum hs_target_result hs_postgresql_begin(struct hs_postgresql *s)
{
	enum hs_target_result result;

	s->step = HS_POSTGRESQL_ROWS;
	hs_postgresql_begin_sql(s, HS_POSTGRESQL_BEGIN);
	if (!s->target.look_only)
		put_turn(s);
	if (s->checks_at_once)
		hs_postgresql_put(s, "; SET CONSTRAINTS ALL IMMEDIATE");
	result = hs_postgresql_run_sql(s);
	if (result == HS_TARGET_AGAIN && strcmp(s->target.state, "55P03") == 0)
		snprintf(s->target.message, sizeof s->target.message,
		         "another loader has been writing into these tables for %d s: this one waits until that has "
		         "ended its transaction, or is stopped",
		         TURN_S);
	return result;
}

#include "tools/load/trial.h"
#include "base/io.h"
#include "tools/load/table_needs.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* A table that no event can have: names are snake case. */
static const char TABLE[] = "hookspool-check";

struct trial {
	struct hs_target *target;
	const char *label;
	struct hs_target_table table; /* where rows are tried; no name: nowhere */
	size_t known;                 /* tables that are there */
	struct hs_table_lack lack;    /* of the first one that the loader cannot use; what[0] '\0': none */
};

/* --- findings ----------------------------------------------------------------------- */

/* Prints text without what would divide a line. */
static void put(const char *text)
{
	for (; *text != '\0'; text++)
		putchar((unsigned char)*text < ' ' || *text == 0x7F ? ' ' : *text);
}

static void say(const struct trial *t, const char *verdict, const char *what, const char *more, const char *remedy)
{
	printf("%s\t%s: ", verdict, t->label);
	put(what);
	put(more);
	putchar('\t');
	put(remedy);
	putchar('\n');
}

/* The user in the URL, or a word in its place. */
static void user_of(const char *url, char *user, size_t n)
{
	const char *host = strstr(url, "://"), *end = host == NULL ? NULL : strpbrk(host + 3, "@/?");

	if (end != NULL && *end == '@')
		snprintf(user, n, "%.*s", (int)(end - host - 3), host + 3);
	else
		snprintf(user, n, "USER");
}

/* The statement that gives the right which a step needs; "": what the target says of connecting has its own remedy. */
static void put_grant(const struct hs_target *target, const char *rights, char *remedy, size_t n)
{
	char user[64];

	user_of(target->url, user, sizeof user);
	if (strcmp(target->ops->name, "sqlite") == 0)
		snprintf(remedy, n,
		         "chown the file and its folder to the user who runs this: SQLite makes files beside its own");
	else if (rights[0] == '\0')
		return;
	else if (strncmp(target->ops->name, "postgres", 8) != 0)
		snprintf(remedy, n, "GRANT CREATE, ALTER, INDEX, SELECT, INSERT, UPDATE, DELETE ON DATABASE.* TO '%s'",
		         user);
	else
		snprintf(remedy, n, "GRANT %s \"%s\" TO \"%s\"", rights, target->schema, user);
}

static bool settle(const struct trial *t, enum hs_target_result result, const char *step, const char *rights)
{
	char text[1024], remedy[512] = "";

	if (result == HS_TARGET_OK)
		return true;
	if (result == HS_TARGET_AGAIN) {
		say(t, "warn", step, ": not tried, because a loader or somebody else holds the lock", "try again");
		return false;
	}
	snprintf(text, sizeof text, "%s: %s: %s", step, hs_target_meaning(result), t->target->message);
	if (result == HS_TARGET_DENIED)
		put_grant(t->target, rights, remedy, sizeof remedy);
	else if (result == HS_TARGET_AWAY)
		snprintf(remedy, sizeof remedy, "start the server, or correct the URL in [load]");
	say(t, "fail", text, "", remedy);
	return false;
}

/* --- what is there ------------------------------------------------------------------- */

static bool is_ours(const char *name)
{
	static const char *const ours[] = { "tracks",  "identifies", "users",    "pages",
		                            "screens", "groups",     "accounts", "aliases" };

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (strcmp(ours[i], name) == 0)
			return true;
	return false;
}

static bool has_column(const struct hs_target_table *table, const char *name)
{
	for (size_t i = 0; i < table->columns; i++)
		if (strcmp(table->column[i].name, name) == 0 && table->column[i].type == HS_COLUMN_TEXT)
			return true;
	return false;
}

/* Chooses the table in which rows are tried. */
static bool choose_table(struct trial *t, const char *name)
{
	t->table.name = strdup(name);
	t->table.unique_id = true;
	return t->table.name != NULL && hs_target_add_column(&t->table, HS_SLICE("id"), HS_COLUMN_TEXT) &&
	       hs_target_add_column(&t->table, HS_SLICE("user_id"), HS_COLUMN_TEXT);
}

/* Notes why the loader would end at the first row. Only tables of ours must be fit: others share the schema. */
static void look_for_lack(struct trial *t, const struct hs_target_table *table)
{
	if (t->lack.what[0] != '\0' || !is_ours(table->name + strlen(t->target->prefix)))
		return;
	if (table->taken) {
		snprintf(t->lack.what, sizeof t->lack.what, "%s is there, but is no table", table->name);
		snprintf(t->lack.remedy, sizeof t->lack.remedy, "rename it");
	} else {
		hs_table_is_fit(t->target, table, &t->lack);
	}
}

static bool look_at(void *context, const struct hs_target_table *table)
{
	struct trial *t = context;

	look_for_lack(t, table);
	if (table->taken)
		return true;
	t->known++;
	if (t->target->ops->ddl_rolls_back || t->table.name != NULL || !table->unique_id || table->other_unique ||
	    !has_column(table, "id") || !has_column(table, "user_id"))
		return true;
	return choose_table(t, table->name);
}

/* True for the names of this machine that need no resolver. `host` may have a port; a list is another machine. */
static bool is_this_machine(struct hs_slice host)
{
	const char *colon = memchr(host.p, ':', host.n);
	struct hs_slice name = colon == NULL ? host : hs_slice(host.p, (size_t)(colon - host.p));

	if (memchr(host.p, ',', host.n) != NULL)
		return false;
	if (host.n > 0 && host.p[0] == '[')
		return hs_slice_eq(hs_slice(host.p, strcspn(host.p, "]")), HS_SLICE("[::1"));
	return name.n == 0 || hs_slice_eq_nocase(name, HS_SLICE("localhost")) ||
	       (name.n > 4 && memcmp(name.p, "127.", 4) == 0 && strspn(name.p, ".0123456789") >= name.n);
}

/* A connection to another machine without a check of its certificate can be read and changed on the way. */
static void check_tls(const struct trial *t)
{
	const char *url = t->target->url, *host = strstr(url, "://"), *at;
	bool postgresql = strncmp(url, "postgres", 8) == 0;
	size_t n;

	if (host == NULL)
		return;
	host += 3;
	n = strcspn(host, "/?");
	at = memchr(host, '@', n);
	if (at != NULL) {
		n -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	if (is_this_machine(hs_slice(host, n)) || strstr(url, "socket=") != NULL || strstr(url, "host=/") != NULL ||
	    strstr(url, "service=") != NULL)
		return;
	if (strstr(url, postgresql ? "sslmode=verify-full" : "tls=verify") == NULL)
		say(t, "warn", "TLS: the certificate of ", "the server is not checked",
		    postgresql ? "add ?sslmode=verify-full to the URL" : "add ?tls=verify to the URL");
}

/* Warns of a file that others can read, in a folder that they may enter: an earlier build made it with the umask. */
static void check_mode(const struct trial *t)
{
	const char *path = strchr(t->target->url, ':') + 1, *slash = strrchr(path, '/');
	char folder[PATH_MAX] = ".", remedy[PATH_MAX + 16];
	struct stat file, in;

	if (strcmp(t->target->ops->name, "sqlite") != 0)
		return;
	if (slash != NULL)
		snprintf(folder, sizeof folder, "%.*s", (int)(slash - path) + 1, path);
	if (hs_io_stat_outside(path, &file) != 0 || hs_io_stat_outside(folder, &in) != 0 ||
	    (file.st_mode & (S_IROTH | S_IWOTH)) == 0 || (in.st_mode & S_IXOTH) == 0)
		return;
	snprintf(remedy, sizeof remedy, "chmod o-rw %s*", path);
	say(t, "warn", path, ": every user of this machine can read it, and events are personal data", remedy);
}

/* --- rows ------------------------------------------------------------------------------ */

static enum hs_target_result try_rows(struct trial *t)
{
	const struct hs_target_ops *ops = t->target->ops;
	static const size_t columns[] = { 0, 1 };
	struct hs_slice values[] = { HS_SLICE("hookspool-check"), HS_SLICE("nobody") };
	struct hs_target_rows rows = {
		.table = &t->table, .column = columns, .columns = 2, .rows = 1, .value = values
	};
	struct hs_target_limits none = { .person = false };
	uint64_t gone = 0;
	enum hs_target_result result = ops->insert(t->target, &rows);

	if (result == HS_TARGET_OK)
		result = ops->upsert(t->target, &rows);
	if (result == HS_TARGET_OK)
		result = ops->erase(t->target, &t->table, "id", values[0], &none, &gone);
	if (result == HS_TARGET_OK && gone != 1) {
		snprintf(t->target->message, sizeof t->target->message, "a row that was written was not there");
		return HS_TARGET_BROKEN;
	}
	return result;
}

static bool make_table(struct trial *t)
{
	char name[512];

	snprintf(name, sizeof name, "%s%s", t->target->prefix, TABLE);
	return choose_table(t, name) &&
	       settle(t, t->target->ops->make_table(t->target, &t->table), "a new table", "USAGE, CREATE ON SCHEMA");
}

/* In one transaction, which is rolled back: the position, and rows: in a new table where the database can undo that. */
static bool try_transaction(struct trial *t)
{
	const struct hs_target_ops *ops = t->target->ops;
	struct hs_target_position at;
	bool fine = settle(t, ops->begin(t->target, &at), "the position", "SELECT, UPDATE ON ALL TABLES IN SCHEMA");

	if (!fine)
		return false;
	if (ops->ddl_rolls_back)
		fine = make_table(t);
	if (fine && t->table.name != NULL)
		fine = settle(t, try_rows(t), "rows", "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA");
	at.found = true;
	fine = fine &&
	       settle(t, ops->set_position(t->target, &at), "the position", "INSERT, UPDATE ON ALL TABLES IN SCHEMA");
	ops->rollback(t->target);
	return fine;
}

static bool try_all(struct trial *t)
{
	char found[64];

	if (!settle(t, t->target->ops->tables(t->target, look_at, t), "the catalogue", "USAGE ON SCHEMA"))
		return false;
	if (t->lack.what[0] != '\0') {
		char remedy[sizeof t->lack.remedy + 48];

		snprintf(remedy, sizeof remedy, "%s; or another %sprefix=", t->lack.remedy,
		         t->target->ops->has_schemas ? "schema= or " : "");
		say(t, "fail", t->lack.what, "", remedy);
		return false;
	}
	if (!try_transaction(t))
		return false;
	snprintf(found, sizeof found, "%zu tables", t->known);
	say(t, "ok",
	    t->target->ops->ddl_rolls_back ? "can make tables and write rows; "
	    : t->table.name != NULL        ? "can write rows; "
	                                   : "connected; ",
	    found, "");
	return true;
}

int hs_trial(struct hs_target *target, const char *label)
{
	struct trial t = { .target = target, .label = label };
	bool fine;

	check_tls(&t);
	check_mode(&t);
	fine = settle(&t, target->ops->connect(target), "connecting", "");
	if (fine) {
		fine = try_all(&t);
		target->ops->disconnect(target);
	}
	hs_target_table_free(&t.table);
	return fine ? 0 : 1;
}

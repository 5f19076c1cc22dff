#include "config/ship.h"
#include "config/setting_kinds.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, SERVERS, FILE_PATH, AT_FILE, NUMBER, YES_NO, STOP_ASIDE };

static const struct row {
	const char *name;
	enum kind kind;
	size_t offset;
	enum hs_setting_kind number;
	const char *lowest, *highest;
	const char *expected;
} rows[] = {
	{ "to", SERVERS, offsetof(struct hs_ship, to), 0, "", "",
	  "nats://host,host or tls://host,host, without a password" },
	{ "stream", TEXT, offsetof(struct hs_ship, stream), 0, "", "", "a stream's name: no blanks, dots, * or >" },
	{ "subject", TEXT, offsetof(struct hs_ship, subject), 0, "", "", "hookspool.{receiver}.{tenant}.{type}" },
	{ "ca", FILE_PATH, offsetof(struct hs_ship, ca), 0, "", "", "an absolute path" },
	{ "cert", FILE_PATH, offsetof(struct hs_ship, cert), 0, "", "", "an absolute path" },
	{ "key", FILE_PATH, offsetof(struct hs_ship, key), 0, "", "", "an absolute path" },
	{ "creds", FILE_PATH, offsetof(struct hs_ship, creds), 0, "", "", "an absolute path" },
	{ "nkey", FILE_PATH, offsetof(struct hs_ship, nkey), 0, "", "", "an absolute path" },
	{ "user", TEXT, offsetof(struct hs_ship, user), 0, "", "", "a name" },
	{ "password", AT_FILE, offsetof(struct hs_ship, password), 0, "", "", "@/PATH of a file with the password" },
	{ "plain", YES_NO, offsetof(struct hs_ship, plain), 0, "", "", "yes or no" },
	{ "in_flight", NUMBER, offsetof(struct hs_ship, in_flight), HS_SETTING_COUNT, "1", "65536",
	  "a number from 1 to 65536" },
	{ "ack_wait", NUMBER, offsetof(struct hs_ship, ack_wait), HS_SETTING_DURATION, "100ms", "10m",
	  "a duration from 100ms to 10m" },
	{ "ship_hold", NUMBER, offsetof(struct hs_ship, ship_hold), HS_SETTING_DURATION, "1s", "30d",
	  "a duration from 1s to 30d" },
	{ "oversize", STOP_ASIDE, offsetof(struct hs_ship, aside), 0, "", "", "stop or aside" },
};

static bool set_word(void *member, const char *value, const char *no, const char *yes)
{
	*(bool *)member = strcmp(value, yes) == 0;
	return *(bool *)member || strcmp(value, no) == 0;
}

static bool is_servers(const char *value)
{
	return (strncmp(value, "nats://", 7) == 0 || strncmp(value, "tls://", 6) == 0) && strchr(value, '@') == NULL &&
	       strpbrk(value, " \t") == NULL && strstr(value, "//")[2] != '\0';
}

/* Reads a value. *text: what is to be copied for the member; NULL: the member is set. */
static bool read_value(void *member, const struct row *row, const char *value, const char **text)
{
	const struct hs_setting number = { .kind = row->number, .lowest = row->lowest, .highest = row->highest };

	*text = value + (row->kind == AT_FILE);
	switch (row->kind) {
	case TEXT: return value[0] != '\0' && strpbrk(value, " \t") == NULL;
	case SERVERS: return is_servers(value);
	case FILE_PATH: return value[0] == '/';
	case AT_FILE: return value[0] == '@' && value[1] == '/';
	default: *text = NULL;
	}
	if (row->kind == NUMBER)
		return hs_setting_read_number(&number, value, member);
	return row->kind == YES_NO ? set_word(member, value, "no", "yes") : set_word(member, value, "stop", "aside");
}

/* Returns NULL, or what was expected. */
static const char *set(struct hs_ship *ship, const struct row *row, const char *value)
{
	void *member = (char *)ship + row->offset;
	char **copy = member;
	const char *text;

	if (!read_value(member, row, value, &text))
		return row->expected;
	if (text == NULL)
		return NULL;
	free(*copy);
	*copy = strdup(text);
	return *copy != NULL ? NULL : "memory";
}

int hs_ship_number(const char *name)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].name, name) == 0)
			return (int)i;
	return -1;
}

const char *hs_ship_set(struct hs_ship *ship, const char *name, const char *value)
{
	int number = hs_ship_number(name);

	if (number >= 0)
		return set(ship, &rows[number], value);
	return "one of to, stream, subject, ca, cert, key, creds, nkey, user, password, plain, in_flight, ack_wait, "
	       "ship_hold and oversize";
}

void hs_ship_clear(struct hs_ship *ship)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].kind == TEXT || rows[i].kind == SERVERS || rows[i].kind == FILE_PATH ||
		    rows[i].kind == AT_FILE)
			free(*(char **)(void *)((char *)ship + rows[i].offset));
	*ship = (struct hs_ship){ 0 };
}

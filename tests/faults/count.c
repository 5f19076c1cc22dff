/*
 * count: what stands in a spool, by a reader that shares no code with the program.
 *
 *	count SPOOL [LEDGER]
 *
 * Reads every events*.jsonl and events*.jsonl.gz (and what the ledger says was acknowledged, an id a line) and
 * prints one line of figures. Exit 0: nothing lost, nothing twice, every line one JSON
 * object, the numbers of the sealed segments without a gap or a repetition.
 */
#include "tests/lib/json_c.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { SLOTS = 1 << 22, SHOWN = 5, LEVELS = 32 };

struct id {
	char *text;
	unsigned found, acknowledged;
};

static struct id *table;
static unsigned long lines, ids, broken, torn, doubled, lost, acknowledged, segments, gaps;

static uint64_t hash(const char *p)
{
	uint64_t h = 14695981039346656037U; /* FNV-1a */

	while (*p != '\0')
		h = (h ^ (unsigned char)*p++) * 1099511628211U;
	return h ^ h >> 29;
}

static struct id *find(const char *text)
{
	uint64_t at = hash(text) % SLOTS;

	while (table[at].text != NULL && strcmp(table[at].text, text) != 0)
		at = (at + 1) % SLOTS;
	if (table[at].text == NULL) {
		table[at].text = strdup(text);
		if (++ids > SLOTS / 2) {
			fputs("count: too many ids\n", stderr);
			exit(2);
		}
	}
	return &table[at];
}

static void complain(unsigned long n, const char *what, const char *where, const char *text)
{
	if (n <= SHOWN)
		printf("# %s: %s: %.200s\n", what, where, text);
}

/* The strict parser of json-c forgives some things; that it is one line is known already. */
static bool count_record(const char *line, size_t n)
{
	struct json_object *o, *id;
	bool good;

	good = json_c_reads(line, n, LEVELS, &o) && line[0] == '{' && line[n - 1] == '}' && strlen(line) == n;
	if (good && json_object_object_get_ex(o, "message_id", &id) && find(json_object_get_string(id))->found++ > 0)
		complain(++doubled, "twice", "id", json_object_get_string(id));
	json_object_put(o);
	return good;
}

/* The text of a file, compressed or not, and a NUL; the caller frees it. */
static char *read_text(const char *path, size_t *n)
{
	size_t cap = 1 << 16;
	char *text = malloc(cap);
	gzFile f = gzopen(path, "rb");
	int got = 1, status = Z_OK;

	for (*n = 0; f != NULL && text != NULL && got > 0; *n += got > 0 ? (size_t)got : 0) {
		if (*n + 1 == cap)
			text = realloc(text, cap *= 2);
		got = text == NULL ? -1 : gzread(f, text + *n, (unsigned)(cap - 1 - *n));
	}
	if (f != NULL)
		status = gzclose(f);
	if (f == NULL || text == NULL || got < 0 || status != Z_OK) {
		fprintf(stderr, "count: %s cannot be read\n", path);
		exit(2);
	}
	text[*n] = '\0';
	return text;
}

static void count_file(const char *dir, const char *name)
{
	char path[4096], *text, *line, *end;
	size_t n;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	text = read_text(path, &n);
	for (line = text; (end = memchr(line, '\n', (size_t)(text + n - line))) != NULL; line = end + 1) {
		*end = '\0';
		lines++;
		if (end == line || !count_record(line, (size_t)(end - line)))
			complain(++broken, "no JSON object", name, line);
	}
	if (line < text + n)
		complain(++torn, "torn", name, line);
	free(text);
}

static void count_ledger(const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (f == NULL) {
		perror(path);
		exit(2);
	}
	while ((n = getline(&line, &cap, f)) > 0) {
		struct id *id;

		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		id = find(line);
		acknowledged++;
		if (id->found == 0 && id->acknowledged++ == 0)
			complain(++lost, "lost", "id", line);
	}
	free(line);
	fclose(f);
}

static int is_events(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return strncmp(d->d_name, "events", 6) == 0 &&
	       ((n > 6 && strcmp(d->d_name + n - 6, ".jsonl") == 0) ||
	        (n > 9 && strcmp(d->d_name + n - 9, ".jsonl.gz") == 0));
}

int main(int argc, char **argv)
{
	struct dirent **list;
	unsigned long last = 0;
	int n;

	if (argc < 2 || argc > 3) {
		fputs("usage: count SPOOL [LEDGER]\n", stderr);
		return 2;
	}
	table = calloc(SLOTS, sizeof *table);
	n = scandir(argv[1], &list, is_events, alphasort);
	if (n < 0 || table == NULL) {
		perror(argv[1]);
		return 2;
	}
	for (int i = 0; i < n; i++) { /* "events-" sorts before "events." */
		const char *number = strrchr(list[i]->d_name, '-');
		unsigned long is = number != NULL ? strtoul(number + 1, NULL, 10) : 0;

		if (is > 0 && is == last && strstr(number, ".gz") != NULL)
			continue; /* the plain file goes once the compressed one is there for good */
		if (is > 0) {
			gaps += ++segments > 1 && is != last + 1;
			last = is;
		}
		count_file(argv[1], list[i]->d_name);
	}
	if (argc == 3)
		count_ledger(argv[2]);
	printf("sealed %lu, lines %lu, acknowledged %lu, lost %lu, twice %lu, broken %lu, torn %lu, gaps %lu\n",
	       segments, lines, acknowledged, lost, doubled, broken, torn, gaps);
	return lost + doubled + broken + torn + gaps > 0;
}

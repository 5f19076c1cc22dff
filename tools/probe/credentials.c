#include "tools/probe/credentials.h"
#include "base/io.h"
#include "config/ini.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 4096, SETTINGS_MAX = 1 << 20 };

static void wipe(char *text)
{
	if (text != NULL)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
}

static bool fail(const char *option, const char *what, const char *why)
{
	fprintf(stderr, "hookspool: --%s%s%s: %s\n", option, what[0] != '\0' ? " " : "", what, why);
	return false;
}

/* Reads the first line of a file. NULL with errno. */
static char *read_text(const char *path)
{
	struct hs_buf b = { 0 };
	struct stat st;
	char *text = NULL;

	if (hs_io_read_file(path, TEXT_MAX, &b, &st) == 0)
		text = strndup(b.p, b.n);
	hs_buf_wipe(&b);
	if (text != NULL)
		text[strcspn(text, "\r\n")] = '\0';
	return text;
}

/* The caller wipes and frees the result. NULL after a message. */
static char *take(const char *option, char *argument)
{
	bool is_file = argument[0] == '@';
	char *text = is_file ? read_text(argument + 1) : strdup(argument);

	if (text == NULL)
		fail(option, is_file ? argument + 1 : "", strerror(errno));
	else if (text[0] == '\0')
		fail(option, is_file ? argument + 1 : "", "expected a text");
	if (!is_file)
		memset(argument, 'x', strlen(argument));
	if (text != NULL && text[0] != '\0')
		return text;
	wipe(text);
	return NULL;
}

bool hs_held_secret(struct hs_held *h, char *argument)
{
	char *text = take("secret", argument);

	if (text == NULL)
		return false;
	hs_hmac_free(h->secret);
	h->secret = hs_hmac_new(hs_slice_str(text));
	wipe(text);
	return h->secret != NULL || fail("secret", "", "out of memory");
}

bool hs_held_key(struct hs_held *h, char *argument)
{
	wipe(h->key);
	h->key = take("key", argument);
	return h->key != NULL;
}

/* The first key in clear that is not revoked; NULL: none, or out of memory. */
static char *find_key(struct hs_slice text)
{
	struct hs_ini ini;
	char *key = NULL;

	hs_ini_start(&ini, text);
	while (key == NULL && hs_ini_next(&ini))
		if (hs_slice_eq(ini.section, HS_SLICE("keys")) && strncmp(ini.value, "sha256:", 7) != 0 &&
		    strncmp(ini.value, "revoked:", 8) != 0)
			key = strdup(ini.value);
	hs_ini_end(&ini);
	return key;
}

static bool read_settings(const char *path, struct hs_buf *text)
{
	struct stat st;

	return path[0] == '\0' || hs_io_read_file(path, SETTINGS_MAX, text, &st) == 0;
}

bool hs_held_key_from(struct hs_held *h, const char *path)
{
	struct hs_buf text = { 0 };
	bool ok = read_settings(path, &text);

	if (ok && h->key == NULL)
		h->key = find_key(hs_buf_slice(&text));
	hs_buf_wipe(&text);
	return ok;
}

/* Takes over a source's key, the first word of its line, if it is the first of its kind. */
static void take_source(struct hs_held *h, char *line)
{
	static char any_page[] = "https://page.example";
	char *key = line, *origin = NULL, *word, *rest = line + strcspn(line, " \t");
	bool browser = false, any = false;

	if (*rest != '\0')
		*rest++ = '\0';
	while ((word = strsep(&rest, " \t")) != NULL)
		if (strcmp(word, "browser") == 0)
			browser = true;
		else if (strcmp(word, "origin=*") == 0)
			any = true;
		else if (strncmp(word, "origin=", 7) == 0 && origin == NULL)
			origin = word + 7;
	if (strncmp(key, "sha256:", 7) == 0 || strncmp(key, "revoked:", 8) == 0)
		return;
	if (!browser && h->server_key == NULL)
		h->server_key = strdup(key);
	if (!browser || h->browser_key != NULL)
		return;
	h->browser_key = strdup(key);
	if (origin == NULL && any)
		origin = any_page;
	if (h->origin == NULL && origin != NULL)
		h->origin = strdup(origin);
}

bool hs_held_sources_from(struct hs_held *h, const char *path)
{
	struct hs_buf text = { 0 };
	bool ok = read_settings(path, &text);
	struct hs_ini ini;

	hs_ini_start(&ini, hs_buf_slice(&text));
	while (ok && hs_ini_next(&ini))
		if (hs_slice_eq(ini.section, HS_SLICE("sources"))) {
			char *line = strdup(ini.value);

			if (line != NULL)
				take_source(h, line);
			wipe(line);
		}
	hs_ini_end(&ini);
	hs_buf_wipe(&text);
	return ok;
}

void hs_held_free(struct hs_held *h)
{
	hs_hmac_free(h->secret);
	wipe(h->key);
	wipe(h->browser_key);
	wipe(h->server_key);
	free(h->origin);
	memset(h, 0, sizeof *h);
}

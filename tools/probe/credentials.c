#include "tools/probe/credentials.h"
#include "base/io.h"
#include "config/ini.h"

#include <assert.h>
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
	if (h->secret == NULL)
		fail("secret", "", "out of memory");
	return h->secret != NULL;
}

bool hs_held_key(struct hs_held *h, char *argument)
{
	wipe(h->key);
	h->key = take("key", argument);
	return h->key != NULL;
}

/* Copies the first key in clear that is not revoked, if there is one. False: out of memory. */
static bool take_key(struct hs_held *h, struct hs_slice text)
{
	struct hs_ini ini;
	bool ok = true;

	hs_ini_start(&ini, text);
	while (ok && h->key == NULL && hs_ini_next(&ini))
		if (hs_slice_eq(ini.section, HS_SLICE("keys")) && strncmp(ini.value, "sha256:", 7) != 0 &&
		    strncmp(ini.value, "revoked:", 8) != 0) {
			h->key = strdup(ini.value);
			ok = h->key != NULL;
		}
	hs_ini_end(&ini);
	return ok;
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

	ok = ok && take_key(h, hs_buf_slice(&text));
	hs_buf_wipe(&text);
	return ok;
}

/* Copies the key of a source, the first word of its line, if it is the first of its kind. False: out of memory. */
static bool take_source(struct hs_held *h, const struct hs_settings *settings, const struct hs_ini *ini)
{
	const struct hs_source *source = NULL;
	char **key;

	for (unsigned i = 0; i < settings->sources; i++)
		if (strcmp(settings->source[i].label, ini->name) == 0)
			source = &settings->source[i];
	if (source == NULL || source->revoked || strncmp(ini->value, "sha256:", 7) == 0)
		return true;
	key = source->browser ? &h->browser_key : &h->server_key;
	if (*key != NULL)
		return true;
	*key = strndup(ini->value, strcspn(ini->value, " \t"));
	if (source->browser) {
		assert(h->origin == NULL); /* it comes with the key */
		h->origin = strdup(source->origins > 0 ? source->origin[0] : "https://page.example");
	}
	return *key != NULL && (!source->browser || h->origin != NULL);
}

bool hs_held_sources_from(struct hs_held *h, const struct hs_settings *settings, const char *path)
{
	struct hs_buf text = { 0 };
	bool ok = read_settings(path, &text);
	struct hs_ini ini;

	hs_ini_start(&ini, hs_buf_slice(&text));
	while (ok && hs_ini_next(&ini))
		ok = !hs_slice_eq(ini.section, HS_SLICE("sources")) || take_source(h, settings, &ini);
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

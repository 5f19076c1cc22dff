/*
 * Settings: any text, and any environment (after the first zero byte, a
 * variable a line). Either settings in which every value is within its bounds, or an
 * error of one line that can be shown.
 */
#include "config/settings.h"
#include "tests/fuzz/fuzz.h"

enum { VARIABLES_MAX = 32 };

static void check_settings(const struct hs_settings *s)
{
	MUST(s->spool_dir != NULL && s->spool_dir[0] == '/');
	MUST(s->auth > HS_AUTH_UNSET && s->auth <= HS_AUTH_NOBODY);
	MUST(s->auth == HS_AUTH_NONE || s->secrets > 0 || s->keys > 0 || s->sources > 0);
	MUST(s->secrets <= HS_SECRETS_MAX && s->keys <= HS_KEYS_MAX);
	MUST(s->max_body >= 1024 && s->max_body <= (INT64_C(1) << 30));
	MUST(s->threads >= 1 && s->threads <= 256);
	MUST(s->spool_mode == 0600 || s->spool_mode == 0640);
	MUST(s->dedup_window >= 0 && s->rotate_size > 0);
	for (unsigned i = 0; i < s->keys; i++)
		MUST(strlen(s->key[i].tenant) >= 1 && strlen(s->key[i].tenant) <= HS_TENANT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hs_slice all = fuzz_copy(data, size), text = all;
	const char *zero = size > 0 ? memchr(all.p, '\0', size) : NULL;
	char *variables[VARIABLES_MAX + 1] = { NULL }, *environment = NULL;
	struct hs_settings_error error;
	struct hs_settings *s;
	int count = 0;

	if (zero != NULL) {
		text.n = (size_t)(zero - all.p);
		environment = strndup(zero + 1, size - text.n - 1);
		MUST(environment != NULL);
		for (char *p = strtok(environment, "\n"); p != NULL && count < VARIABLES_MAX; p = strtok(NULL, "\n"))
			variables[count++] = p;
	}
	s = hs_settings_new("fuzz", text, variables, &error);
	if (s != NULL) {
		MUST(error.text[0] == '\0');
		check_settings(s);
	} else {
		MUST(error.text[0] != '\0');
		for (const char *p = error.text; *p != '\0'; p++)
			MUST((unsigned char)*p >= ' ' && *p != 0x7F);
	}
	hs_settings_free(s);
	free(environment);
	free((void *)(uintptr_t)all.p);
	return 0;
}

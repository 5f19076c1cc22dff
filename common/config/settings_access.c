#include "config/settings_access.h"
#include "base/hex.h"
#include "config/sources.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* --- labels and values -------------------------------------------------------- */

/* Notes a value that a comment truncates, or that has the quotes or the # of another format. */
static void doubt(struct hs_settings_reading *reading, const char *value)
{
	struct hs_settings *s = reading->settings;
	const char *equals = reading->raw.n == 0 ? NULL : memchr(reading->raw.p, '=', reading->raw.n);
	size_t n = strlen(value);
	struct hs_slice written;

	if (equals == NULL || s->doubtful_line != 0)
		return;
	written = hs_slice_trim(hs_slice(equals + 1, (size_t)(reading->raw.p + reading->raw.n - equals) - 1));
	if (written.n > n)
		s->doubt = "the text after the blank and the semicolon is a comment and not part of it";
	else if (n > 1 && (value[0] == '"' || value[0] == '\'') && value[n - 1] == value[0])
		s->doubt = "the quotes are part of it";
	else if (strstr(value, " #") != NULL)
		s->doubt = "the text after the # is part of it: a comment there begins with a semicolon";
	else
		return;
	s->doubtful_line = reading->line;
}

bool hs_settings_is_label(const char *s)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return s[0] != '\0' && strlen(s) <= HS_TENANT_MAX && strspn(s, allowed) == strlen(s) && strcmp(s, "-") != 0;
}

/* Text that is no label is not in the message: the key may stand there by mistake. */
bool hs_settings_check_label(struct hs_settings_reading *reading, const char *section, const char *label)
{
	if (!hs_settings_is_label(label))
		return hs_settings_fail(reading,
		                        "[%s]: a label has 1 to %d letters, digits, dots, _ or -, is not - alone, "
		                        "and stands before the =",
		                        section, HS_TENANT_MAX);
	if (hs_setting_find(label) != NULL)
		return hs_settings_fail(reading, "[%s] %s: this is a setting: move it above [%s]", section, label,
		                        section);
	return true;
}

/* --- secrets ------------------------------------------------------------------ */

static bool is_same_secret(const struct hs_hmac *a, const struct hs_hmac *b)
{
	uint8_t mac[2][HS_SHA1_BYTES];

	return hs_hmac_sha1(a, HS_SLICE("same"), mac[0]) && hs_hmac_sha1(b, HS_SLICE("same"), mac[1]) &&
	       hs_equal_constant_time(mac[0], mac[1], HS_SHA1_BYTES);
}

/* With two labels for one secret, the tenant of an event would be arbitrary. Those without a label come first. */
static bool check_one_label(struct hs_settings_reading *reading, unsigned last)
{
	const struct hs_settings *s = reading->settings;
	const char *label = s->secret_tenant[last];

	for (unsigned i = 0; i < last; i++) {
		const char *other = s->secret_tenant[i];

		if (strcmp(label, other) != 0 && is_same_secret(s->secret[i], s->secret[last]))
			return hs_settings_fail(
			    reading, "[secrets] %s: the same secret as %s: give each customer one of its own", label,
			    other[0] != '\0' ? other : "one without a label");
	}
	return true;
}

/* --- keys of sources ------------------------------------------------------------- */

/* A source's key may be public, so it must not open anything else. */
static bool refuse_source_key(struct hs_settings_reading *reading, const char *label, const char *what)
{
	return hs_settings_fail(reading, "[sources] %s: its key is also a %s: give the source a key of its own", label,
	                        what);
}

static bool check_no_source(struct hs_settings_reading *reading, const char *what,
                            const uint8_t sha256[static HS_SHA256_BYTES])
{
	const struct hs_source *source = hs_source_with(reading->settings, sha256);

	if (source != NULL)
		return refuse_source_key(reading, source->label, what);
	return true;
}

bool hs_settings_check_key_elsewhere(struct hs_settings_reading *reading, const char *label,
                                     const uint8_t sha256[static HS_SHA256_BYTES])
{
	const struct hs_settings *s = reading->settings;

	if (hs_sha256_find(s->key, s->keys, sizeof *s->key, offsetof(struct hs_key, sha256), sha256) < s->keys)
		return refuse_source_key(reading, label, "key of [keys]");
	if (hs_sha256_find(reading->secret_sha256, s->secrets, HS_SHA256_BYTES, 0, sha256) < s->secrets)
		return refuse_source_key(reading, label, "secret");
	return true;
}

/* --- adding a secret --------------------------------------------------------------- */

bool hs_settings_add_secret(struct hs_settings_reading *reading, const char *label, const char *value)
{
	struct hs_settings *s = reading->settings;

	if (value[0] == '\0')
		return hs_settings_fail(reading, "[secrets] %s has no value", label);
	if (strcmp(value, HS_SETTINGS_SAMPLE_SECRET) == 0)
		return hs_settings_fail(reading, "secret: this is the sample's text: enter the shared secret");
	if (s->secrets == HS_SECRETS_MAX)
		return hs_settings_fail(reading, "secret: there are more than %d: remove the oldest", HS_SECRETS_MAX);
	doubt(reading, value);
	s->secret[s->secrets] = hs_hmac_new(hs_slice_str(value));
	if (s->secret[s->secrets] == NULL)
		return hs_settings_fail(reading, "out of memory");
	snprintf(s->secret_tenant[s->secrets], sizeof s->secret_tenant[0], "%s", label);
	if (!hs_sha256(hs_slice_str(value), reading->secret_sha256[s->secrets++]))
		return hs_settings_fail(reading, "out of memory");
	return check_one_label(reading, s->secrets - 1) &&
	       check_no_source(reading, "secret", reading->secret_sha256[s->secrets - 1]);
}

bool hs_settings_add_labelled_secret(struct hs_settings_reading *reading, const char *label, const char *value)
{
	return hs_settings_check_label(reading, "secrets", label) && hs_settings_add_secret(reading, label, value);
}

void hs_settings_forget_secrets(struct hs_settings *s)
{
	while (s->secrets > 0)
		hs_hmac_free(s->secret[--s->secrets]);
}

bool hs_settings_set_key(struct hs_settings_reading *reading, const char *name, struct hs_hmac256 **key,
                         const char *value)
{
	if (strlen(value) < HS_KEY_BYTES_MIN)
		return hs_settings_fail(
		    reading, "%s: the key is too short: enter at least %d bytes, as from: openssl rand -hex 32", name,
		    HS_KEY_BYTES_MIN);
	doubt(reading, value);
	hs_hmac256_free(*key);
	*key = hs_hmac256_new(hs_slice_str(value));
	reading->hash_key.given = true;
	reading->hash_key.line = reading->line;
	if (*key == NULL || !hs_sha256(hs_slice_str(value), reading->hash_key.sha256))
		return hs_settings_fail(reading, "out of memory");
	return true;
}

/* --- [keys] ----------------------------------------------------------------- */

static bool skip_prefix(struct hs_slice *s, struct hs_slice prefix)
{
	if (s->n < prefix.n || memcmp(s->p, prefix.p, prefix.n) != 0)
		return false;
	*s = hs_slice(s->p + prefix.n, s->n - prefix.n);
	return true;
}

/* Wipes one entry more than s->keys: hs_settings_add_key may have failed halfway through it. */
void hs_settings_forget_keys(struct hs_settings *s)
{
	if (s->key != NULL)
		explicit_bzero(s->key, (s->keys + 1) * sizeof *s->key);
	free(s->key);
	s->key = NULL;
}

/* Adds a zeroed entry; not by realloc(3), which would leave a copy behind. NULL: out of memory. */
static struct hs_key *more_keys(struct hs_settings *s)
{
	struct hs_key *k = calloc(s->keys + 2, sizeof *k);

	if (k == NULL)
		return NULL;
	if (s->keys > 0)
		memcpy(k, s->key, s->keys * sizeof *k);
	hs_settings_forget_keys(s);
	s->key = k;
	return &k[s->keys];
}

bool hs_settings_read_key(struct hs_settings_reading *reading, const char *section, const char *label,
                          struct hs_slice value, uint8_t sha256[static HS_SHA256_BYTES], bool *revoked)
{
	*revoked = skip_prefix(&value, HS_SLICE("revoked:"));
	if (skip_prefix(&value, HS_SLICE("sha256:"))) {
		if (!hs_hex_decode(value, sha256, HS_SHA256_BYTES))
			return hs_settings_fail(reading,
			                        "[%s] %s: sha256: must be followed by 64 hex digits "
			                        "(printf %%s KEY | sha256sum)",
			                        section, label);
		return true;
	}
	if (hs_slice_eq(value, HS_SLICE(HS_SETTINGS_SAMPLE_KEY)))
		return hs_settings_fail(reading, "[%s] %s: this is the sample's text: enter the key", section, label);
	if (value.n == 0)
		return hs_settings_fail(reading, "[%s] %s has no value", section, label);
	if (!hs_sha256(value, sha256))
		return hs_settings_fail(reading, "out of memory");
	return true;
}

bool hs_settings_add_key(struct hs_settings_reading *reading, const char *label, const char *value)
{
	struct hs_settings *s = reading->settings;
	struct hs_key *k;

	if (!hs_settings_check_label(reading, "keys", label))
		return false;
	doubt(reading, value);
	if (s->keys == HS_KEYS_MAX)
		return hs_settings_fail(reading, "[keys]: there are more than %d: remove some", HS_KEYS_MAX);
	k = more_keys(s);
	if (k == NULL)
		return hs_settings_fail(reading, "out of memory");
	memcpy(k->tenant, label, strlen(label));
	if (!hs_settings_read_key(reading, "keys", label, hs_slice_str(value), k->sha256, &k->revoked) ||
	    !check_no_source(reading, "key of [keys]", k->sha256))
		return false;
	for (unsigned i = 0; i < s->keys; i++) {
		if (strcmp(s->key[i].tenant, k->tenant) == 0)
			return hs_settings_fail(reading, "[keys] %s is given twice: give each key a label of its own",
			                        label);
		if (memcmp(s->key[i].sha256, k->sha256, sizeof k->sha256) == 0)
			return hs_settings_fail(reading,
			                        "[keys] %s: the same key as %s: give each customer a key of its own",
			                        label, s->key[i].tenant);
	}
	s->keys++;
	return true;
}

/* --- what no sender may know ------------------------------------------------------ */

static void refuse_private(struct hs_settings_reading *reading, const struct hs_private_text *private, const char *name,
                           const char *section, const char *label)
{
	if (private->line == 0)
		reading->name = "environment";
	reading->line = private->line;
	reading->stage = private->line > 0 ? HS_FAULT_LINE : HS_FAULT_ENVIRONMENT;
	hs_settings_fail(reading, "%s: a sender knows it, since it is also %s%s: choose another text for one of them",
	                 name, section, label);
	reading->line = 0;
}

static void check_private(struct hs_settings_reading *reading, const struct hs_private_text *private, const char *name)
{
	const struct hs_settings *s = reading->settings;
	const struct hs_source *source = private->given ? hs_source_with(s, private->sha256) : NULL;
	size_t key, secret;

	if (!private->given)
		return;
	key = hs_sha256_find(s->key, s->keys, sizeof *s->key, offsetof(struct hs_key, sha256), private->sha256);
	secret = hs_sha256_find(reading->secret_sha256, s->secrets, HS_SHA256_BYTES, 0, private->sha256);
	if (source != NULL)
		refuse_private(reading, private, name, "the key of [sources] ", source->label);
	else if (key < s->keys)
		refuse_private(reading, private, name, "the key of [keys] ", s->key[key].tenant);
	else if (secret < s->secrets)
		refuse_private(reading, private, name, "a secret", "");
}

void hs_settings_check_private(struct hs_settings_reading *reading)
{
	check_private(reading, &reading->metrics_token, "metrics_token");
	check_private(reading, &reading->hash_key, "hash_key");
}

/* --- who may send -------------------------------------------------------------- */

/* Access must be configured explicitly. */
void hs_settings_settle_auth(struct hs_settings_reading *reading)
{
	struct hs_settings *s = reading->settings;

	if (reading->stage != HS_FAULT_ABSENT)
		reading->stage = HS_FAULT_ACCESS;
	/* silently demanding both would reject senders that were accepted until now, for good */
	if (s->auth == HS_AUTH_UNSET && s->secrets > 0 && s->keys > 0) {
		hs_settings_fail(
		    reading,
		    "secrets and keys: add auth = either (one of the two is enough) or auth = both (a sender must "
		    "show a signature and a key)");
		return;
	}
	if (s->auth == HS_AUTH_UNSET)
		s->auth = s->secrets > 0   ? HS_AUTH_SIGNATURE
		          : s->keys > 0    ? HS_AUTH_KEY
		          : s->sources > 0 ? HS_AUTH_NOBODY
		                           : HS_AUTH_UNSET;
	if (s->auth == HS_AUTH_NOBODY)
		return;
	if (s->auth == HS_AUTH_UNSET)
		hs_settings_fail(reading, "anyone could send: set secret or [keys], or write auth = none");
	else if (hs_settings_demand_signature(s) && s->secrets == 0)
		hs_settings_fail(reading, "auth demands a signature: set secret");
	else if (hs_settings_demand_key(s) && s->keys == 0)
		hs_settings_fail(reading, "auth demands an API key: add [keys]");
}

#include "config/settings.h"
#include "base/hex.h"
#include "base/result.h"
#include "config/ini.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* --- the table -------------------------------------------------------------- */

enum kind { KIND_PATH, KIND_SECRET, KIND_CHOICE, KIND_SIZE, KIND_DURATION, KIND_COUNT, KIND_MODE };

#define CHOICES_MAX 6

struct setting {
	const char *name;
	enum kind kind;
	size_t at; /* offset in struct hs_settings: int for a choice, int64_t for a number */
	int64_t low, high;
	const char *fallback;            /* the default, parsed like a value in the file; NULL: none */
	const char *choice[CHOICES_MAX]; /* of KIND_CHOICE, the text of value 0, 1, …; of KIND_SIZE
	                                    choice[0], if it is there, is a word for 0 */
	const char *help;
};

#define AT(member) offsetof(struct hs_settings, member)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define DAY INT64_C(86400000)

/* clang-format off */
static const struct setting table[] = {
	{ "spool_dir", KIND_PATH, AT(spool_dir), 0, 0, NULL, { NULL },
	  "directory for the events; made with mode 0700 if it is missing" },
	{ "secret", KIND_SECRET, AT(secret), 0, 0, NULL, { NULL },
	  "shared secret for X-Signature; may be repeated while a customer changes secrets" },
	{ "auth", KIND_CHOICE, AT(auth), 0, 0, NULL,
	  { NULL, "signature", "key", "both", "either", "none" },
	  "what a sender must show; with secrets and keys beside each other it must be given" },
	{ "batch_signature", KIND_CHOICE, AT(batch_signature), 0, 0, "either", { "either", "first", "whole" },
	  "what the signature of a batch must cover: its first event, as Segment signs today, the whole body, or either" },
	{ "batches", KIND_CHOICE, AT(batches), 0, 0, "yes", { "no", "yes" },
	  "whether several events may come in one request; no: 400" },
	{ "max_body", KIND_SIZE, AT(max_body), KIB, GIB, "32M", { NULL },
	  "largest request body; above it the answer is 413" },
	{ "validate", KIND_CHOICE, AT(validate), 0, 0, "spec", { "spec", "lenient" },
	  "spec: the rules of the Segment Spec; lenient: any object with a string type" },
	{ "names", KIND_CHOICE, AT(names), 0, 0, "warehouse", { "warehouse", "verbatim" },
	  "warehouse: snake case joined by _; verbatim: the sender's keys joined by a dot" },
	{ "durability", KIND_CHOICE, AT(durability), 0, 0, "fsync", { "fsync", "none" },
	  "fsync: 200 means on stable storage; none: 202, written but not synced" },
	{ "dedup_window", KIND_DURATION, AT(dedup_window), 0, 3650 * DAY, "28d", { NULL },
	  "how long a message id is remembered; 0 turns the search for duplicates off" },
	{ "rotate_size", KIND_SIZE, AT(rotate_size), 4 * KIB, 1024 * GIB, "256M", { NULL },
	  "the open segment is sealed when it passes this size" },
	{ "rotate_age", KIND_DURATION, AT(rotate_age), 0, 3650 * DAY, "24h", { NULL },
	  "the open segment is sealed when it is this old; 0: whatever its age" },
	{ "rotate_min_gap", KIND_DURATION, AT(rotate_min_gap), 0, 60000, "100ms", { NULL },
	  "shortest time between two rotations, so that tail -F keeps up" },
	{ "compress", KIND_CHOICE, AT(compress), 0, 0, "gzip", { "gzip", "none" },
	  "what becomes of sealed segments" },
	{ "retain_days", KIND_COUNT, AT(retain_days), 0, 36500, "0", { NULL },
	  "sealed segments older than this are deleted; 0 keeps all" },
	{ "retain_bytes", KIND_SIZE, AT(retain_bytes), 0, 1048576 * GIB, "0", { NULL },
	  "the oldest sealed segments are deleted above this sum; 0 keeps all" },
	{ "retain_force", KIND_CHOICE, AT(retain_force), 0, 0, "no", { "no", "yes" },
	  "delete them even if a cursor of tail or each has not passed them" },
	{ "rejected_max", KIND_SIZE, AT(rejected_max), 64 * KIB, 1024 * GIB, "64M", { NULL },
	  "sum of the rejected files; above it the tenant with the most loses its oldest lines" },
	{ "rejected_body", KIND_SIZE, AT(rejected_body), 0, GIB, "64K", { "none" },
	  "what is kept of a refused body, with the SHA-256 of all of it; none: neither" },
	{ "failed_max", KIND_SIZE, AT(failed_max), 64 * KIB, 1024 * GIB, "256M", { NULL },
	  "size of failed.jsonl; at it each gives up no record: its user waits, others do not" },
	{ "min_free", KIND_SIZE, AT(min_free), 0, 1048576 * GIB, "64M", { NULL },
	  "below this much free space the answer is 503" },
	{ "spool_mode", KIND_MODE, AT(spool_mode), 0600, 0640, "0600", { NULL },
	  "mode of the files: 0600, or 0640 for a group of readers" },
	{ "threads", KIND_COUNT, AT(threads), 1, 256, "16", { NULL },
	  "FastCGI requests served at once by one process" },
	{ "allow_nfs", KIND_CHOICE, AT(allow_nfs), 0, 0, "no", { "no", "yes" },
	  "take a spool on a network file system, where none of the promises hold" },
	{ "log_level", KIND_CHOICE, AT(log_level), 0, 0, "info", { "error", "warn", "info", "debug" },
	  "info: a line for every refusal; debug: a line for every request" },
};
/* clang-format on */
enum { SETTINGS = sizeof table / sizeof table[0] };

/* --- units ------------------------------------------------------------------ */

struct unit {
	const char *suffix;
	int64_t factor;
};

static const struct unit sizes[] = { { "G", GIB }, { "M", MIB }, { "K", KIB }, { "", 1 } };
static const struct unit durations[] = { { "d", DAY }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 } };
static const struct unit plain[] = { { "", 1 } };

static const struct unit *units_of(enum kind kind, size_t *count)
{
	*count = kind == KIND_SIZE       ? sizeof sizes / sizeof sizes[0]
	         : kind == KIND_DURATION ? sizeof durations / sizeof durations[0]
	                                 : 1;
	return kind == KIND_SIZE ? sizes : kind == KIND_DURATION ? durations : plain;
}

/* Sizes may be written as commands print them, too: 64 MB for 64M. */
static bool is_unit(enum kind kind, const char *text, const char *suffix)
{
	size_t n = strlen(suffix);

	return strncmp(text, suffix, n) == 0 &&
	       (text[n] == '\0' || (kind == KIND_SIZE && text[n] == 'B' && text[n + 1] == '\0'));
}

static bool read_number(enum kind kind, const char *text, int64_t *value)
{
	size_t count;
	const struct unit *unit = units_of(kind, &count);
	int64_t base = kind == KIND_MODE ? 8 : 10, n = 0;
	const char *p = text;

	for (; *p >= '0' && *p < '0' + base; p++) {
		if (n > (INT64_MAX - base) / base)
			return false;
		n = n * base + (*p - '0');
	}
	if (p == text)
		return false;
	if (n == 0 && *p == '\0') { /* zero needs no unit */
		*value = 0;
		return true;
	}
	for (; kind == KIND_SIZE && *p == ' '; p++)
		;
	for (size_t i = 0; i < count; i++)
		if (is_unit(kind, p, unit[i].suffix) && n <= INT64_MAX / unit[i].factor) {
			*value = n * unit[i].factor;
			return true;
		}
	return false;
}

static void print_number(enum kind kind, int64_t value, char *out, size_t n)
{
	size_t count;
	const struct unit *unit = units_of(kind, &count);

	while (count > 1 && (value % unit->factor != 0 || value == 0)) {
		unit++;
		count--;
	}
	if (kind == KIND_MODE)
		snprintf(out, n, "%04o", (unsigned)value);
	else
		snprintf(out, n, "%lld%s", (long long)(value / unit->factor), value == 0 ? "" : unit->suffix);
}

static void print_choices(const struct setting *s, char *out, size_t n)
{
	size_t at = 0;
	int last = CHOICES_MAX;

	while (s->choice[last - 1] == NULL)
		last--;
	for (int i = 0; i < last; i++)
		if (s->choice[i] != NULL && at < n)
			at += (size_t)snprintf(out + at, n - at, "%s%s",
			                       at == 0         ? ""
			                       : i == last - 1 ? " or "
			                                       : ", ",
			                       s->choice[i]);
}

/* Describes the valid values in words. */
static void print_expected(const struct setting *s, char *out, size_t n)
{
	static const char *const what[] = {
		[KIND_SIZE] = "a size", [KIND_DURATION] = "a time", [KIND_COUNT] = "a number", [KIND_MODE] = "a mode"
	};
	char low[24], high[24];

	if (s->kind == KIND_PATH) {
		snprintf(out, n, "an absolute path");
	} else if (s->kind == KIND_SECRET) {
		snprintf(out, n, "a text, at most %d of them", HS_SECRETS_MAX);
	} else if (s->kind == KIND_CHOICE) {
		print_choices(s, out, n);
	} else if (s->kind == KIND_MODE) {
		snprintf(out, n, "0600 or 0640");
	} else {
		print_number(s->kind, s->low, low, sizeof low);
		print_number(s->kind, s->high, high, sizeof high);
		snprintf(out, n, "%s from %s to %s%s%s%s", what[s->kind], low, high,
		         s->kind == KIND_SIZE       ? " (bytes, K, M, G)"
		         : s->kind == KIND_DURATION ? " (ms, s, m, h, d)"
		                                    : "",
		         s->choice[0] != NULL ? ", or " : "", s->choice[0] != NULL ? s->choice[0] : "");
	}
}

size_t hs_settings_count(void)
{
	return SETTINGS;
}

void hs_setting_doc(size_t i, struct hs_setting_doc *doc)
{
	doc->name = table[i].name;
	doc->fallback = table[i].fallback == NULL ? "" : table[i].fallback;
	doc->help = table[i].help;
	print_expected(&table[i], doc->expected, sizeof doc->expected);
}

/* --- reading ---------------------------------------------------------------- */

struct reading {
	struct hs_settings *settings;
	struct hs_settings_error *error;
	bool failed;
	bool given[SETTINGS];         /* seen in the file: a scalar may be given once */
	const char *name;             /* name of the file, for messages */
	int line;                     /* 0: the error has no line */
	enum hs_settings_fault stage; /* the kind of error at this stage */
	struct hs_slice raw;          /* the current line as written; n == 0: none */
};

/* Records the first error. Returns false, so that callers can return its result. */
__attribute__((format(printf, 2, 3))) static bool fail(struct reading *r, const char *format, ...)
{
	char *out = r->error->text;
	size_t n = 0;
	va_list args;

	if (r->failed)
		return false;
	r->failed = true;
	r->error->fault = r->stage;
	r->error->line = r->line;
	if (r->line > 0)
		n = (size_t)snprintf(out, sizeof r->error->text, "%.200s:%d: ", r->name, r->line);
	else if (r->name != NULL)
		n = (size_t)snprintf(out, sizeof r->error->text, "%.200s: ", r->name);
	va_start(args, format);
	vsnprintf(out + n, sizeof r->error->text - n, format, args);
	va_end(args);
	for (; *out != '\0'; out++) /* the error goes to a log: one line, no escapes */
		if ((unsigned char)*out < ' ' || *out == 0x7F)
			*out = '?';
	return false;
}

static void *member(struct hs_settings *settings, const struct setting *s)
{
	return (char *)settings + s->at;
}

static bool set_path(struct reading *r, const struct setting *s, const char *value)
{
	char **path = member(r->settings, s);

	if (value[0] != '/')
		return fail(r, "%s = %s: write the absolute path, from the first /", s->name, value);
	free(*path);
	*path = strdup(value);
	return *path != NULL || fail(r, "out of memory");
}

/* Notes a value that a comment truncates or that has quotes, as other programs want them. */
static void doubt(struct reading *r, const char *value)
{
	struct hs_settings *s = r->settings;
	const char *equals = r->raw.n == 0 ? NULL : memchr(r->raw.p, '=', r->raw.n);
	size_t n = strlen(value);
	struct hs_slice written;

	if (equals == NULL || s->doubtful_line != 0)
		return;
	written = hs_slice_trim(hs_slice(equals + 1, (size_t)(r->raw.p + r->raw.n - equals) - 1));
	if (written.n > n)
		s->doubt = "what stands behind the blank and the semicolon is a comment and no part of it";
	else if (n > 1 && (value[0] == '"' || value[0] == '\'') && value[n - 1] == value[0])
		s->doubt = "the quotes are a part of it";
	else if (strstr(value, " #") != NULL)
		s->doubt = "what stands behind the # is a part of it: a comment there begins with a semicolon";
	else
		return;
	s->doubtful_line = r->line;
}

static bool is_label(const char *s)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return s[0] != '\0' && strlen(s) <= HS_TENANT_MAX && strspn(s, allowed) == strlen(s);
}

static const struct setting *find_setting(const char *name)
{
	for (size_t i = 0; i < SETTINGS; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

/* Checks a label in [keys] or [secrets]. */
static bool check_label(struct reading *r, const char *section, const char *label)
{
	if (!is_label(label))
		return fail(r, "[%s] %s: a label has 1 to %d letters, digits, dots, _ or -", section, label,
		            HS_TENANT_MAX);
	if (find_setting(label) != NULL)
		return fail(r, "[%s] %s: is a setting: move it above [%s]", section, label, section);
	return true;
}

static bool is_same_secret(const struct hs_hmac *a, const struct hs_hmac *b)
{
	uint8_t mac[2][HS_SHA1_BYTES];

	return hs_hmac_sha1(a, HS_SLICE("same"), mac[0]) && hs_hmac_sha1(b, HS_SLICE("same"), mac[1]) &&
	       hs_equal_constant_time(mac[0], mac[1], HS_SHA1_BYTES);
}

/* With two labels for one secret, the tenant of an event would be arbitrary. */
static bool check_one_label(struct reading *r, unsigned last)
{
	const struct hs_settings *s = r->settings;
	const char *label = s->secret_tenant[last];

	for (unsigned i = 0; i < last; i++) {
		const char *other = s->secret_tenant[i];

		if (strcmp(label, other) != 0 && is_same_secret(s->secret[i], s->secret[last]))
			return fail(r, "[secrets] %s: the same secret as %s: give each customer one of its own",
			            label[0] != '\0' ? label : other,
			            label[0] != '\0' && other[0] != '\0' ? other : "one without a label");
	}
	return true;
}

/* `label` is the tenant of the events it signs; "": none. */
static bool add_secret(struct reading *r, const char *label, const char *value)
{
	struct hs_settings *s = r->settings;

	if (value[0] == '\0')
		return fail(r, "[secrets] %s has no value", label);
	if (strcmp(value, HS_SETTINGS_SAMPLE_SECRET) == 0)
		return fail(r, "secret: is still the sample's text: enter the shared secret");
	if (s->secrets == HS_SECRETS_MAX)
		return fail(r, "secret: at most %d are taken: remove the oldest", HS_SECRETS_MAX);
	doubt(r, value);
	s->secret[s->secrets] = hs_hmac_new(hs_slice_str(value));
	if (s->secret[s->secrets] == NULL)
		return fail(r, "out of memory");
	snprintf(s->secret_tenant[s->secrets], sizeof s->secret_tenant[0], "%s", label);
	s->secrets++;
	return check_one_label(r, s->secrets - 1);
}

static bool set_value(struct reading *r, const struct setting *s, const char *value)
{
	char expected[96];
	int64_t number;

	if (value[0] == '\0')
		return fail(r, "%s has no value", s->name);
	if (s->kind == KIND_PATH)
		return set_path(r, s, value);
	if (s->kind == KIND_SECRET)
		return add_secret(r, "", value);
	if (s->kind == KIND_CHOICE) {
		for (int i = 0; i < CHOICES_MAX; i++)
			if (s->choice[i] != NULL && strcmp(s->choice[i], value) == 0) {
				*(int *)member(r->settings, s) = i;
				return true;
			}
	} else if (s->choice[0] != NULL && strcmp(s->choice[0], value) == 0) {
		*(int64_t *)member(r->settings, s) = 0;
		return true;
	} else if (read_number(s->kind, value, &number) && number >= s->low && number <= s->high &&
	           (s->kind != KIND_MODE || number == s->low || number == s->high)) {
		*(int64_t *)member(r->settings, s) = number;
		return true;
	}
	print_expected(s, expected, sizeof expected);
	return fail(r, "%s = %s: expected %s", s->name, value, expected);
}

/* --- [keys] ----------------------------------------------------------------- */

static bool take_prefix(const char **s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (strncmp(*s, prefix, n) != 0)
		return false;
	*s += n;
	return true;
}

/* Wipes one entry more than s->keys: add_key may have failed half-way through it. */
static void forget_keys(struct hs_settings *s)
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
	forget_keys(s);
	s->key = k;
	return &k[s->keys];
}

static bool add_key(struct reading *r, const char *label, const char *value)
{
	struct hs_settings *s = r->settings;
	struct hs_key *k;

	if (!check_label(r, "keys", label))
		return false;
	doubt(r, value);
	if (s->keys == HS_KEYS_MAX)
		return fail(r, "[keys]: at most %d are taken", HS_KEYS_MAX);
	k = more_keys(s);
	if (k == NULL)
		return fail(r, "out of memory");
	memcpy(k->tenant, label, strlen(label));
	k->revoked = take_prefix(&value, "revoked:");
	if (take_prefix(&value, "sha256:")) {
		if (!hs_hex_decode(hs_slice_str(value), k->sha256, sizeof k->sha256))
			return fail(r,
			            "[keys] %s: sha256: must be followed by 64 hex digits "
			            "(printf %%s KEY | sha256sum)",
			            label);
	} else if (strcmp(value, HS_SETTINGS_SAMPLE_KEY) == 0) {
		return fail(r, "[keys] %s: is still the sample's text: enter the key", label);
	} else if (value[0] == '\0') {
		return fail(r, "[keys] %s has no value", label);
	} else if (!hs_sha256(hs_slice_str(value), k->sha256)) {
		return fail(r, "out of memory");
	}
	for (unsigned i = 0; i < s->keys; i++) {
		if (strcmp(s->key[i].tenant, k->tenant) == 0)
			return fail(r, "[keys] %s is given twice: give each key a label of its own", label);
		if (memcmp(s->key[i].sha256, k->sha256, sizeof k->sha256) == 0)
			return fail(r, "[keys] %s: the same key as %s: give each customer a key of its own", label,
			            s->key[i].tenant);
	}
	s->keys++;
	return true;
}

/* --- the file --------------------------------------------------------------- */

static bool set_pair(struct reading *r, struct hs_slice section, const char *name, const char *value)
{
	const struct setting *s;

	if (hs_slice_eq(section, HS_SLICE("keys")))
		return add_key(r, name, value);
	if (hs_slice_eq(section, HS_SLICE("secrets")))
		return check_label(r, "secrets", name) && add_secret(r, name, value);
	if (section.n > 0)
		return fail(r, "[%.*s]: unknown section: there are [secrets] and [keys], and what is above them",
		            (int)section.n, section.p);
	s = find_setting(name);
	if (s == NULL)
		return fail(r, "%s: unknown setting: see hookspool.conf(5)", name);
	if (s->kind != KIND_SECRET && r->given[s - table])
		return fail(r, "%s is given twice: remove one", name);
	r->given[s - table] = true;
	return set_value(r, s, value);
}

static void read_file(struct reading *r, const char *name, struct hs_slice text)
{
	struct hs_ini ini;

	r->name = name;
	r->stage = HS_FAULT_LINE;
	hs_ini_start(&ini, text);
	while (!r->failed && hs_ini_next(&ini)) {
		r->line = ini.line;
		r->raw = ini.raw;
		set_pair(r, ini.section, ini.name, ini.value);
	}
	if (ini.error != NULL) {
		r->line = ini.line;
		fail(r, "%s", ini.error);
	}
	hs_ini_end(&ini);
	r->line = 0;
	r->raw = HS_SLICE_NONE;
}

/* --- the environment -------------------------------------------------------- */

static void forget_secrets(struct hs_settings *s)
{
	while (s->secrets > 0)
		hs_hmac_free(s->secret[--s->secrets]);
}

/* HOOKSPOOL_MAX_BODY=8M overrides max_body; HOOKSPOOL_SECRET replaces all secrets. */
static void read_environment(struct reading *r, char *const *variables)
{
	static const char prefix[] = "HOOKSPOOL_";
	char name[64];

	r->stage = HS_FAULT_ENVIRONMENT;
	for (; variables != NULL && *variables != NULL; variables++) {
		const char *p = *variables, *value = strchr(p, '=');
		const struct setting *s;
		size_t n = 0;

		if (!take_prefix(&p, prefix) || value == NULL || value < p)
			continue;
		for (; p + n < value && n < sizeof name - 1; n++)
			name[n] = p[n] >= 'A' && p[n] <= 'Z' ? (char)(p[n] + ('a' - 'A')) : p[n];
		name[n] = '\0';
		if (strcmp(name, "conf") == 0)
			continue;
		r->name = "environment";
		s = find_setting(name);
		if (s == NULL) {
			fail(r, "HOOKSPOOL_%.*s: unknown setting: see hookspool.conf(5)", (int)(value - p), p);
			return;
		}
		if (s->kind == KIND_SECRET)
			forget_secrets(r->settings);
		if (!set_value(r, s, value + 1))
			return;
	}
}

/* --- all together ----------------------------------------------------------- */

static void set_defaults(struct reading *r)
{
	for (size_t i = 0; i < SETTINGS; i++)
		if (table[i].fallback != NULL)
			set_value(r, &table[i], table[i].fallback);
}

/* The words of `auth`: which forms count, and whether one of them is enough or all are demanded. */
static const struct {
	bool signature, key, any;
} policy[] = {
	[HS_AUTH_SIGNATURE] = { .signature = true },
	[HS_AUTH_KEY] = { .key = true },
	[HS_AUTH_BOTH] = { .signature = true, .key = true },
	[HS_AUTH_EITHER] = { .signature = true, .key = true, .any = true },
	[HS_AUTH_NONE] = { 0 },
};

bool hs_settings_demand_signature(const struct hs_settings *s)
{
	return policy[s->auth].signature;
}

bool hs_settings_demand_key(const struct hs_settings *s)
{
	return policy[s->auth].key;
}

bool hs_settings_demand_any(const struct hs_settings *s)
{
	return policy[s->auth].any;
}

/* Access must be configured explicitly. */
static void settle_auth(struct reading *r)
{
	struct hs_settings *s = r->settings;

	if (r->stage != HS_FAULT_ABSENT)
		r->stage = HS_FAULT_ACCESS;
	/* silently demanding both would reject senders that were accepted until now, for good */
	if (s->auth == HS_AUTH_UNSET && s->secrets > 0 && s->keys > 0) {
		fail(r, "secrets and keys: add auth = either (one of the two is enough) or auth = both (a sender must "
		        "show a signature and a key)");
		return;
	}
	if (s->auth == HS_AUTH_UNSET)
		s->auth = s->secrets > 0 ? HS_AUTH_SIGNATURE : s->keys > 0 ? HS_AUTH_KEY : HS_AUTH_UNSET;
	if (s->auth == HS_AUTH_UNSET)
		fail(r, "anybody could send: set secret or [keys], or write auth = none");
	else if (hs_settings_demand_signature(s) && s->secrets == 0)
		fail(r, "auth demands a signature: set secret");
	else if (hs_settings_demand_key(s) && s->keys == 0)
		fail(r, "auth demands an API key: add [keys]");
}

const char *hs_settings_tenant(const struct hs_settings *s, const char *label)
{
	for (unsigned i = 0; i < s->keys; i++)
		if (strcmp(s->key[i].tenant, label) == 0)
			return s->key[i].tenant;
	for (unsigned i = 0; i < s->secrets; i++)
		if (label[0] != '\0' && strcmp(s->secret_tenant[i], label) == 0)
			return s->secret_tenant[i];
	return NULL;
}

bool hs_settings_have_tenants(const struct hs_settings *s)
{
	for (unsigned i = 0; i < s->secrets; i++)
		if (s->secret_tenant[i][0] != '\0')
			return true;
	return s->keys > 0;
}

const char *hs_settings_demand(const struct hs_settings *s)
{
	static const char *const demand[] = {
		[HS_AUTH_SIGNATURE] = "a signature",
		[HS_AUTH_KEY] = "an API key",
		[HS_AUTH_BOTH] = "a signature and an API key",
		[HS_AUTH_EITHER] = "a signature or an API key",
		[HS_AUTH_NONE] = "nothing",
	};

	return demand[s->auth];
}

const char *hs_settings_batch_demand(const struct hs_settings *s)
{
	static const char *const demand[] = {
		[HS_BATCH_SIGNATURE_EITHER] = "; a batch's signature may cover its first event or its whole body",
		[HS_BATCH_SIGNATURE_FIRST] = "; a batch's signature covers its first event",
		[HS_BATCH_SIGNATURE_WHOLE] = "; a batch's signature covers its whole body",
	};

	if (!s->batches)
		return "; batches are refused";
	return hs_settings_demand_signature(s) ? demand[s->batch_signature] : "";
}

struct hs_settings *hs_settings_new(const char *name, struct hs_slice text, char *const *variables,
                                    struct hs_settings_error *error)
{
	struct reading r = { .settings = calloc(1, sizeof(struct hs_settings)), .error = error };

	*error = (struct hs_settings_error){ .fault = HS_FAULT_OTHER };
	if (r.settings == NULL) {
		fail(&r, "out of memory");
		return NULL;
	}
	set_defaults(&r);
	if (text.p != NULL)
		read_file(&r, name, text);
	read_environment(&r, variables);
	r.name = text.p != NULL ? name : "no settings file";
	r.stage = text.p != NULL ? HS_FAULT_SPOOL_DIR : HS_FAULT_ABSENT;
	if (!r.failed && r.settings->spool_dir == NULL)
		fail(&r, "spool_dir is missing: name the directory for the events");
	if (!r.failed)
		settle_auth(&r);
	if (r.failed) {
		hs_settings_free(r.settings);
		return NULL;
	}
	return r.settings;
}

void hs_settings_free(struct hs_settings *s)
{
	if (s == NULL)
		return;
	forget_secrets(s);
	forget_keys(s);
	free(s->spool_dir);
	free(s);
}

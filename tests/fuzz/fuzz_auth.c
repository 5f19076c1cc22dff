/*
 * Authentication, compared with oracle.h: the same verdict and the same tenant for any headers,
 * any body and every `auth` mode; and no part of a key stays in the scratch buffer.
 *
 * The input is lines, an empty line, the body:
 *	auth=either              signature, key, both, either or none
 *	sign=first s3cret        X-Signature is the MAC under a secret of the body, of its first
 *	                         element, of the inner value, or (member) of what follows the
 *	                         first "json": anywhere, which must open no door by itself
 *	signature=0123…          X-Signature as it stands
 *	twice                    X-Signature came more than once
 *	authorization=Bearer k3y Authorization as it stands
 * Of repeated lines the first counts.
 */
#include "cgi/http/auth/auth.h"
#include "tests/fuzz/oracle.h"

static const char *const secrets[] = { "s3cret", "n3w", NULL };
static const struct oracle_entry keys[] = {
	{ "k3y", "acme" }, { "h4shed", "globex" }, { "0ld", NULL }, { NULL, NULL }
};
static const char *const modes[] = { "signature", "key", "both", "either", "none" };
enum { MODES = sizeof modes / sizeof modes[0], LINES_MAX = 16 };

struct input {
	char *line[LINES_MAX];
	int lines;
	struct hs_slice body;
	char computed[ORACLE_MAC_TEXT + 1];
	struct hs_credentials c;
	const char *authorization;
	int mode; /* index in modes */
};

/* The settings of a mode, read once: only the headers and the body change. */
static const struct hs_settings *settings_of(int mode)
{
	static struct hs_settings *made[MODES];
	struct hs_settings_error error;
	char digest[65], conf[512];

	if (made[mode] == NULL) {
		unsigned char sum[32];

		EVP_Digest("h4shed", 6, sum, NULL, EVP_sha256(), NULL);
		for (int i = 0; i < 32; i++)
			snprintf(digest + 2 * i, 3, "%02x", sum[i]);
		snprintf(conf, sizeof conf,
		         "spool_dir = /s\nsecret = s3cret\nsecret = n3w\nauth = %s\n[keys]\n"
		         "acme = k3y\nglobex = sha256:%s\nold = revoked:0ld\n",
		         modes[mode], digest);
		made[mode] = hs_settings_new("fuzz", hs_slice_str(conf), NULL, &error);
		MUST(made[mode] != NULL);
	}
	return made[mode];
}

static char *value_of(const struct input *in, const char *name)
{
	size_t n = strlen(name);

	for (int i = 0; i < in->lines; i++)
		if (strncmp(in->line[i], name, n) == 0)
			return in->line[i] + n;
	return NULL;
}

static void split(struct input *in, char *text, struct hs_slice all)
{
	char *p = text, *end;

	while (*p != '\0' && *p != '\n' && in->lines < LINES_MAX) {
		in->line[in->lines++] = p;
		end = strchr(p, '\n');
		p = end == NULL ? p + strlen(p) : end + 1;
		if (end != NULL)
			*end = '\0';
	}
	p += *p == '\n';
	in->body = hs_slice(all.p + (p - text), all.n - (size_t)(p - text));
}

static struct hs_slice member(struct hs_slice body)
{
	static const char name[] = "\"json\":";
	const char *p = body.n == 0 ? NULL : memmem(body.p, body.n, name, sizeof name - 1);

	if (p == NULL)
		return HS_SLICE_NONE;
	p += sizeof name - 1;
	return oracle_value(oracle_trim(hs_slice(p, (size_t)(body.p + body.n - p))));
}

/* sign=SPAN SECRET: the signature of a sender with that secret. */
static void sign(struct input *in, const char *how)
{
	static const char *const names[] = { "body ", "first ", "inner ", "member " };
	struct hs_slice span[ORACLE_SPANS + 1];

	oracle_spans(in->body, span);
	span[ORACLE_SPANS] = member(in->body);
	for (int i = 0; i <= ORACLE_SPANS; i++)
		if (strncmp(how, names[i], strlen(names[i])) == 0 && span[i].p != NULL) {
			oracle_mac(how + strlen(names[i]), span[i], in->computed);
			in->c.signature = hs_slice_str(in->computed);
		}
}

static void fill(struct input *in)
{
	const char *mode = value_of(in, "auth=");

	if (value_of(in, "sign=") != NULL)
		sign(in, value_of(in, "sign="));
	else
		in->c.signature = hs_slice_str(value_of(in, "signature="));
	in->c.signature_twice = value_of(in, "twice") != NULL;
	in->authorization = value_of(in, "authorization=");
	in->c.authorization = hs_slice_str(in->authorization);
	for (int i = 0; mode != NULL && i < MODES; i++)
		if (strcmp(mode, modes[i]) == 0)
			in->mode = i;
}

static enum hs_result expected_signature(const struct input *in)
{
	if (in->c.signature_twice)
		return HS_E_SIGNATURE_TWICE;
	if (in->c.signature.p == NULL)
		return HS_E_NO_SIGNATURE;
	return oracle_signed(in->c.signature, in->body, secrets) ? HS_OK : HS_E_SIGNATURE;
}

static enum hs_result expected(const struct input *in, const char **tenant)
{
	static const enum hs_result by[] = { [ORACLE_NO_HEADER] = HS_E_NO_KEY,
		                             [ORACLE_UNKNOWN] = HS_E_KEY,
		                             [ORACLE_REVOKED] = HS_E_KEY_REVOKED,
		                             [ORACLE_KNOWN] = HS_OK };
	const char *mode = modes[in->mode];
	enum hs_result key, signature = expected_signature(in);

	*tenant = "";
	if (strcmp(mode, "none") == 0)
		return HS_OK;
	if (strcmp(mode, "signature") == 0)
		return signature;
	key = by[oracle_find_key(in->authorization, keys, tenant)];
	if (strcmp(mode, "key") == 0 || key == HS_E_KEY_REVOKED)
		return key;
	if (strcmp(mode, "both") == 0)
		return key != HS_OK ? key : signature;
	if (key == HS_OK || signature == HS_OK)
		return HS_OK;
	if (signature != HS_E_NO_SIGNATURE)
		return signature;
	return key == HS_E_NO_KEY ? HS_E_NO_CREDENTIALS : key;
}

static void check(const struct input *in)
{
	struct hs_json json = { .seed = 1 };
	struct hs_buf key = { 0 };
	struct hs_slice tenant = HS_SLICE("never set");
	const char *whose;
	enum hs_result want = expected(in, &whose);
	enum hs_result got = hs_auth_check(settings_of(in->mode), &in->c, in->body, &json, &key, &tenant);

	if (got != want)
		fprintf(stderr, "auth = %s: expected %s, got %s\n", modes[in->mode], hs_result_info(want)->name,
		        hs_result_info(got)->name);
	MUST(got == want);
	MUST(got != HS_OK || hs_slice_eq(tenant, hs_slice_str(whose)));
	for (size_t i = 0; i < key.cap; i++)
		MUST(key.p[i] == 0);
	hs_buf_free(&key);
	hs_json_free(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hs_slice all = fuzz_copy(data, size);
	char *text = malloc(size + 1);
	struct input in = { .mode = 0 };

	MUST(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	split(&in, text, all);
	fill(&in);
	check(&in);
	free(text);
	free((void *)(uintptr_t)all.p);
	return 0;
}

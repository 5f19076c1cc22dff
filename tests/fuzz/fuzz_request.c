/*
 * A whole request, lines NAME=VALUE up to an empty line, then the body, goes through
 * hs_serve, with a spool in memory. Any input gets one well-formed answer, nothing is
 * kept for strangers (by the verdict of oracle.h), and what is kept is whole lines.
 *
 * An X-Signature of @SECRET is replaced by the MAC of the body, so that a changed body can
 * still be authenticated.
 */
#include "tests/fuzz/fake_exchange.h"
#include "tests/fuzz/oracle.h"

static const char *const secrets[] = { "s3cret", NULL };
static const struct oracle_entry keys[] = { { "k3y", "acme" }, { "0ld", NULL }, { NULL, NULL } };
static const char signature_is[] = "HTTP_X_SIGNATURE=";

struct signed_fake {
	struct fake f;
	char signature[sizeof signature_is + ORACLE_MAC_TEXT];
};

/* Cuts the head off: lines up to an empty one. Returns the memory of the strings. */
static char *take_params(struct fake *f, struct hs_slice *text)
{
	char *head = malloc(text->n + 1), *p = head;
	int count = 0;

	MUST(head != NULL);
	if (text->n > 0)
		memcpy(head, text->p, text->n);
	head[text->n] = '\0';
	while (*p != '\0' && *p != '\n' && count < PARAMS_MAX) {
		char *end = strchr(p, '\n');

		f->params[count++] = p;
		p = end == NULL ? p + strlen(p) : end + 1;
		if (end != NULL)
			*end = '\0';
	}
	if (*p == '\n')
		p++;
	text->p += p - head;
	text->n -= (size_t)(p - head);
	return head;
}

/* HTTP_X_SIGNATURE=@s3cret becomes the signature of a sender with that secret. */
static void sign(struct signed_fake *signer)
{
	struct fake *f = &signer->f;

	for (char **p = f->params; *p != NULL; p++) {
		size_t n = sizeof signature_is - 1;

		if (strncmp(*p, signature_is, n) != 0 || (*p)[n] != '@')
			continue;
		memcpy(signer->signature, signature_is, n);
		oracle_mac(*p + n + 1, f->whole, signer->signature + n);
		*p = signer->signature;
	}
}

/* True if the request may be kept. The auth mode is either. */
static bool is_let_in(const struct fake *f)
{
	const char *signature = param(f, "HTTP_X_SIGNATURE");
	const char *header = param(f, "HTTP_AUTHORIZATION");
	const char *length = param(f, "CONTENT_LENGTH"), *tenant;
	struct hs_slice body = f->whole;
	enum oracle_key key;

	if (length != NULL && strtoull(length, NULL, 10) < body.n)
		body.n = (size_t)strtoull(length, NULL, 10);
	if (header == NULL || header[0] == '\0')
		header = param(f, "REDIRECT_HTTP_AUTHORIZATION");
	key = oracle_find_key(header, keys, &tenant);
	if (key == ORACLE_KNOWN || key == ORACLE_REVOKED)
		return key == ORACLE_KNOWN;
	return signature != NULL && oracle_signed(hs_slice_str(signature), body, secrets);
}

/* True if `line` is a line of the head, with its CRLF. */
static bool has_line(struct hs_slice head, const char *line)
{
	return memmem(head.p, head.n, line, strlen(line)) != NULL;
}

static void check_head(struct hs_slice head, int status, size_t answer, bool is_head)
{
	const char *length = memmem(head.p, head.n, "\r\nContent-Length: ", 18);

	MUST(status == 200 || (status >= 400 && status <= 503));
	MUST(head.n > 4 && memcmp(head.p + head.n - 4, "\r\n\r\n", 4) == 0);
	MUST(memmem(head.p, head.n - 4, "\r\n\r\n", 4) == NULL);
	MUST(length != NULL && has_line(head, "\r\nContent-Type: application/json\r\n"));
	MUST(is_head ? answer == 0 : answer > 0 && strtoull(length + 18, NULL, 10) == answer);
	MUST(has_line(head, "\r\nWWW-Authenticate: ") == (status == 401));
	MUST(has_line(head, "\r\nAllow: ") == (status == 405));
	MUST(has_line(head, "\r\nRetry-After: ") == (status == 503));
}

/* A refusal has a message: one line that can be shown, decoded or not. */
static void check_message(struct hs_slice answer, int status)
{
	struct json_object *tree = fuzz_json_c(hs_slice(answer.p, answer.n - 1)), *message;

	if (!json_object_object_get_ex(tree, "message", &message)) {
		MUST(status == 200);
	} else {
		const unsigned char *p = (const unsigned char *)json_object_get_string(message);

		MUST(json_object_get_string_len(message) > 0);
		for (; *p != '\0'; p++)
			MUST(*p >= ' ' && *p != 0x7F);
	}
	json_object_put(tree);
}

static void check_answer(const struct fake *f)
{
	struct hs_slice head = hs_buf_slice(&f->head), answer = hs_buf_slice(&f->answer);
	const char *method = param(f, "REQUEST_METHOD");
	int status;

	MUST(f->finished == 1 && f->ended == 1 && f->appended <= 1);
	MUST(head.n > 11 && memcmp(head.p, "Status: ", 8) == 0);
	status = atoi(head.p + 8);
	check_head(head, status, answer.n, method != NULL && strcmp(method, "HEAD") == 0);
	if (answer.n > 0) {
		fuzz_check_line(answer);
		check_message(answer, status);
	}
	if (status == 401 || status == 403 || status == 404 || status == 405)
		MUST(f->appended == 0);
	if (f->appended > 0)
		MUST(is_let_in(f));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char conf[] = "spool_dir = /s\nsecret = s3cret\nauth = either\nmax_body = 64K\n"
				   "[keys]\nacme = k3y\nold = revoked:0ld\n";
	struct hs_settings_error error;
	struct hs_settings *s = hs_settings_new("fuzz", HS_SLICE(conf), NULL, &error);
	struct signed_fake request = { 0 };
	struct fake *f = &request.f;
	struct hs_slice text = hs_slice((const char *)data, size);
	char *head = take_params(f, &text);

	hs_log_level(HS_LOG_ERROR);
	f->body = f->whole = text;
	sign(&request);
	fake_serve(f, s);
	check_answer(f);
	hs_settings_free(s);
	hs_buf_free(&f->head);
	hs_buf_free(&f->answer);
	free(head);
	return 0;
}

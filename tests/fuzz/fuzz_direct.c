/*
 * A body that one of Segment's libraries sends. The first byte chooses the path, the second how the write key is
 * shown, the third the rest: bit 0: compressed; bit 1: what is said to be compressed is the input as it is; bit 2:
 * text/plain; bit 3: it says no length; bits 4 and 5: no Origin, the page's, another. Then the body.
 *
 * Whatever it is: one answer that the libraries understand, 200, 400 or 503, with `success`. Nothing is kept unless
 * a key in the header, or in the body as json-c reads it, is that of a source, not revoked, and allowed to that page.
 * A body that is JSON leaves as many lines as it has events. A compressed body is treated as the plain one.
 */
#include "base/base64.h"
#include "tests/fuzz/fake_exchange.h"

#include <zlib.h>

static const char conf[] = "spool_dir = /s\nauth = none\n[sources]\nsrv = S3rverKey server\n"
			   "web = W3bKey browser origin=https://shop.example\nold = revoked:0ldKey\n";

static const struct path {
	const char *path;
	bool one; /* the body is an event, whatever it is like */
} paths[] = {
	{ "/v1/batch", false },   { "/v1/import", false }, { "/v1/b", false },        { "/v1/track", true },
	{ "/v1/identify", true }, { "/v1/t", true },       { "/v1/v1/batch", false }, { "/v1/p", true },
};

/* The user names of Basic. */
static const char *const shown[] = { NULL, "S3rverKey", "W3bKey", "0ldKey", "Unkn0wn", "" };

enum source { NO_SOURCE, SERVER, WEB, REVOKED };

static enum source source_of(const char *key)
{
	if (key == NULL)
		return NO_SOURCE;
	return strcmp(key, "S3rverKey") == 0 ? SERVER
	       : strcmp(key, "W3bKey") == 0  ? WEB
	       : strcmp(key, "0ldKey") == 0  ? REVOKED
	                                     : NO_SOURCE;
}

struct input {
	const struct path *path;
	const char *basic, *origin; /* NULL: none */
	bool compress, compressed, is_plain, no_length;
	struct hs_slice text;
};

static struct input input_of(const uint8_t *data, size_t size)
{
	static const char *const origins[] = { NULL, "https://shop.example", "https://elsewhere.example", NULL };
	uint8_t more = data[2];

	return (struct input){ .path = &paths[data[0] % (sizeof paths / sizeof *paths)],
		               .basic = shown[data[1] % (sizeof shown / sizeof *shown)],
		               .origin = origins[more >> 4 & 3],
		               .compress = (more & 1) != 0,
		               .compressed = (more & 2) != 0,
		               .is_plain = (more & 4) != 0,
		               .no_length = (more & 8) != 0,
		               .text = hs_slice((const char *)data + 3, size - 3) };
}

static struct hs_buf gzip(struct hs_slice text)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)text.p, .avail_in = (uInt)text.n };
	struct hs_buf out = { 0 };
	size_t most;

	MUST(deflateInit2(&z, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	most = deflateBound(&z, text.n);
	z.next_out = (Bytef *)hs_buf_reserve(&out, most);
	z.avail_out = (uInt)most;
	MUST(z.next_out != NULL && deflate(&z, Z_FINISH) == Z_STREAM_END);
	out.n = z.total_out;
	deflateEnd(&z);
	return out;
}

/* --- the request ------------------------------------------------------------------------------- */

static void put_param(struct fake *f, struct hs_buf *memory, const char *name, const char *value)
{
	size_t i = 0;

	while (f->params[i] != NULL)
		i++;
	f->params[i] = memory->p + memory->n;
	hs_buf_printf(memory, "%s=%s", name, value);
	hs_buf_putc(memory, '\0');
	MUST(hs_buf_ok(memory));
}

static void put_params(struct fake *f, struct hs_buf *memory, const struct input *input)
{
	struct hs_buf basic = { 0 };
	char length[24];

	hs_buf_reserve(memory, 4096); /* it must not move */
	put_param(f, memory, "REQUEST_METHOD", "POST");
	put_param(f, memory, "PATH_INFO", input->path->path);
	put_param(f, memory, "CONTENT_TYPE", input->is_plain ? "text/plain" : "application/json");
	put_param(f, memory, "REMOTE_ADDR", "192.0.2.7");
	snprintf(length, sizeof length, "%zu", f->whole.n);
	if (input->no_length)
		put_param(f, memory, "HTTP_TRANSFER_ENCODING", "chunked");
	else
		put_param(f, memory, "CONTENT_LENGTH", length);
	if (input->compress || input->compressed)
		put_param(f, memory, "HTTP_CONTENT_ENCODING", "gzip");
	if (input->origin != NULL)
		put_param(f, memory, "HTTP_ORIGIN", input->origin);
	if (input->basic == NULL)
		return;
	hs_buf_put_slice(&basic, HS_SLICE("Basic "));
	{
		char user[64];

		snprintf(user, sizeof user, "%s:", input->basic);
		hs_base64_encode(hs_slice_str(user), &basic);
	}
	hs_buf_putc(&basic, '\0');
	put_param(f, memory, "HTTP_AUTHORIZATION", basic.p);
	hs_buf_free(&basic);
}

/* --- what must hold ------------------------------------------------------------------------------ */

/* The body as json-c reads it. */
struct seen {
	bool is_json; /* by our strict reader, too */
	enum source source;
	bool has_key;  /* a writeKey that is a text */
	size_t events; /* 0: it is no batch, and no object */
};

static const char *key_in(struct json_object *object)
{
	struct json_object *key;

	if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, "writeKey", &key))
		return NULL;
	return json_object_is_type(key, json_type_string) ? json_object_get_string(key) : "";
}

static struct seen look(struct hs_slice text, bool one)
{
	struct hs_json json = { .seed = 1 };
	struct json_object *tree = fuzz_json_c(text), *batch = NULL;
	struct seen seen = { .is_json = hs_json_document(&json, text) == HS_OK };
	const char *key = key_in(tree);
	bool is_batch = !one && json_object_is_type(tree, json_type_object) &&
	                json_object_object_get_ex(tree, "batch", &batch) && json_object_is_type(batch, json_type_array);

	if (key == NULL && is_batch)
		key = key_in(json_object_array_get_idx(batch, 0));
	seen.has_key = key != NULL;
	seen.source = source_of(key);
	seen.events = is_batch ? json_object_array_length(batch) : (size_t)json_object_is_type(tree, json_type_object);
	json_object_put(tree);
	hs_json_free(&json);
	return seen;
}

static bool may_send(enum source source, const struct input *input)
{
	return source == SERVER ||
	       (source == WEB && input->origin != NULL && strcmp(input->origin, "https://shop.example") == 0);
}

/* A body that is no JSON may show a key in a place that json-c does not reach; its bytes must be there. */
static bool may_show_key(struct hs_slice text)
{
	return memmem(text.p, text.n, "S3rverKey", 9) != NULL || memmem(text.p, text.n, "W3bKey", 6) != NULL ||
	       memchr(text.p, '\\', text.n) != NULL;
}

static void check_kept(const struct fake *f, const struct input *input, struct hs_slice text, bool readable)
{
	struct seen seen = look(text, input->path->one);
	enum source basic = source_of(input->basic);

	if (f->appended == 0)
		return;
	MUST(f->appended == 1 && f->records + f->rejected > 0);
	if (!readable || !seen.is_json) {
		MUST(may_send(basic, input) || (readable && may_show_key(text)));
		return;
	}
	MUST(may_send(basic, input) || may_send(seen.source, input));
	MUST(basic == NO_SOURCE || seen.source == NO_SOURCE || basic == seen.source);
	MUST(basic != REVOKED && seen.source != REVOKED);
	if (seen.events > 0)
		MUST(f->records + f->rejected + f->suppressed == seen.events);
}

static void check_answer(const struct fake *f)
{
	struct hs_slice answer = hs_buf_slice(&f->answer);
	struct json_object *tree, *success, *text;
	int status;

	MUST(f->finished == 1 && f->ended == 1);
	MUST(f->head.n > 11 && memcmp(f->head.p, "Status: ", 8) == 0);
	status = atoi(f->head.p + 8);
	MUST(status == 200 || status == 400 || status == 503);
	fuzz_check_line(answer);
	tree = fuzz_json_c(hs_slice(answer.p, answer.n - 1));
	MUST(json_object_object_get_ex(tree, "success", &success));
	MUST(json_object_get_boolean(success) == (status == 200));
	MUST(status == 200 || (json_object_object_get_ex(tree, "code", &text) && json_object_get_string_len(text) > 0 &&
	                       json_object_object_get_ex(tree, "message", &text)));
	MUST(status == 200 || f->records == 0);
	json_object_put(tree);
}

static struct fake send(const struct input *input, const struct hs_settings *settings)
{
	struct fake f = { .body = input->text };
	struct hs_buf memory = { 0 }, small = { 0 };

	if (input->compress) {
		small = gzip(input->text);
		f.body = hs_buf_slice(&small);
	}
	f.whole = f.body;
	put_params(&f, &memory, input);
	fake_serve(&f, settings);
	check_answer(&f);
	check_kept(&f, input, input->text, input->compress || !input->compressed);
	hs_buf_free(&memory);
	hs_buf_free(&small);
	return f;
}

/* The records have ids and stamps of their own, so that their number is compared, and the answer. */
static void check_same(const struct fake *a, const struct fake *b)
{
	MUST(hs_slice_eq(hs_buf_slice(&a->answer), hs_buf_slice(&b->answer)));
	MUST(a->records == b->records && a->rejected == b->rejected);
}

static void free_fake(struct fake *f)
{
	hs_buf_free(&f->head);
	hs_buf_free(&f->answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hs_settings_error error;
	struct hs_settings *settings;
	struct input input;
	struct fake f, plain;

	if (size < 3)
		return 0;
	hs_log_level((enum hs_level) - 1); /* not even errors: each run has some */
	settings = hs_settings_new("fuzz", HS_SLICE(conf), NULL, &error);
	input = input_of(data, size);
	f = send(&input, settings);
	if (input.compress) {
		input.compress = input.compressed = false;
		plain = send(&input, settings);
		check_same(&f, &plain);
		free_fake(&plain);
	}
	free_fake(&f);
	hs_settings_free(settings);
	return 0;
}

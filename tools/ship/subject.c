#include "tools/ship/subject.h"
#include "base/digest.h"
#include "base/hex.h"
#include "event/json.h"
#include "event/record_fields.h"
#include "event/snake.h"

#include <string.h>

static const char BEGIN[] = "hookspool.{receiver}.";

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || hs_is_digit(c) || c == '_' || c == '-';
}

/* --- the template ------------------------------------------------------------------------ */

static bool is_token(struct hs_slice token)
{
	if (hs_slice_eq(token, HS_SLICE("{tenant}")) || hs_slice_eq(token, HS_SLICE("{type}")) ||
	    hs_slice_eq(token, HS_SLICE("{event}")))
		return true;
	for (size_t i = 0; i < token.n; i++)
		if (!is_plain(token.p[i]))
			return false;
	return token.n > 0 && token.n <= HS_SUBJECT_EVENT_MAX;
}

/* The token at the front, which it removes with the dot after it. */
static struct hs_slice next_token(const char **text)
{
	struct hs_slice token = hs_slice(*text, strcspn(*text, "."));

	*text += token.n + ((*text)[token.n] == '.');
	return token;
}

/* A tenant's token is long: three of them would be a longer subject than the engine sends. */
static bool has_tenant_twice(const char *text)
{
	const char *at = strstr(text, "{tenant}");

	return at != NULL && strstr(at + 1, "{tenant}") != NULL;
}

bool hs_subject_is_template(const char *text)
{
	unsigned tokens = 0;

	if (strncmp(text, BEGIN, sizeof BEGIN - 1) != 0 || text[strlen(text) - 1] == '.' || has_tenant_twice(text))
		return false;
	for (text += sizeof BEGIN - 1; *text != '\0'; tokens++)
		if (!is_token(next_token(&text)))
			return false;
	return tokens == 2 || tokens == 3;
}

/* --- a record ------------------------------------------------------------------------------ */

static bool is_number(const struct hs_record_field *field)
{
	return !field->is_string && field->value.n > 0 && (field->value.p[0] == '-' || hs_is_digit(field->value.p[0]));
}

void hs_subject_read(struct hs_slice line, struct hs_subject_fields *fields)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field field;
	const struct {
		struct hs_slice name;
		struct hs_slice *value;
	} wanted[] = { { HS_SLICE("type"), &fields->type },
		       { HS_SLICE("event"), &fields->event },
		       { HS_SLICE("message_id"), &fields->message_id },
		       { HS_SLICE("tenant"), &fields->tenant } };

	*fields = (struct hs_subject_fields){ 0 };
	while (hs_record_field_next(&walk, &field)) {
		if (hs_slice_eq(field.name, HS_SLICE("spooled_at"))) /* those wanted are before it */
			return;
		for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
			if (wanted[i].value->p == NULL && hs_slice_eq(field.name, wanted[i].name) &&
			    (field.is_string || (wanted[i].value == &fields->message_id && is_number(&field))))
				*wanted[i].value = field.value;
	}
}

/* Appends at most `most` bytes, whole characters of the token's alphabet. */
static void put_token(struct hs_buf *out, struct hs_slice text, size_t most)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t begin = out->n;

	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		char escaped[3] = { '=', digits[c >> 4], digits[c & 15] };
		size_t n = is_plain(text.p[i]) ? 1 : 3;

		if (out->n - begin + n > most)
			break;
		hs_buf_put(out, n == 1 ? &text.p[i] : escaped, n);
	}
	if (out->n == begin)
		hs_buf_putc(out, '_');
}

/* The name that the warehouse gives the event's table; of a long one the first part. */
static void put_event(struct hs_buf *out, struct hs_slice event)
{
	enum { MOST = 256 };
	char snake[HS_SNAKE_MAX(MOST)];
	struct hs_buf text = { 0 };
	struct hs_slice name;

	if (event.n > 0 && hs_json_can_unescape(event))
		hs_json_unescape(event, &text);
	out->failed = out->failed || !hs_buf_ok(&text); /* half a name would be another subject */
	name = hs_slice(text.p, text.n < MOST ? text.n : MOST);
	put_token(out, name.n == 0 ? HS_SLICE_NONE : hs_slice(snake, hs_snake(name, snake)), HS_SUBJECT_EVENT_MAX);
	hs_buf_free(&text);
}

void hs_subject_put(struct hs_buf *out, const char *subject, const char *receiver,
                    const struct hs_subject_fields *fields)
{
	hs_buf_put_slice(out, HS_SLICE("hookspool."));
	hs_buf_put_slice(out, hs_slice_str(receiver));
	for (subject += sizeof BEGIN - 1; *subject != '\0';) {
		struct hs_slice token = next_token(&subject);

		hs_buf_putc(out, '.');
		if (hs_slice_eq(token, HS_SLICE("{tenant}")))
			put_token(out, fields->tenant, HS_SUBJECT_TENANT_MAX);
		else if (hs_slice_eq(token, HS_SLICE("{type}")))
			put_token(out, fields->type, HS_SUBJECT_EVENT_MAX);
		else if (hs_slice_eq(token, HS_SLICE("{event}")))
			put_event(out, fields->event);
		else
			hs_buf_put_slice(out, token);
	}
}

/* A header ends with its line, and a reader may take off blanks at its ends. */
static bool fits_header(struct hs_slice text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7F)
			return false;
	return text.n <= HS_SUBJECT_ID_MAX && text.p[text.n - 1] != ' ';
}

static bool replace_by_hash(struct hs_buf *out, size_t begin)
{
	uint8_t digest[HS_SHA256_BYTES];
	char text[2 * HS_SHA256_BYTES];

	if (!hs_sha256(hs_slice(out->p + begin, out->n - begin), digest))
		return false;
	hs_hex_encode(digest, sizeof digest, text);
	out->n = begin;
	hs_buf_put_slice(out, HS_SLICE("sha256:"));
	hs_buf_put(out, text, sizeof text);
	return hs_buf_ok(out);
}

bool hs_subject_put_id(struct hs_buf *out, const char *receiver, const struct hs_place *place,
                       const struct hs_subject_fields *fields)
{
	size_t begin = out->n;

	if (fields->message_id.n == 0) {
		hs_buf_putc(out, ':');
		hs_buf_put_slice(out, hs_slice_str(receiver));
		hs_buf_putc(out, '/');
		hs_buf_put_uint(out, place->number);
		hs_buf_putc(out, ':');
		hs_buf_put_uint(out, place->offset);
		hs_buf_putc(out, ':');
		hs_buf_put_uint(out, place->edit);
		return hs_buf_ok(out);
	}
	hs_buf_put_slice(out, fields->tenant);
	hs_buf_putc(out, '/');
	hs_buf_put_slice(out, fields->message_id);
	if (!hs_buf_ok(out))
		return false;
	return fits_header(hs_slice(out->p + begin, out->n - begin)) || replace_by_hash(out, begin);
}

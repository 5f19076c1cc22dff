#include "tools/load/row_key.h"

#include <stdlib.h>
#include <string.h>

struct hs_row_key *hs_row_key_new(struct hs_slice text)
{
	struct hs_row_key *key = malloc(sizeof *key + text.n + 1);

	if (key == NULL)
		return NULL;
	key->holders = 1;
	memcpy(key->text, text.p, text.n);
	key->text[text.n] = '\0';
	return key;
}

void hs_row_key_drop(struct hs_row_key *key)
{
	if (key != NULL && --key->holders == 0)
		free(key);
}

/* A time with six digits, so that texts compare as times: 2026-11-23T10:15:00.123Z has three. */
static void put_time(struct hs_buf *key, struct hs_slice time)
{
	if (time.n == 24) {
		hs_buf_put(key, time.p, 23);
		hs_buf_put_slice(key, HS_SLICE("000Z"));
	} else {
		hs_buf_put_slice(key, time);
	}
}

static bool is_before(struct hs_slice a, struct hs_slice b)
{
	char text[2][64] = { "", "" };
	struct hs_buf x = { .p = text[0], .cap = 63, .max = 63 }, y = { .p = text[1], .cap = 63, .max = 63 };

	put_time(&x, a);
	put_time(&y, b);
	return strcmp(text[0], text[1]) < 0;
}

struct hs_row_key *hs_row_key_make(struct hs_slice at, struct hs_slice received, struct hs_slice id,
                                   struct hs_buf *scratch)
{
	if (at.p == NULL || (received.p != NULL && is_before(received, at)))
		at = received;
	hs_buf_reset(scratch);
	put_time(scratch, at);
	hs_buf_putc(scratch, ' ');
	hs_buf_put_slice(scratch, id);
	return hs_buf_ok(scratch) ? hs_row_key_new(hs_buf_slice(scratch)) : NULL;
}

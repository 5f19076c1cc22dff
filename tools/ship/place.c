#include "tools/ship/place.h"

static void put_place(struct hs_buf *out, const struct hs_place *place)
{
	hs_buf_put_uint(out, place->number);
	hs_buf_putc(out, ':');
	hs_buf_put_uint(out, place->offset);
	hs_buf_putc(out, ':');
	hs_buf_put_uint(out, place->edit);
}

void hs_places_put(struct hs_buf *out, const struct hs_places *places)
{
	put_place(out, &places->own);
	hs_buf_putc(out, ' ');
	put_place(out, &places->stored);
	hs_buf_putc(out, '@');
	hs_buf_put_uint(out, places->stored_at);
}

/* Reads a number as hs_buf_put_uint writes it, and the byte after it; end '\0': the text must end there. */
static bool read_number(struct hs_slice *text, char end, uint64_t *number)
{
	size_t n = 0;

	*number = 0;
	for (; n < text->n && hs_is_digit(text->p[n]); n++)
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, (uint64_t)(text->p[n] - '0'), number))
			return false;
	if (n == 0 || (n > 1 && text->p[0] == '0'))
		return false;
	if (end == '\0')
		return n == text->n;
	if (n == text->n || text->p[n] != end)
		return false;
	*text = hs_slice(text->p + n + 1, text->n - n - 1);
	return true;
}

static bool read_place(struct hs_slice *text, char end, struct hs_place *place)
{
	return read_number(text, ':', &place->number) && read_number(text, ':', &place->offset) &&
	       read_number(text, end, &place->edit);
}

bool hs_places_read(struct hs_slice text, struct hs_places *places)
{
	return read_place(&text, ' ', &places->own) && read_place(&text, '@', &places->stored) &&
	       read_number(&text, '\0', &places->stored_at);
}

int hs_place_cmp(const struct hs_place *a, const struct hs_place *b)
{
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return a->offset == b->offset ? 0 : a->offset < b->offset ? -1 : 1;
}

#include "tools/load/fold_rest.h"
#include "base/array.h"

#include <stdlib.h>

void hs_fold_rest_free(struct hs_fold_rest *r)
{
	free(r->moved);
	*r = (struct hs_fold_rest){ .seen = NULL };
}

bool hs_fold_rest_move(struct hs_fold_rest *r, struct hs_slice name, struct hs_value value)
{
	if (!HS_ARRAY_ROOM(&r->moved, r->count, &r->cap))
		return false;
	r->moved[r->count++] = (struct hs_moved_value){ name, value };
	return true;
}

/* Two buffers: a part of a text, decoded, and as JSON. */
struct part {
	struct hs_buf decoded, json;
};

/* The text of a part within a string of JSON. False: out of memory. */
static bool make_part(struct part *part, const struct hs_value *value, size_t at, size_t end, struct hs_slice *inner)
{
	struct hs_slice text = hs_value_decode(value, at, end, &part->decoded);

	hs_buf_reset(&part->json);
	hs_buf_put_json(&part->json, text);
	if (!hs_buf_ok(&part->decoded) || !hs_buf_ok(&part->json))
		return false;
	*inner = hs_slice(part->json.p + 1, part->json.n - 2);
	return true;
}

/* A string of JSON, in a string of JSON: it has no character that the outer one needs escaped but these two. */
static bool put_text(const struct hs_value *value, struct part *part, struct hs_piece_out *out)
{
	hs_buf_put_slice(&out->buf, HS_SLICE("\"\\\""));
	for (size_t at = 0, end; at < value->text.n; at = end) {
		struct hs_slice inner;

		end = hs_value_part(value, at);
		if (!make_part(part, value, at, end, &inner))
			return false;
		hs_value_put_quoted(inner, &out->buf);
		if (!hs_piece_out_pass(out))
			return false;
	}
	hs_buf_put_slice(&out->buf, HS_SLICE("\\\"\""));
	return hs_piece_out_pass(out);
}

static bool put_value(const struct hs_value *value, struct hs_piece_out *out)
{
	struct part part = { 0 };
	bool done = true;

	if (value->is_string)
		done = put_text(value, &part, out);
	else
		hs_buf_put_json(&out->buf, value->text);
	hs_buf_free(&part.decoded);
	hs_buf_free(&part.json);
	return done && hs_piece_out_pass(out);
}

static void put_name(struct hs_piece_out *out, struct hs_slice name, bool *any)
{
	hs_buf_putc(&out->buf, *any ? ',' : '{');
	*any = true;
	hs_buf_put_json(&out->buf, name);
	hs_buf_putc(&out->buf, ':');
}

static bool put_member(const struct hs_members *m, size_t member, struct hs_piece_out *out, bool *any)
{
	if (m->member[member].is_overruled)
		return true;
	put_name(out, hs_members_name(m, member), any);
	return hs_piece_out_put(out, hs_members_value(m, member));
}

static bool put_moved(const struct hs_moved_value *moved, struct hs_piece_out *out, bool *any)
{
	put_name(out, moved->name, any);
	return put_value(&moved->value, out);
}

/* Both lists are sorted. */
static bool put(const struct hs_pieces *pieces, struct hs_piece_out *out)
{
	const struct hs_fold_rest *r = (const struct hs_fold_rest *)pieces;
	size_t i = 0, j = 0;
	bool any = false, done = true;

	while (done && (i < r->seen->count || j < r->count)) {
		size_t member = i < r->seen->count ? hs_members_sorted(r->seen, i) : 0;

		if (i == r->seen->count ||
		    (j < r->count && hs_names_compare(r->moved[j].name, hs_members_name(r->seen, member)) < 0)) {
			done = put_moved(&r->moved[j++], out, &any);
		} else {
			i++;
			done = put_member(r->seen, member, out, &any);
		}
	}
	if (any)
		hs_buf_putc(&out->buf, '}');
	return done && hs_piece_out_pass(out);
}

void hs_fold_rest_begin(struct hs_fold_rest *r, struct hs_members *seen)
{
	r->pieces.put = put;
	r->seen = seen;
	r->count = 0;
}

static int by_name(const void *a, const void *b)
{
	return hs_names_compare(((const struct hs_moved_value *)a)->name, ((const struct hs_moved_value *)b)->name);
}

void hs_fold_rest_end(struct hs_fold_rest *r)
{
	if (r->count > 1)
		qsort(r->moved, r->count, sizeof *r->moved, by_name);
	hs_members_sort(r->seen);
}

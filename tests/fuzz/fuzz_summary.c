/*
 * Any bytes as a summary: what decodes has its parts inside the file, and no reader of a part leaves
 * it, whether its check sum holds or not. The first byte says how the rest is used.
 *
 *	'h'  as a file: head and parts
 *	's'  the same, with a check sum that holds
 *	'p'  as a part
 *	'l'  as lines, of which a summary is made: pieces of any size give the same
 *	'n'  as a name
 */
#include "base/bloom.h"
#include "spool/summary/summary.h"
#include "spool/summary/summary_builder.h"
#include "tests/fuzz/fuzz.h"

static const char spool_id[] = "0123456789abcdef0123456789abcdef";

static void read_part(struct hs_slice bytes)
{
	struct hs_slice part = fuzz_copy(bytes.p, bytes.n), name;
	uint64_t records, of_bytes, sum = 0;
	struct hs_summary_counts counts;
	int got = 1;

	for (uint64_t i = 0; i < 64; i++)
		if (!hs_summary_bloom_may_have(part, hs_summary_hash(hs_slice((const char *)&i, sizeof i))))
			MUST(part.n > 0 && part.n % HS_BLOOM_BLOCK == 0);
	if (hs_summary_counts_start(&counts, part))
		while ((got = hs_summary_counts_next(&counts, &name, &records, &of_bytes)) > 0) {
			MUST(name.p >= part.p && name.p + name.n <= part.p + part.n);
			for (size_t i = 0; i < name.n; i++)
				sum += (unsigned char)name.p[i];
		}
	else
		MUST(part.n < 16);
	MUST(got < 1 || part.n < 16);
	MUST(sum <= 255 * part.n);
	free((char *)(uintptr_t)part.p);
}

static void read_file(struct hs_slice file)
{
	struct hs_slice head =
	    fuzz_copy(file.p, file.n < sizeof(struct hs_summary) ? file.n : sizeof(struct hs_summary));
	struct hs_summary s;

	if (hs_summary_decode(head, file.n, &s)) {
		MUST(s.parts <= HS_SUMMARY_PARTS_MAX && s.head_bytes <= file.n);
		for (uint64_t i = 0; i < s.parts; i++) {
			const struct hs_summary_part *part = &s.part[i];

			MUST(part->offset >= s.head_bytes && part->offset <= file.n);
			MUST(part->bytes <= file.n - part->offset);
			read_part(hs_slice(file.p + part->offset, part->bytes));
		}
		for (int kind = 0; kind < HS_SUMMARY_KINDS; kind++) {
			const struct hs_summary_part *part = hs_summary_find(&s, (enum hs_summary_kind)kind);

			MUST(part == NULL ||
			     (part->kind == (uint32_t)kind && part >= s.part && part < s.part + s.parts));
		}
	}
	free((char *)(uintptr_t)head.p);
}

/* Makes the check sum hold, as somebody might who writes there. */
static void seal_and_read(struct hs_slice file)
{
	struct hs_slice copy = fuzz_copy(file.p, file.n);
	struct hs_summary s = { 0 };

	memcpy(&s, copy.p, copy.n < sizeof s ? copy.n : sizeof s);
	if (s.parts > HS_SUMMARY_PARTS_MAX)
		s.parts %= HS_SUMMARY_PARTS_MAX + 1;
	hs_summary_seal(&s);
	if (s.head_bytes <= copy.n) {
		memcpy((char *)(uintptr_t)copy.p, &s, s.head_bytes);
		read_file(copy);
	}
	free((char *)(uintptr_t)copy.p);
}

static void take(struct hs_summary_builder *b, struct hs_summary *head, struct hs_buf *parts)
{
	struct hs_slice made;
	const struct hs_summary *h = hs_summary_builder_end(b, &made);

	MUST(h != NULL);
	*head = *h;
	MUST((h->odd == 0) == (h->parts > 0));
	hs_buf_put_slice(parts, made);
	hs_summary_builder_free(b);
}

static void make_of_lines(struct hs_slice text, bool rejected)
{
	struct hs_summary_builder *whole = hs_summary_builder_new(spool_id, rejected, 1),
				  *pieces = hs_summary_builder_new(spool_id, rejected, 1);
	struct hs_buf parts = { 0 }, again = { 0 }, file = { 0 };
	struct hs_summary head, head_again;

	hs_summary_builder_text(whole, text);
	for (size_t at = 0, n = 1; at < text.n; at += n, n = n % 61 + 7) {
		struct hs_slice piece;

		n = n < text.n - at ? n : text.n - at;
		piece = fuzz_copy(text.p + at, n);
		hs_summary_builder_text(pieces, piece);
		free((char *)(uintptr_t)piece.p);
	}
	take(whole, &head, &parts);
	take(pieces, &head_again, &again);
	MUST(memcmp(&head, &head_again, head.head_bytes) == 0);
	MUST(hs_slice_eq(hs_buf_slice(&parts), hs_buf_slice(&again)));
	hs_summary_seal(&head);
	hs_buf_put(&file, (const char *)&head, head.head_bytes);
	hs_buf_put_slice(&file, hs_buf_slice(&parts));
	MUST(hs_summary_decode(hs_buf_slice(&file), file.n, &head_again));
	read_file(hs_buf_slice(&file));
	hs_buf_free(&parts);
	hs_buf_free(&again);
	hs_buf_free(&file);
}

static void read_name(struct hs_slice text)
{
	char name[256] = "", again[HS_SUMMARY_NAME];
	uint64_t number;
	bool rejected;

	memcpy(name, text.p, text.n < sizeof name - 1 ? text.n : sizeof name - 1);
	if (hs_summary_name_parse(name, &rejected, &number)) {
		hs_summary_name(rejected, number, again);
		MUST(strcmp(name, again) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hs_slice rest = size > 0 ? hs_slice((const char *)data + 1, size - 1) : HS_SLICE_NONE;

	if (size == 0)
		return 0;
	switch (data[0]) {
	case 'h': read_file(rest); break;
	case 's': seal_and_read(rest); break;
	case 'p': read_part(rest); break;
	case 'n': read_name(rest); break;
	default: make_of_lines(rest, data[0] == 'r'); break;
	}
	return 0;
}

#include "spool/position/record_check.h"

/* The record's second byte remains its second byte, unless both bytes are gone. */
enum hs_result hs_record_translate(struct hs_rewrite_log *rewrites, struct hs_position *begin, bool *erased)
{
	struct hs_position second = *begin;
	enum hs_result result = hs_rewrite_log_translate(rewrites, begin);

	second.offset++;
	if (result == HS_OK)
		result = hs_rewrite_log_translate(rewrites, &second);
	*erased = result == HS_OK && (second.number != begin->number || second.offset != begin->offset + 1);
	return result;
}

void hs_record_check_again(struct hs_record_check *check)
{
	check->number = 0;
}

enum hs_result hs_record_check(struct hs_record_check *check, struct hs_position begin, uint64_t *seen, bool *erased)
{
	uint64_t number = begin.number;
	enum hs_result result;

	*erased = false;
	if (check->number == number && check->edit == *seen)
		return HS_OK;
	result = hs_rewrite_log_share(check->rewrites);
	if (result != HS_OK)
		return result;
	check->number = number;
	check->edit = hs_rewrite_log_number(check->rewrites, number);
	if (check->edit != *seen)
		result = hs_record_translate(check->rewrites, &begin, erased);
	hs_rewrite_log_release(check->rewrites);
	if (result == HS_OK)
		*seen = check->edit;
	return result;
}

enum hs_result hs_record_origin_look(void *origin, bool *erased)
{
	const struct hs_record_origin *of = origin;
	struct hs_record_check check = { .rewrites = of->rewrites };
	uint64_t seen = of->begin.edit;

	return hs_record_check(&check, of->begin, &seen, erased);
}

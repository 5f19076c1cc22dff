/* json_sequence: texts of one value or of several, read by hs_json_value one value at a time. */
#include "event/json.h"

/* Skips blanks (RFC 8259, 2); true if anything follows. */
static bool skip_blanks(struct hs_json *j)
{
	while (j->pos < j->text.n && hs_json_is_blank(j->text.p[j->pos]))
		j->pos++;
	return j->pos < j->text.n;
}

static bool is_next(const struct hs_json *j, char c)
{
	return j->pos < j->text.n && j->text.p[j->pos] == c;
}

static bool take(struct hs_json *j, char c)
{
	if (!is_next(j, c))
		return false;
	j->pos++;
	return true;
}

/* The error for a byte that is not valid here, or for a text that ends here. */
static enum hs_result unexpected(const struct hs_json *j)
{
	return j->pos == j->text.n ? HS_E_JSON_END : HS_E_JSON_SYNTAX;
}

enum hs_result hs_json_end(struct hs_json *j)
{
	return skip_blanks(j) ? HS_E_JSON_TRAILING : HS_OK;
}

enum hs_result hs_json_document(struct hs_json *j, struct hs_slice text)
{
	enum hs_result result;

	hs_json_start(j, text);
	if (!skip_blanks(j))
		return HS_E_JSON_EMPTY;
	result = hs_json_value(j, 0);
	return result == HS_OK ? hs_json_end(j) : result;
}

bool hs_json_is_array(struct hs_json *j)
{
	return skip_blanks(j) && is_next(j, '[');
}

enum hs_result hs_json_element(struct hs_json *j, bool *more)
{
	bool first = !j->inside;
	enum hs_result result;

	*more = false;
	skip_blanks(j);
	if (first) {
		if (!take(j, '['))
			return unexpected(j);
		j->inside = true;
		skip_blanks(j);
	}
	if (take(j, ']'))
		return hs_json_end(j);
	if (!first && !take(j, ','))
		return unexpected(j);
	result = hs_json_value(j, 1);
	*more = result == HS_OK;
	return result;
}

/* Enters an array if one begins here; skips empty ones. */
static bool find_value(struct hs_json *j, bool *first)
{
	*first = false;
	while (!j->inside && skip_blanks(j)) {
		if (!take(j, '['))
			return true;
		*first = j->inside = true;
		skip_blanks(j);
		if (take(j, ']'))
			*first = j->inside = false;
	}
	return j->inside;
}

/* After a value: moves to what follows it. */
static enum hs_result end_piece(struct hs_json *j)
{
	bool is_value = j->tok[0].kind == HS_JSON_OBJECT || j->inside;

	skip_blanks(j);
	if (j->inside && is_next(j, ','))
		return HS_OK;
	if (j->inside && !take(j, ']'))
		return unexpected(j);
	j->inside = false;
	if (!skip_blanks(j))
		return HS_OK;
	return is_value && (is_next(j, '{') || is_next(j, '[')) ? HS_OK : HS_E_JSON_TRAILING;
}

enum hs_result hs_json_piece(struct hs_json *j, bool *more)
{
	bool first;
	enum hs_result result;

	*more = false;
	if (!find_value(j, &first))
		return HS_OK;
	skip_blanks(j);
	if (j->inside && !first && !take(j, ','))
		return unexpected(j);
	result = hs_json_value(j, j->inside);
	if (result == HS_OK)
		result = end_piece(j);
	*more = result == HS_OK;
	return result;
}

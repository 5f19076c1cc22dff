/*
 * json_writer: writes JSON to a buffer, with the commas.
 *
 * Members and elements are written in order; a name is written as it is (it needs no
 * escape), and NULL names an element of an array or the outermost value. A zeroed struct
 * with `out` set is ready. Failure is the buffer's: sticky, see buf.h.
 *
 *	struct hs_json_writer w = { .out = &text };
 *
 *	hs_json_writer_object(&w, NULL);
 *	hs_json_writer_uint(&w, "accepted", 1);
 *	hs_json_writer_end(&w, '}');            {"accepted":1}
 */
#ifndef HS_JSON_WRITER_H
#define HS_JSON_WRITER_H

#include "base/buf.h"

struct hs_json_writer {
	struct hs_buf *out; /* not owned */
	bool comma;         /* the next value on this level needs a comma before it */
	bool line;          /* the next value begins a line */
};

void hs_json_writer_object(struct hs_json_writer *w, const char *name);
void hs_json_writer_array(struct hs_json_writer *w, const char *name);
/* Ends the innermost object ('}') or array (']'). */
void hs_json_writer_end(struct hs_json_writer *w, char bracket);

/* False: the value is not UTF-8, and each wrong byte was written as U+FFFD. */
bool hs_json_writer_text(struct hs_json_writer *w, const char *name, struct hs_slice value);
/* A text of two hexadecimal digits for each byte of `value`. */
void hs_json_writer_hex(struct hs_json_writer *w, const char *name, struct hs_slice value);
/* Writes null if value.p is NULL. */
void hs_json_writer_text_or_null(struct hs_json_writer *w, const char *name, struct hs_slice value);
/* Writes ms since 1970 as hs_timestamp_text does. */
void hs_json_writer_time(struct hs_json_writer *w, const char *name, int64_t ms);
void hs_json_writer_uint(struct hs_json_writer *w, const char *name, uint64_t value);
void hs_json_writer_bool(struct hs_json_writer *w, const char *name, bool value);
void hs_json_writer_null(struct hs_json_writer *w, const char *name);
/* `value` is JSON already; or, in an array, elements with commas between them. */
void hs_json_writer_raw(struct hs_json_writer *w, const char *name, struct hs_slice value);

/* The next value begins a line, after its comma. */
void hs_json_writer_line(struct hs_json_writer *w);

#endif

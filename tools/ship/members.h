/*
 * members: what a server's JSON says, by name. Object 0 is the outermost value; a value is the index of its token,
 * 0: there is none.
 */
#ifndef HS_MEMBERS_H
#define HS_MEMBERS_H

#include "event/json.h"

/* The value of a member whose name has no escapes; 0 also if `object` is no object. */
uint32_t hs_member(const struct hs_json *json, uint32_t object, const char *name);

/* Whole numbers that fit; `otherwise` if there is none. */
uint64_t hs_member_uint(const struct hs_json *json, uint32_t object, const char *name, uint64_t otherwise);
int64_t hs_member_int(const struct hs_json *json, uint32_t object, const char *name, int64_t otherwise);
bool hs_member_is_true(const struct hs_json *json, uint32_t object, const char *name);

/* The bytes between the quotes of a text, as they are; {NULL, 0} if there is none. */
struct hs_slice hs_member_raw(const struct hs_json *json, uint32_t object, const char *name);

/* Copies a text, as hs_printable_copy does; "" if there is none. */
void hs_member_text(const struct hs_json *json, uint32_t object, const char *name, char *to, size_t size);

/* Copies the bytes as a string, with '?' for what is unprintable; cuts it between characters. */
void hs_printable_copy(char *to, size_t size, struct hs_slice text);

#endif

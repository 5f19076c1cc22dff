/*
 * json_members: looks up the members of a parsed JSON object by name, as in a server's answer. Object 0 is the
 * outermost value. A value is the index of its token, or 0 if there is none.
 */
#ifndef HS_JSON_MEMBERS_H
#define HS_JSON_MEMBERS_H

#include "event/json.h"

/* The value of a member whose name has no escapes; 0 also if `object` is no object. */
uint32_t hs_member(const struct hs_json *json, uint32_t object, const char *name);

/* A whole number that fits its type; `otherwise` if there is none. */
uint64_t hs_member_uint(const struct hs_json *json, uint32_t object, const char *name, uint64_t otherwise);
int64_t hs_member_int(const struct hs_json *json, uint32_t object, const char *name, int64_t otherwise);
bool hs_member_is_true(const struct hs_json *json, uint32_t object, const char *name);

/* The bytes between the quotes of a string, escapes included; {NULL, 0} if there is none. */
struct hs_slice hs_member_raw(const struct hs_json *json, uint32_t object, const char *name);

/* Copies a string without its escapes, as hs_printable_copy does; "" if there is none. False: "" for want of memory. */
bool hs_member_text(const struct hs_json *json, uint32_t object, const char *name, char *to, size_t size);

/* Copies the bytes as a string, with '?' for what is unprintable; cuts it between characters. */
void hs_printable_copy(char *to, size_t size, struct hs_slice text);

#endif

/*
 * placeholder_words: words that programs write in place of a missing id, in small letters.
 *
 * A NO_VALUE word is a missing value turned into text. As message ids these would make different events
 * duplicates, so they count as none (dedup_key.c). An OTHER word can be a message id; as the id of
 * a person neither kind counts (links.c).
 */
#ifndef HS_PLACEHOLDER_WORDS_H
#define HS_PLACEHOLDER_WORDS_H

/* clang-format off */
#define HS_PLACEHOLDER_WORDS(NO_VALUE, OTHER) \
	NO_VALUE("null") \
	NO_VALUE("undefined") \
	NO_VALUE("none") \
	NO_VALUE("nil") \
	NO_VALUE("nan") \
	NO_VALUE("false") \
	NO_VALUE("true") \
	NO_VALUE("[object object]") \
	OTHER("(null)") \
	OTHER("<null>") \
	OTHER("(nil)") \
	OTHER("<nil>") \
	OTHER("n/a") \
	OTHER("0x0") \
	OTHER("unknown") \
	OTHER("anonymous") \
	OTHER("anon") \
	OTHER("guest") \
	OTHER("visitor") \
	OTHER("nobody") \
	OTHER("default") \
	OTHER("empty") \
	OTHER("missing") \
	OTHER("unset") \
	OTHER("not set") \
	OTHER("(not set)") \
	OTHER("not-set") \
	OTHER("not_set") \
	OTHER("notset") \
	OTHER("invalid") \
	OTHER("object") \
	OTHER("string") \
	OTHER("user") \
	OTHER("userid") \
	OTHER("user_id") \
	OTHER("user id") \
	OTHER("id") \
	OTHER("anonymousid") \
	OTHER("anonymous_id") \
	OTHER("uuid") \
	OTHER("test") \
	OTHER("void") \
	OTHER("9774d56d682e549c") /* the Android id of many phones of 2010 */
/* clang-format on */

#endif

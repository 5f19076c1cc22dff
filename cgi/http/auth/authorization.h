/*
 * authorization: reads the header Authorization. Pure.
 */
#ifndef HS_AUTHORIZATION_H
#define HS_AUTHORIZATION_H

#include "base/buf.h"

enum hs_auth_scheme {
	HS_AUTH_SCHEME_NONE,   /* absent, another scheme, or malformed */
	HS_AUTH_SCHEME_BASIC,  /* RFC 7617: the text is user:password, decoded */
	HS_AUTH_SCHEME_BEARER, /* RFC 6750: the text is the token */
};

/* Appends the text to `text`, which the caller wipes; if that has failed, memory is short. */
enum hs_auth_scheme hs_authorization_read(struct hs_slice header, struct hs_buf *text);

#endif

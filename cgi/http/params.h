/*
 * params: looks up one CGI meta-variable, for what few requests need; request.h reads the others. Pure.
 */
#ifndef HS_PARAMS_H
#define HS_PARAMS_H

#include "base/slice.h"

/* The value of the first variable of this name, which points into it; p == NULL: there is none. */
struct hs_slice hs_param(char *const *params, struct hs_slice name);

#endif

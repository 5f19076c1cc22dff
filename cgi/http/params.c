#include "cgi/http/params.h"

struct hs_slice hs_param(char *const *params, struct hs_slice name)
{
	for (; params != NULL && *params != NULL; params++)
		if (strncmp(*params, name.p, name.n) == 0 && (*params)[name.n] == '=')
			return hs_slice_str(*params + name.n + 1);
	return HS_SLICE_NONE;
}

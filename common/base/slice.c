#include "base/slice.h"

bool hs_slice_eq_nocase(struct hs_slice a, struct hs_slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (hs_lower(a.p[i]) != hs_lower(b.p[i]))
			return false;
	return true;
}

struct hs_slice hs_slice_trim(struct hs_slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s.p++, s.n--;
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

#include "base/result.h"

#include <assert.h>

static const struct hs_result_info table[HS_RESULT_COUNT] = {
#define HS_RESULT_ROW(name, status, level, message, remedy) \
	[name] = { #name, status, HS_LOG_##level, message, remedy },
	HS_RESULTS(HS_RESULT_ROW)
#undef HS_RESULT_ROW
};

const struct hs_result_info *hs_result_info(enum hs_result r)
{
	assert(r < HS_RESULT_COUNT);
	return &table[r];
}

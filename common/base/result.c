#include "base/result.h"

#include <assert.h>

static const struct hs_result_info table[HS_RESULT_COUNT] = {
#define HS_RESULT_ROW(name, class, status, level, message, remedy) \
	[name] = { #name, HS_CLASS_##class, status, HS_LOG_##level, message, remedy },
	HS_RESULTS(HS_RESULT_ROW)
#undef HS_RESULT_ROW
};

const struct hs_result_info *hs_result_info(enum hs_result result)
{
	assert(result < HS_RESULT_COUNT);
	return &table[result];
}

#include "config/sources.h"

#include <stddef.h>

const struct hs_source *hs_source_with(const struct hs_settings *s, const uint8_t digest[static HS_SHA256_BYTES])
{
	size_t i = hs_sha256_find(s->source, s->sources, sizeof *s->source, offsetof(struct hs_source, sha256), digest);

	return i == s->sources ? NULL : &s->source[i];
}

const struct hs_source *hs_source_find(const struct hs_settings *s, struct hs_slice key)
{
	uint8_t digest[HS_SHA256_BYTES];

	return s->sources > 0 && hs_sha256(key, digest) ? hs_source_with(s, digest) : NULL;
}

static bool lists(const struct hs_source *source, struct hs_slice origin)
{
	for (unsigned i = 0; i < source->origins; i++)
		if (hs_slice_eq_nocase(hs_slice_str(source->origin[i]), origin))
			return true;
	return false;
}

bool hs_source_lists(const struct hs_settings *s, const struct hs_source *source, struct hs_slice origin)
{
	if (source != NULL)
		return lists(source, origin);
	for (unsigned i = 0; i < s->sources; i++)
		if (!s->source[i].revoked && lists(&s->source[i], origin))
			return true;
	return false;
}

bool hs_source_allows(const struct hs_settings *s, const struct hs_source *source, struct hs_slice origin)
{
	if (source != NULL)
		return source->any_origin || lists(source, origin);
	for (unsigned i = 0; i < s->sources; i++)
		if (!s->source[i].revoked && s->source[i].any_origin)
			return true;
	return hs_source_lists(s, NULL, origin);
}

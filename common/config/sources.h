/*
 * sources: the section [sources] of the settings: a line for each page, app or server that sends with
 * one of Segment's own libraries.
 *
 *	LABEL = KEY [browser | server] [tenant=NAME] [origin=ORIGIN …] [rate=N/s] [daily=SIZE]
 *
 * KEY is the write key in clear, or sha256: and its 64 hex digits; revoked: before either turns it
 * off. Words are divided by blanks. A source is a server's unless it says browser. A browser's key is public: it needs
 * an origin (https://shop.example, or * for any), and has the rates of the settings browser_rate and
 * browser_daily unless it names its own; a server's has none unless it names them.
 */
#ifndef HS_SOURCES_H
#define HS_SOURCES_H

#include "config/settings.h"

enum { HS_SOURCES_MAX = 1024, HS_ORIGINS_MAX = 64 /* of one source */ };

/* The source with this SHA-256 of its key, compared with every one of them in constant time; NULL: there is none. */
const struct hs_source *hs_source_with(const struct hs_settings *s, const uint8_t digest[static HS_SHA256_BYTES]);

/* The source with this write key; NULL as above. */
const struct hs_source *hs_source_find(const struct hs_settings *s, struct hs_slice key);

/* True if the source accepts the origin, or, with NULL, if any browser source that is not revoked does. */
bool hs_source_allows(const struct hs_settings *s, const struct hs_source *source, struct hs_slice origin);

/* True if the origin is listed by name, so that cookies may be allowed to it; as above. */
bool hs_source_lists(const struct hs_settings *s, const struct hs_source *source, struct hs_slice origin);

#endif

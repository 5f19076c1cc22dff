/*
 * settings_reading: the state while settings are read, and how an error is reported. For this room alone.
 */
#ifndef HS_SETTINGS_READING_H
#define HS_SETTINGS_READING_H

#include "config/setting_kinds.h"

/* A setting that no sender may know. */
struct hs_private_text {
	bool given;
	int line; /* 0: of the environment */
	uint8_t sha256[HS_SHA256_BYTES];
};

/* Nothing is owned. */
struct hs_settings_reading {
	struct hs_settings *settings;
	struct hs_settings_error *error;
	bool failed;
	bool given[HS_SETTINGS_COUNT]; /* seen in the file, where each setting but `secret` may be once */
	uint32_t ship_given;           /* the same of [ship], a bit for each of its names */
	bool unplanned_given;          /* the same of that line of [events] */
	const char *name;              /* of the file, for messages */
	int line;                      /* 0: the error has no line */
	enum hs_settings_fault stage;  /* the kind of error at this stage */
	uint8_t secret_sha256[HS_SECRETS_MAX][HS_SHA256_BYTES]; /* settings->secrets of them */
	struct hs_private_text metrics_token, hash_key;
	struct hs_slice raw; /* the current line as written; n == 0: none */
};

/*
 * Records the error, if it is the first, after the name and the line. The text becomes one line
 * without control characters, because it goes to a log. Returns false, so that callers can
 * return its result.
 */
__attribute__((format(printf, 2, 3))) bool hs_settings_fail(struct hs_settings_reading *reading, const char *format,
                                                            ...);

#endif

/*
 * settings: one table declares every setting; the parser, --help, `--settings` and the
 * manual page all come from it. The module reads no
 * file: it is given the text and the environment.
 * Its form is that of core/ini.h.
 */
#ifndef HS_SETTINGS_H
#define HS_SETTINGS_H

#include "base/digest.h"
#include "event/event.h"
#include "event/flatten.h"

enum hs_auth_mode {
	HS_AUTH_UNSET, /* only while reading: what is configured decides */
	HS_AUTH_SIGNATURE,
	HS_AUTH_KEY,
	HS_AUTH_BOTH,
	HS_AUTH_EITHER,
	HS_AUTH_NONE,
};

/* What the signature of a batch must cover. */
enum hs_batch_signature { HS_BATCH_SIGNATURE_EITHER, HS_BATCH_SIGNATURE_FIRST, HS_BATCH_SIGNATURE_WHOLE };

enum hs_durability { HS_DURABILITY_FSYNC, HS_DURABILITY_NONE };
enum hs_compress { HS_COMPRESS_GZIP, HS_COMPRESS_NONE };

enum {
	HS_SECRETS_MAX = 16,
	HS_KEYS_MAX = 1024,
	HS_TENANT_MAX = 64, /* bytes of a key's label */
};

struct hs_key {
	char tenant[HS_TENANT_MAX + 1]; /* letters, digits, '.', '_' and '-' */
	uint8_t sha256[HS_SHA256_BYTES];
	bool revoked;
};

/* Owned by whoever called hs_settings_new; constant once read, so threads may share it. */
struct hs_settings {
	char *spool_dir;
	struct hs_hmac *secret[HS_SECRETS_MAX];
	char secret_tenant[HS_SECRETS_MAX][HS_TENANT_MAX + 1]; /* of each; "": it has no label */
	unsigned secrets;
	struct hs_key *key; /* of `keys`, in the order of the file */
	unsigned keys;
	int auth;            /* enum hs_auth_mode, never HS_AUTH_UNSET after a good read */
	int batch_signature; /* enum hs_batch_signature */
	int batches;         /* 0 or 1 */
	int validate;        /* enum hs_validate */
	int names;           /* enum hs_names */
	int durability;      /* enum hs_durability */
	int compress;        /* enum hs_compress */
	int log_level;       /* enum hs_level */
	int allow_nfs;       /* 0 or 1 */
	int retain_force;    /* 0 or 1 */
	int64_t max_body, min_free, rejected_max, rejected_body, failed_max, rotate_size, retain_bytes; /* bytes */
	int64_t dedup_window, rotate_age, rotate_min_gap; /* milliseconds */
	int64_t retain_days;
	int64_t spool_mode; /* 0600 or 0640 */
	int64_t threads;
	int doubtful_line; /* of a secret or key that is probably not what was meant; 0: none … */
	const char *doubt; /* … and why */
};

/* What is wrong, for those who must not see a name or a value out of the file. */
enum hs_settings_fault {
	HS_FAULT_OTHER,       /* memory */
	HS_FAULT_ABSENT,      /* there is no file, and the environment says too little */
	HS_FAULT_UNREADABLE,  /* the file */
	HS_FAULT_EXPOSED,     /* it holds a secret, and everybody may read it */
	HS_FAULT_LINE,        /* `line` */
	HS_FAULT_ENVIRONMENT, /* a variable HOOKSPOOL_ */
	HS_FAULT_SPOOL_DIR,   /* is not given */
	HS_FAULT_ACCESS,      /* nobody says who may send */
};

/* What is wrong, where, and the remedy. */
struct hs_settings_error {
	char text[512]; /* for the operator: with file, line, name, value and remedy */
	enum hs_settings_fault fault;
	int line; /* from 1; 0: of no line */
};

/*
 * Reads a settings text (NULL: no file) and then the environment (NULL-terminated
 * NAME=VALUE strings; those that begin with HOOKSPOOL_ count). `name` stands in the
 * messages as the file's name. Returns NULL and fills error if anything is wrong.
 * The settings are the caller's: hs_settings_free().
 */
struct hs_settings *hs_settings_new(const char *name, struct hs_slice text, char *const *variables,
                                    struct hs_settings_error *error);
void hs_settings_free(struct hs_settings *s);

/* Do keys or secrets have labels, so that records may have a tenant? */
bool hs_settings_have_tenants(const struct hs_settings *s);

/* The label as it stands in the settings; NULL: there is none such. */
const char *hs_settings_tenant(const struct hs_settings *s, const char *label);

/* What `auth` demands: signatures, API keys, and (any) one of the two instead of both. */
bool hs_settings_demand_signature(const struct hs_settings *s);
bool hs_settings_demand_key(const struct hs_settings *s);
bool hs_settings_demand_any(const struct hs_settings *s);

/* What a sender must show, for people: "a signature and an API key". */
const char *hs_settings_demand(const struct hs_settings *s);

/* What must hold for a batch, to be put behind that; "" if nothing more does. */
const char *hs_settings_batch_demand(const struct hs_settings *s);

/* What the sample says where a secret or a key must be entered; it is not taken for one. */
#define HS_SETTINGS_SAMPLE_SECRET "the shared secret that you gave Segment"
#define HS_SETTINGS_SAMPLE_KEY "a key in clear"

/* One row of the table, for people: --help, the manual page, the sample file. */
struct hs_setting_doc {
	const char *name, *fallback, *help; /* fallback: "" if there is none */
	char expected[96];                  /* "a size from 1K to 1G", "fsync or none" */
};

size_t hs_settings_count(void);
void hs_setting_doc(size_t i, struct hs_setting_doc *doc);

#endif

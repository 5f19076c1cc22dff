/*
 * settings: what the operator has configured. settings_table.h declares each setting, ini.h has the
 * form of the file. Pure: the caller hands over the file's text and the environment.
 */
#ifndef HS_SETTINGS_H
#define HS_SETTINGS_H

#include "base/digest.h"
#include "base/ip_address.h"
#include "config/settings_table.h"
#include "event/event.h"
#include "event/flatten.h"

enum hs_auth_mode {
	HS_AUTH_UNSET, /* only until the settings are read: secrets and keys decide */
	HS_AUTH_SIGNATURE,
	HS_AUTH_KEY,
	HS_AUTH_BOTH,
	HS_AUTH_EITHER,
	HS_AUTH_NONE,
	HS_AUTH_NOBODY, /* not a word of the setting: there are sources alone, so no webhook is let in */
};

/* Indexes of the words in settings_table.h; see also enum hs_validate, hs_names and hs_level. */
enum hs_batch_signature { HS_BATCH_SIGNATURE_EITHER, HS_BATCH_SIGNATURE_FIRST, HS_BATCH_SIGNATURE_WHOLE };

enum hs_durability { HS_DURABILITY_FSYNC, HS_DURABILITY_NONE };
enum hs_ip_policy { HS_IP_KEEP, HS_IP_CUT, HS_IP_DROP };
enum hs_sandbox_mode { HS_SANDBOX_AUTO, HS_SANDBOX_OFF, HS_SANDBOX_STRICT };
enum hs_compress { HS_COMPRESS_GZIP, HS_COMPRESS_NONE };

enum {
	HS_SECRETS_MAX = 16,
	HS_KEYS_MAX = 1024,
	HS_TENANT_MAX = 64, /* bytes of a key's label */
	HS_PROXIES_MAX = 256,
	HS_TOKEN_LEAST = 16, /* bytes */
};

struct hs_key {
	char tenant[HS_TENANT_MAX + 1]; /* letters, digits, '.', '_' and '-' */
	uint8_t sha256[HS_SHA256_BYTES];
	bool revoked;
};

/* A token, as its hash. */
struct hs_token {
	bool is_set;
	uint8_t sha256[HS_SHA256_BYTES];
};

/* A line of [sources]; sources.h has its form. */
struct hs_source {
	char label[HS_TENANT_MAX + 1];  /* in the record as `source` */
	char tenant[HS_TENANT_MAX + 1]; /* "": none */
	uint8_t sha256[HS_SHA256_BYTES];
	bool revoked;
	bool browser;    /* its key is public; else a server's */
	bool any_origin; /* origin=* */
	char **origin;   /* `origins` of them: scheme://host[:port], in small letters, without a final slash */
	unsigned origins;
	int64_t rate;  /* thousandths of an event a second; 0: no limit */
	int64_t daily; /* bytes of bodies a day (UTC), inflated; 0: no limit */
};

/*
 * The rows of settings_table.h as members, and the keys. Constant once read, so threads may share them.
 * `auth` is never HS_AUTH_UNSET then.
 */
struct hs_settings {
#define HS_MEMBER_PATH(name) char *name;
#define HS_MEMBER_SECRET(name) struct hs_hmac *name[HS_SECRETS_MAX];
#define HS_MEMBER_TOKEN(name) struct hs_token name;
#define HS_MEMBER_URL(name) char *name;
#define HS_MEMBER_ADDRESSES(name) struct hs_ip_range name[HS_PROXIES_MAX];
#define HS_MEMBER_RATE(name) int64_t name;
#define HS_MEMBER_PASSWORD(name) char *name;
#define HS_MEMBER_KEY(name) struct hs_hmac256 *name;
#define HS_MEMBER_CHOICE(name) int name;
#define HS_MEMBER_SIZE(name) int64_t name;
#define HS_MEMBER_DURATION(name) int64_t name;
#define HS_MEMBER_COUNT(name) int64_t name;
#define HS_MEMBER_MODE(name) int64_t name;
#define HS_MEMBER(kind, name, ...) HS_MEMBER_##kind(name)
	HS_SETTINGS(HS_MEMBER)
#undef HS_MEMBER
#undef HS_MEMBER_PATH
#undef HS_MEMBER_TOKEN
#undef HS_MEMBER_SECRET
#undef HS_MEMBER_URL
#undef HS_MEMBER_ADDRESSES
#undef HS_MEMBER_RATE
#undef HS_MEMBER_PASSWORD
#undef HS_MEMBER_KEY
#undef HS_MEMBER_CHOICE
#undef HS_MEMBER_SIZE
#undef HS_MEMBER_DURATION
#undef HS_MEMBER_COUNT
#undef HS_MEMBER_MODE
	char secret_tenant[HS_SECRETS_MAX][HS_TENANT_MAX + 1]; /* label of each secret; "": none */
	unsigned secrets;
	unsigned proxies;   /* of trusted_proxies */
	struct hs_key *key; /* `keys` of them, in the order of the file */
	unsigned keys;
	struct hs_source *source; /* `sources` of them, in the order of the file; sources.h */
	unsigned sources;
	struct hs_load *load; /* `loads` of them, in the order of the file; loads.h */
	unsigned loads;
	struct hs_ship *ship; /* [ship]; NULL: there is none. ship.h */
	bool hides_addresses; /* [fields] masks context_ip, and `ip` is not given: none in rejected lines and the log */
	struct hs_rules *rules; /* [events] and [fields]; NULL: none. rules.h */
	int doubtful_line;      /* line of a secret or key that is probably not what was meant; 0: none … */
	const char *doubt;      /* … and why */
};

/* Says what is wrong, for readers who must not see a name or a value of the file. */
enum hs_settings_fault {
	HS_FAULT_OTHER,       /* out of memory */
	HS_FAULT_ABSENT,      /* there is no file, and the environment does not suffice */
	HS_FAULT_UNREADABLE,  /* the file cannot be read */
	HS_FAULT_FORM,        /* it is no plain file, or too long */
	HS_FAULT_WRITABLE,    /* everybody may write to the file */
	HS_FAULT_EXPOSED,     /* the file holds a secret, and everybody may read it */
	HS_FAULT_LINE,        /* in `line` of the file */
	HS_FAULT_ENVIRONMENT, /* in a variable HOOKSPOOL_… */
	HS_FAULT_SPOOL_DIR,   /* spool_dir is missing */
	HS_FAULT_ACCESS,      /* secrets, keys and `auth` do not say who may send */
};

/* Says what is wrong, where, and the remedy. */
struct hs_settings_error {
	char text[512]; /* for the operator: with file, line, name, value and remedy */
	enum hs_settings_fault fault;
	int line; /* from 1; 0: the error has no line */
};

/*
 * Reads a settings text (p == NULL: no file), then the environment: NAME=VALUE strings, NULL-terminated,
 * or NULL for none; those that begin with HOOKSPOOL_ count. `name` is the file's name in
 * messages. Returns NULL and fills *error if anything is wrong. The caller owns the settings.
 */
struct hs_settings *hs_settings_new(const char *name, struct hs_slice text, char *const *variables,
                                    struct hs_settings_error *error);
void hs_settings_free(struct hs_settings *s); /* NULL is fine; wipes keys */

/* True if keys or secrets have labels or sources have tenants, so that records may have a tenant. */
bool hs_settings_have_tenants(const struct hs_settings *s);

/* The settings' own copy of a label of a key or a secret, or of a source's tenant; NULL: there is none. */
const char *hs_settings_tenant(const struct hs_settings *s, const char *label);

/* Whether `auth` demands signatures, demands API keys, and is content with any one of them. */
bool hs_settings_demand_signature(const struct hs_settings *s);
bool hs_settings_demand_key(const struct hs_settings *s);
bool hs_settings_demand_any(const struct hs_settings *s);

/* Says in words what a sender must show: "a signature and an API key". A constant. */
const char *hs_settings_demand(const struct hs_settings *s);

/* Text to append to that: what the settings demand of a batch; "" if nothing. A constant. */
const char *hs_settings_batch_demand(const struct hs_settings *s);

/* Stand in the sample where a secret or a key must be entered; rejected as values. */
#define HS_SETTINGS_SAMPLE_SECRET "the shared secret that you gave Segment"
#define HS_SETTINGS_SAMPLE_KEY "a key in clear"
#define HS_SETTINGS_SAMPLE_WRITE_KEY "WRITE-KEY"

/* A row of the table, for people: --help, the manual page, the sample file. Constants but `expected`. */
struct hs_setting_doc {
	const char *name, *fallback, *help; /* fallback: "" if there is none */
	char expected[96];                  /* "a size from 1K to 1G", "fsync or none" */
};

size_t hs_settings_count(void);

/* Describes row i, below hs_settings_count(). */
void hs_setting_doc(size_t i, struct hs_setting_doc *doc);

#endif

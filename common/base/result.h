/*
 * result: every result of a call, in one table.
 *
 * A function that can fail returns `enum hs_result`; out-parameters come last. Each row
 * gives a class, the status that the sender gets, the level of the log line, a message
 * (one line, fit to be shown to a customer: no path, no secret) and a remedy (for the
 * operator: in the log and in hookspool.fcgi(8), which lists the table). Statuses and
 * messages are written nowhere else. Code that treats several results alike asks for
 * their class; the order of the rows means nothing.
 *
 * The statuses follow what Segment does with them: after 4xx and 501 the event is lost,
 * after 503 Segment tries again for four hours. So every failure of ours is 503.
 * https://segment.com/docs/connections/destinations/catalog/webhooks/
 */
#ifndef HS_RESULT_H
#define HS_RESULT_H

#include <stdbool.h>

enum hs_level { HS_LOG_ERROR, HS_LOG_WARN, HS_LOG_INFO, HS_LOG_DEBUG };

enum hs_class {
	HS_CLASS_OK,
	HS_CLASS_REQUEST,  /* the request's head, or the length of its body */
	HS_CLASS_AUTH,     /* the sender is not let in */
	HS_CLASS_JSON,     /* the body is not acceptable JSON; the parser knows the offset */
	HS_CLASS_SPEC,     /* an event breaks the Spec */
	HS_CLASS_RULES,    /* the rules of the settings do not keep an event */
	HS_CLASS_BUSY,     /* a temporary obstacle: trying again may succeed */
	HS_CLASS_RATE,     /* the sender has sent too much: 429, later it may send again */
	HS_CLASS_MACHINE,  /* memory, clock */
	HS_CLASS_STORAGE,  /* the file system failed, or has no room */
	HS_CLASS_SPOOL,    /* the spool cannot be used as it is */
	HS_CLASS_OPERATOR, /* settings, cursors or private files need the operator */
};

/*  X(name, class, status, level, message, remedy) */
#define HS_RESULTS(X) \
	X(HS_OK, OK, 200, DEBUG, "ok", "") \
	/* request: its head, and whether its body arrived */ \
	X(HS_E_PATH, REQUEST, 404, INFO, "no such resource", "point the sender at the mount itself") \
	X(HS_E_NO_SOURCES, REQUEST, 404, INFO, "no such resource", \
	  "Segment's libraries may send once the settings have a line in [sources]") \
	X(HS_E_SDK_SETTINGS, REQUEST, 404, INFO, "no settings for this write key", \
	  "set public_url; the key must be that of a browser source, and not revoked") \
	X(HS_E_SDK_SCRIPT, REQUEST, 404, INFO, "no script here", \
	  "set sdk_script to npm's standalone build of analytics-next, a plain file of at most 4 MB; restart the " \
	  "program if its folder is another one than at the start") \
	X(HS_E_NO_METRICS, REQUEST, 404, INFO, "no such resource", \
	  "set metrics_token, and give it to the monitor; or use hookspool metrics") \
	X(HS_E_METHOD, REQUEST, 405, INFO, "method not allowed", "senders use POST, PUT or PATCH") \
	X(HS_E_SDK_PATH, REQUEST, 404, INFO, "no such resource", \
	  "point the library at the mount as docs/sdk.md does: it adds /v1/batch and the like itself") \
	X(HS_E_SDK_METHOD, REQUEST, 405, INFO, "method not allowed", \
	  "libraries POST events, and GET settings and script: look at the sender or the proxy") \
	X(HS_E_SDK_ENCODING, REQUEST, 415, INFO, "Content-Encoding must be gzip or identity", \
	  "set the library's compression to gzip, or turn it off; look for a proxy that compresses") \
	X(HS_E_MEDIA_TYPE, REQUEST, 415, INFO, "Content-Type must be application/json", \
	  "set the sender's content type to application/json") \
	X(HS_E_ENCODING, REQUEST, 415, INFO, "Content-Encoding must be identity", "turn the sender's compression off") \
	X(HS_E_NO_LENGTH, REQUEST, 411, INFO, "Content-Length required", \
	  "the sender used chunked encoding and the web server passed no length") \
	X(HS_E_BAD_LENGTH, REQUEST, 400, INFO, "Content-Length is not a number", "look at the sender") \
	X(HS_E_TOO_LARGE, REQUEST, 413, INFO, "body too large", \
	  "raise max_body (max_sdk_body for libraries), or lower the batch size") \
	X(HS_E_SHORT_BODY, REQUEST, 400, INFO, "body shorter than Content-Length", \
	  "the sender or a proxy gave up in the middle") \
	X(HS_E_LONG_BODY, REQUEST, 400, INFO, "body longer than Content-Length", "look at the sender or the proxy") \
	X(HS_E_GZIP, REQUEST, 400, INFO, "body is not whole gzip", "the sender or a proxy cut or altered the body") \
	X(HS_E_INFLATED, REQUEST, 400, INFO, "body too large when inflated", \
	  "raise max_sdk_body, or look at the sender") \
	X(HS_E_SLOW_BODY, REQUEST, 503, WARN, "body did not arrive in time", \
	  "the sender is slow, or the web server streams: let it buffer bodies") \
	X(HS_E_QUERY, REQUEST, 400, INFO, "the query has a value that cannot be used", "load the console anew") \
	X(HS_E_SETTINGS_HEADER, REQUEST, 400, INFO, "X-Segment-Settings is not base64 of a JSON object", \
	  "look at the sender") \
	X(HS_E_BATCHES, REQUEST, 400, INFO, "batches are not accepted here, send single events", \
	  "turn batching off at the sender, or set batches = yes") \
	/* auth: whether the sender is let in */ \
	X(HS_E_NO_SIGNATURE, AUTH, 401, INFO, "X-Signature required", "set the shared secret at the sender") \
	X(HS_E_SIGNATURE, AUTH, 401, INFO, "X-Signature does not match", \
	  "compare the shared secret at both ends; make sure that no proxy alters the body") \
	X(HS_E_SIGNATURE_TWICE, AUTH, 401, INFO, "X-Signature must be given once", \
	  "two headers became one variable: look for X_Signature or a proxy that adds one") \
	X(HS_E_METRICS_TOKEN, AUTH, 401, INFO, "metrics token missing or wrong", \
	  "let the monitor send Authorization: Bearer and the metrics_token; under Apache, make sure that " \
	  "Authorization is passed on") \
	X(HS_E_NO_KEY, AUTH, 401, INFO, "API key required", \
	  "set the key at the sender; under Apache, make sure that Authorization is passed on") \
	X(HS_E_KEY, AUTH, 401, INFO, "API key unknown", "add the key to [keys], or correct it") \
	X(HS_E_KEY_REVOKED, AUTH, 403, INFO, "API key revoked", "give the customer a new key") \
	X(HS_E_TENANT, AUTH, 403, INFO, "API key and X-Signature are of different customers", \
	  "give the label of the secret and that of the key the same name, or correct one of them at the sender") \
	X(HS_E_NO_CREDENTIALS, AUTH, 401, INFO, "X-Signature or API key required", \
	  "set the shared secret or the key at the sender") \
	X(HS_E_WRITE_KEY, AUTH, 400, INFO, "write key unknown", \
	  "add the key to [sources], or correct it at the sender") \
	X(HS_E_WRITE_KEY_REVOKED, AUTH, 400, INFO, "write key revoked", "give the sender a new key") \
	X(HS_E_TWO_KEYS, AUTH, 400, INFO, "Authorization and the body have different write keys", \
	  "give the library one key, and look for a proxy that adds Authorization") \
	X(HS_E_CONSOLE_SESSION, AUTH, 401, INFO, "log in to the console", \
	  "sessions end after twelve hours, at log-out and when the password changes") \
	X(HS_E_CONSOLE_PASSWORD, AUTH, 401, WARN, "wrong password of the console", \
	  "if it was forgotten, hookspool passwd makes a new one; if it was not you, block the address") \
	X(HS_E_CONSOLE_HTTP, AUTH, 403, INFO, "the console needs HTTPS", \
	  "open the address with https://; behind a proxy, list it in trusted_proxies and let it send " \
	  "X-Forwarded-Proto; or set console_http = yes") \
	X(HS_E_CONSOLE_ORIGIN, AUTH, 403, WARN, "request of another site's page", \
	  "open the console itself; behind a proxy that changes Host, set public_url") \
	X(HS_E_ORIGIN, AUTH, 400, INFO, "origin not allowed for this write key", \
	  "add origin= to the source's line if the page is yours; apps and servers need a key of their own, without " \
	  "browser") \
	/* json: the body as text */ \
	X(HS_E_JSON_EMPTY, JSON, 400, INFO, "body is empty", "look at the sender") \
	X(HS_E_JSON_END, JSON, 400, INFO, "JSON ends too early", "look at the sender") \
	X(HS_E_JSON_SYNTAX, JSON, 400, INFO, "not JSON", "look at the sender") \
	X(HS_E_JSON_NUMBER, JSON, 400, INFO, "malformed number", "look at the sender") \
	X(HS_E_JSON_CONTROL, JSON, 400, INFO, "raw control character in a string", "look at the sender") \
	X(HS_E_JSON_ESCAPE, JSON, 400, INFO, "malformed escape", "look at the sender") \
	X(HS_E_JSON_UTF8, JSON, 400, INFO, "not UTF-8", "look at the sender") \
	X(HS_E_JSON_DEPTH, JSON, 400, INFO, "nested too deeply", "at most 64 levels are accepted") \
	X(HS_E_JSON_TWICE, JSON, 400, INFO, "the same key twice in one object", "look at the sender") \
	X(HS_E_JSON_LARGE, JSON, 400, INFO, "too many values in one event", \
	  "at most 1048576 values and keys are accepted") \
	X(HS_E_BATCH_LARGE, JSON, 400, INFO, "too many events in one batch", \
	  "at most 65536 are accepted; Segment sends at most 4000") \
	X(HS_E_JSON_TRAILING, JSON, 400, INFO, "text after the JSON", "look at the sender") \
	/* spec: an event against the Spec */ \
	X(HS_E_NOT_AN_EVENT, SPEC, 400, INFO, "an event is a JSON object or an array of them", "look at the sender") \
	X(HS_E_NO_TYPE, SPEC, 400, INFO, "type required", "look at the sender") \
	X(HS_E_TYPE, SPEC, 501, INFO, "type not supported", \
	  "the Spec has identify, track, page, screen, group, alias and delete") \
	X(HS_E_TYPE_PATH, SPEC, 400, INFO, "type differs from that of the path", \
	  "send the event to the path of its type, to /v1/batch, or without a type") \
	X(HS_E_DELETE_DIRECT, SPEC, 400, INFO, "delete is not accepted here", \
	  "write keys are public: deletes come by webhook, to the mount itself") \
	X(HS_E_IDENTITY, SPEC, 400, INFO, "userId or anonymousId required", "look at the source") \
	X(HS_E_EVENT_NAME, SPEC, 400, INFO, "event required, a non-empty string", "look at the source") \
	X(HS_E_GROUP_ID, SPEC, 400, INFO, "groupId required", "look at the source") \
	X(HS_E_PREVIOUS_ID, SPEC, 400, INFO, "previousId required", "look at the source") \
	X(HS_E_USER_ID, SPEC, 400, INFO, "userId required", "look at the source") \
	X(HS_E_FIELD_TWICE, SPEC, 400, INFO, "a Spec field in two spellings", "look at the source") \
	X(HS_E_FIELD_NESTED, SPEC, 400, INFO, "a Spec field must not be an object or array", "look at the source") \
	X(HS_E_FIELD_FLAT, SPEC, 400, INFO, \
	  "context, properties, traits and integrations must be objects, null or []", "look at the source") \
	X(HS_E_NAME_LONG, SPEC, 400, INFO, "a name is longer than 4096 bytes when flattened", "look at the source") \
	X(HS_E_RECORD_LARGE, SPEC, 400, INFO, "the event grows too large when flattened", \
	  "long keys are repeated in every name below them: look at the source") \
	X(HS_E_RECORDS_LARGE, SPEC, 400, INFO, "the events of the batch grow too large together", \
	  "each has the context and integrations beside the batch, or the settings header, and long keys are " \
	  "repeated in every name below them: send fewer events at once, or less beside them") \
	X(HS_E_BESIDE_LARGE, SPEC, 400, INFO, "context or integrations beside the batch too large", \
	  "each event gets them, so at most 32 KB of each are accepted: send less beside the batch") \
	/* rules: what [events] says */ \
	X(HS_E_DROPPED, RULES, 200, DEBUG, "dropped by a rule", "") \
	X(HS_E_UNPLANNED, RULES, 400, INFO, "event is not planned", \
	  "add a keep line for it to [events], or change unplanned") \
	/* rate: a limit of direct intake */ \
	X(HS_E_RATE_ADDRESS, RATE, 429, INFO, "too many requests from this address, try again", \
	  "raise address_rate; behind a proxy, list it in trusted_proxies, or all senders count as one") \
	X(HS_E_RATE_SOURCE, RATE, 429, INFO, "too many events of this source, try again", \
	  "raise browser_rate, or rate= of the source; or find out who else uses its key") \
	X(HS_E_DAILY_SOURCE, RATE, 429, WARN, "daily amount of this source is used up, try again", \
	  "it begins anew at midnight UTC: raise browser_daily, or daily= of the source; or find out who else uses " \
	  "its key") \
	X(HS_E_CONSOLE_TRIES, RATE, 429, WARN, "too many passwords tried, try again", \
	  "an address may try ten in a minute, and two are compared at once; if it was not you, block the address") \
	/* busy: the same thing may succeed in a moment */ \
	X(HS_E_TIMEOUT, BUSY, 503, WARN, "storage too slow, try again", \
	  "the disk is too slow, or a stopped process holds the spool: check the storage, and look for stopped " \
	  "processes") \
	X(HS_E_SETTING_UP, BUSY, 503, WARN, "spool is being set up, try again", \
	  "another process is setting up .hookspool/run: if this goes on, look for stopped processes") \
	X(HS_E_INDEXING, BUSY, 503, WARN, "index is catching up, try again", \
	  "each attempt reads further: wait; if this goes on, check the storage") \
	X(HS_E_LARGE_BODIES, BUSY, 503, WARN, "too many large bodies at once, try again", \
	  "send smaller batches, or fewer at a time; if there are few, check the storage") \
	X(HS_E_UNVERIFIED, BUSY, 503, WARN, "busy with large bodies, try again", \
	  "many large bodies with wrong signatures arrive: find out who sends them, and block them at the web server") \
	X(HS_E_CROWDED, BUSY, 503, WARN, "too many unfinished bodies, try again", \
	  "senders are slow or hostile, and the web server streams: let it buffer bodies, or limit clients") \
	X(HS_E_LOCKED, BUSY, 503, WARN, "another command is at work, try again", \
	  "erase, backup, adopt, verify, import or each --failed is running: wait for it, or stop it") \
	X(HS_E_CURSOR_HELD, BUSY, 503, WARN, "another consumer holds the cursor, try again", \
	  "stop that consumer, or use another cursor") \
	X(HS_E_SPOOL_IN_USE, BUSY, 503, WARN, "spool is in use, try again", \
	  "stop every hookspool process that has the spool open") \
	X(HS_E_REWRITTEN, BUSY, 503, WARN, "segment was rewritten meanwhile, try again", \
	  "another command changed the segment: run this one again") \
	X(HS_E_ROTATE_GAP, BUSY, 503, WARN, "segment was opened a moment ago, try again", \
	  "rotate_min_gap has not passed since the last rotation: wait, or lower it") \
	/* machine, storage, spool: failures of ours */ \
	X(HS_E_MEMORY, MACHINE, 503, ERROR, "out of memory, try again", \
	  "lower threads or max_body, or give the process more memory") \
	X(HS_E_FULL, STORAGE, 503, ERROR, "storage is full, try again", \
	  "free space, inodes or quota on the spool's file system, or lower min_free") \
	X(HS_E_READ_ONLY, STORAGE, 503, ERROR, "storage is read-only, try again", \
	  "the system log says why: check the disk, and remount it for writing; a sandbox needs spool_dir " \
	  "writable") \
	X(HS_E_CLOCK, MACHINE, 503, ERROR, "the clock is wrong, try again", \
	  "this machine's clock is years off: set it (timedatectl set-ntp true), or tell its host") \
	X(HS_E_IO, STORAGE, 503, ERROR, "storage failed, try again", \
	  "hookspool check names files of another user; otherwise see the system log for disk errors") \
	X(HS_E_SYNC, STORAGE, 503, ERROR, "storage did not confirm, try again", \
	  "a sync failed: see the system log for disk errors") \
	X(HS_E_SPOOL_DIR, SPOOL, 503, ERROR, "spool unavailable, try again", \
	  "spool_dir must be a directory, not a symlink, that only this user may write; if another has taken its " \
	  "place, restart the handler: its sandbox is for the old one") \
	X(HS_E_SPOOL_OWNER, SPOOL, 503, ERROR, "spool unavailable, try again", \
	  "spool_dir or a file in it belongs to another user: run commands as the owner of spool_dir (sudo -u USER " \
	  "hookspool ...); the handler's user must own all of it: chown it") \
	X(HS_E_SPOOL_ASLEEP, SPOOL, 503, WARN, "spool unavailable, try again", \
	  "the spool has not been opened since the machine was started: the next event opens it, or a command of " \
	  "its owner's (sudo -u USER hookspool stats)") \
	X(HS_E_SPOOL_FILE, SPOOL, 503, ERROR, "spool unavailable, try again", \
	  "events.jsonl, rejected.jsonl and .hookspool must be plain files and a directory of our own") \
	X(HS_E_SPOOL_NFS, SPOOL, 503, ERROR, "spool unavailable, try again", \
	  "spool_dir is on a network file system: move it to a local disk, or set allow_nfs = yes") \
	X(HS_E_SPOOL_FS, SPOOL, 503, ERROR, "spool unavailable, try again", \
	  "the file system of spool_dir has no flock(2) or no shared mmap(2): move it to ext4, XFS or the like") \
	X(HS_E_SPOOL_VERSION, SPOOL, 503, ERROR, "spool unavailable, try again", \
	  "the spool was written by another version or build of hookspool: stop the other, or update") \
	X(HS_E_SPOOL_STATE, SPOOL, 503, ERROR, "spool unavailable, try again", \
	  ".hookspool/run/state was cut, or cannot be read: it is recreated by itself; if this goes on, see the " \
	  "system log for disk errors, stop every hookspool process and remove .hookspool/run") \
	/* operator: start-up and commands */ \
	X(HS_E_CONFIG, OPERATOR, 503, ERROR, "not configured", "run: hookspool check") \
	X(HS_E_FAILED_MAX, OPERATOR, 503, WARN, "failed.jsonl is full, try again", \
	  "look at what failed: hookspool cat --failed; try it again: hookspool each --failed; or raise failed_max") \
	X(HS_E_CURSOR, OPERATOR, 503, ERROR, "cursor unusable", \
	  "the cursor's file in .hookspool/cursors is damaged, or of another spool: remove it to start over") \
	X(HS_E_HISTORY, OPERATOR, 503, ERROR, "cursor of another history of the spool", \
	  "the spool was restored or replaced: run hookspool adopt, which tells which cursors fit") \
	X(HS_E_SUPPRESSED, OPERATOR, 503, ERROR, "list of suppressed people lost, try again", \
	  "erased.jsonl mentions suppressed people, but .hookspool/suppressed or its salt is gone: " \
	  "restore .hookspool from a backup, or give them up: hookspool adopt --accept-loss") \
	X(HS_E_SALT, OPERATOR, 503, ERROR, "salt lost, try again", \
	  "receipts in erased.jsonl need .hookspool/salt, which is gone: " \
	  "restore .hookspool from a backup, or give it up: hookspool adopt --accept-loss")

enum hs_result {
#define HS_RESULT_ENUM(name, class, status, level, message, remedy) name,
	HS_RESULTS(HS_RESULT_ENUM)
#undef HS_RESULT_ENUM
	    HS_RESULT_COUNT
};

struct hs_result_info {
	const char *name; /* the enum's, for logs and tests */
	enum hs_class class;
	int status;          /* for the sender */
	enum hs_level level; /* of the log line */
	const char *message; /* for the sender, one line */
	const char *remedy;  /* for the operator, one line; "" if there is nothing to do */
};

/* Never NULL; the table is constant. */
const struct hs_result_info *hs_result_info(enum hs_result result);

static inline bool hs_result_is(enum hs_result result, enum hs_class class)
{
	return hs_result_info(result)->class == class;
}

#endif

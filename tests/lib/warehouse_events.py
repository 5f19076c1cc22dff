#!/usr/bin/env python3
"""Prints N events of every type for the tests of `hookspool load`: warehouse_events.py N [SEED].

The same seed prints the same events, a few of them deletes. Some values do not fit their column; ids and times come out of order.
"""
import json
import random
import sys

n, seed = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "1"
r = random.Random(seed)
EVENTS = ["Order Completed", "Product Viewed", "Signed Up", "Users", "Grüße gesandt", "select"]
STRANGE = ["free", "39.95", "a\u0000b", "\ud800", "tab\tnew\nline\\back\rslash\\N\\.", "", "\U0001f600", True, 12345678901234567890123,
           1e300, -0.1, 40, "2026-11-23T10:15:00.123456Z", "2026-11-23", [1, {"a": "b"}], "0001-01-01T00:00:00Z"]


def time():
    return "2026-11-%02dT%02d:%02d:%02d.%03d%s" % (r.randint(1, 28), r.randint(0, 23), r.randint(0, 59), r.randint(0, 59),
                                                 r.randint(0, 999), r.choice(["Z", "+02:00"]))


def properties(first):
    p = {"total": r.choice([40, 39.95, 10 ** 15, r.random()]), "paid": r.random() < 0.5, "note": "n%d" % r.randint(0, 99),
         "at": time(), "timestamp": time(), "long_" + "x" * 70: r.randint(1, 9)}
    if not first and r.random() < 0.3:
        p[r.choice(list(p))] = r.choice(STRANGE)
    if not first and r.random() < 0.05:
        p["rare_%d" % r.randint(1, 20)] = r.choice(STRANGE[:1])
    return p


for i in range(n):
    first = i < 200
    kind = ["track", "identify", "page", "screen", "group", "alias"][i % 6] if first else \
        r.choices(["track", "identify", "page", "screen", "group", "alias", "delete"], [100, 40, 20, 10, 10, 10, 2])[0]
    e = {"type": kind, "messageId": "%s-%d" % (seed, i), "timestamp": time(), "receivedAt": time(),
         "context": {"ip": "192.0.2.%d" % r.randint(1, 250), "page": {"url": "https://example.org/?a=%d" % i}}}
    if kind == "delete":
        print(json.dumps({"type": kind, "messageId": e["messageId"], "userId": "u-%d" % r.randint(1, 40), "timestamp": time()}))
        continue
    if kind != "track" or r.random() < 0.9:
        e["userId"] = "u-%d" % r.randint(1, 40)
    else:
        e["anonymousId"] = "a-%d" % r.randint(1, 40)
    if kind == "track":
        e["event"], e["properties"] = EVENTS[i % len(EVENTS)] if first else r.choice(EVENTS), properties(first)
    elif kind in ("page", "screen"):
        e["name"], e["properties"] = "Home", properties(first)
    elif kind in ("identify", "group"):
        e["traits"] = {k: v for k, v in properties(first).items() if first or r.random() < 0.6}
    if kind == "group":
        e["groupId"] = "g-%d" % r.randint(1, 6)
    if kind == "alias":
        e["previousId"] = "a-%d" % r.randint(1, 40)
    print(json.dumps(e))

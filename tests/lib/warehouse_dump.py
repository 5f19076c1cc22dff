#!/usr/bin/env python3
"""Writes what a warehouse holds, one value a line, so that those of two databases can be compared.

    warehouse_dump.py sqlite PATH
    warehouse_dump.py lines < ROWS      {"table": "tracks", "row": {"id": "m1", ...}}, one a line

A number counts as the same in its column and in _rest: databases differ in which of them fit. A time
has three digits after the point, or six.
"""
import json
import re
import sqlite3
import sys
from decimal import Decimal

TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(?:\+00:00|Z)")


def text_of(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        value = Decimal(repr(value))
    if isinstance(value, Decimal):
        return format(value.normalize(), "E")
    time = TIME.fullmatch(value)
    if time:
        micros = (time[2] or "").ljust(6, "0")
        return f"{time[1]}.{micros[:3] if micros.endswith('000') else micros}Z"
    return json.dumps(value)


def put(table, row):
    rest = row.pop("_rest", None) or {}
    if isinstance(rest, str):
        rest = json.loads(rest)
    key = row.get("id", row.get("name"))
    for column, value in row.items():
        if value is not None:
            print(table, json.dumps(key), column, text_of(value), sep="\t")
    for column, sent in rest.items():
        value = json.loads(sent, parse_float=Decimal, parse_int=Decimal)
        if isinstance(value, Decimal):
            print(table, json.dumps(key), column, text_of(value), sep="\t")
        else:
            print(table, json.dumps(key), f"_rest.{column}", sent, sep="\t")


def sqlite(path):
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'hookspool_%'")
    for (table,) in tables.fetchall():
        types = {row["name"]: row["type"] for row in db.execute(f'PRAGMA table_info("{table}")')}
        for row in db.execute(f'SELECT * FROM "{table}"'):
            put(table, {c: bool(row[c]) if types[c] == "BOOLEAN" and row[c] is not None else row[c] for c in row.keys()})


def lines():
    for line in sys.stdin:
        entry = json.loads(line, parse_float=Decimal, parse_int=Decimal)
        put(entry["table"], entry["row"])


sqlite(sys.argv[2]) if sys.argv[1] == "sqlite" else lines()

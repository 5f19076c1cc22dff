#!/usr/bin/env python3
"""Folds identifies to users and groups to accounts, and compares: fold.py FILE. Prints what differs.
fold.py - reads what warehouse_dump.py writes, of any database.

Independent of the loader: for each person and column the latest value that is not NULL, in the order of the
lesser of timestamp and received_at, then the id. A value in _rest is a value of its column.
"""
import json
import sqlite3
import sys
from datetime import datetime

OWN = {"id", "_rest", "user_id", "group_id", "anonymous_id"}


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def key(row):
    at, received = row["timestamp"], row["received_at"]
    return min(moment(t) for t in (at, received) if t is not None), row["id"].encode()


def fold(rows):
    person = {}
    for row in sorted(rows, key=key):
        for column, value in row.items():
            if column not in OWN and value is not None:
                person[column] = ("value", value)
        for column, sent in json.loads(row["_rest"] or "{}").items():
            if column not in OWN:
                person[column] = ("rest", sent)
    return person


def stored(row):
    person = {c: ("value", v) for c, v in row.items() if v is not None and c not in OWN | {"_as_of"}}
    person.update((c, ("rest", sent)) for c, sent in json.loads(row["_rest"] or "{}").items())
    return person


def compare(db, source, column, target):
    people = {}
    for row in map(dict, db.execute(f'SELECT * FROM "{source}"')):
        if row[column]:
            people.setdefault(row[column], []).append(row)
    found = {row["id"]: stored(row) for row in map(dict, db.execute(f'SELECT * FROM "{target}"'))}
    for person in sorted(set(people) | set(found)):
        expected, got = fold(people.get(person, [])), found.get(person)
        if expected != got:
            print(target, person, "expected", expected, "got", got)
    if not people:
        print("there are no", source)


def of_dump(row):
    """Each value of a row by its column, that of a _rest, too."""
    return {c.removeprefix("_rest."): text for c, text in row.items() if c.removeprefix("_rest.") not in OWN | {"_as_of"}}


def dumped_key(entry):
    key, row = entry
    return min(moment(row[t]) for t in ("timestamp", "received_at") if t in row), json.loads(key).encode()


def compare_dumped(tables, source, column, target):
    people = {}
    for key, row in tables.get(source, {}).items():
        if row.get(column, '""') != '""':
            people.setdefault(row[column], []).append((key, row))
    for person in sorted(set(people) | set(tables.get(target, {}))):
        expected, got = {}, of_dump(tables.get(target, {}).get(person, {}))
        for _, row in sorted(people.get(person, []), key=dumped_key):
            expected.update(of_dump(row))
        if expected != got:
            print(target, person, "expected", expected, "got", got)
    print(f"{source}: {sum(map(len, people.values()))} of {len(people)}", file=sys.stderr)
    if not people:
        print("there are no", source)


def read_dump(lines):
    tables = {}
    for line in lines:
        table, key, column, text = line.rstrip("\n").split("\t", 3)
        tables.setdefault(table, {}).setdefault(key, {})[column] = text
    return tables


if sys.argv[1] == "-":
    dumped = read_dump(sys.stdin)
    compare_dumped(dumped, "identifies", "user_id", "users")
    compare_dumped(dumped, "groups", "group_id", "accounts")
    sys.exit()
connection = sqlite3.connect(sys.argv[1])
connection.row_factory = sqlite3.Row
compare(connection, "identifies", "user_id", "users")
compare(connection, "groups", "group_id", "accounts")

#!/usr/bin/env python3
"""Folds identifies to users and groups to accounts, and compares: fold.py FILE. Prints what differs.

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


connection = sqlite3.connect(sys.argv[1])
connection.row_factory = sqlite3.Row
compare(connection, "identifies", "user_id", "users")
compare(connection, "groups", "group_id", "accounts")

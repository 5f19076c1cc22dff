#!/usr/bin/env python3
"""contacts.py DATABASE: a handler for `hookspool each --stream`, which is started once.

    hookspool each --cursor contacts --stream --on 'identify=exec python3 contacts.py contacts.db'

It reads a record a line, and keeps the latest email address of each user in SQLite. Each record is
answered with a line, in the order of the records and without delay:

    0            done
    65 REASON    this record will never do: it goes to failed.jsonl
    75 REASON    try again later
"""
import json
import sqlite3
import sys

UPSERT = """INSERT INTO contact VALUES (:tenant, :user, :email, :time)
    ON CONFLICT (tenant, user) DO UPDATE SET email = excluded.email, time = excluded.time
    WHERE excluded.time >= contact.time"""


def handle(database, line):
    try:
        record = json.loads(line)
        user = record["user_id"]
    except (ValueError, KeyError):
        return "65 no user_id"
    email = record.get("traits_email")
    if not isinstance(email, str):
        return "0"  # an identify without an address is no error
    row = {
        "tenant": record.get("tenant", ""),  # two customers may have the same user id
        "user": str(user),
        "email": email,
        "time": record.get("timestamp") or record["spooled_at"],
    }
    try:
        with database:  # one transaction: when we answer 0 the row is kept
            database.execute(UPSERT, row)
    except sqlite3.OperationalError as error:
        return f"75 {error}"
    return "0"


def main():
    database = sqlite3.connect(sys.argv[1])
    database.execute("CREATE TABLE IF NOT EXISTS contact (tenant, user, email, time, PRIMARY KEY (tenant, user))")
    for line in sys.stdin:
        print(handle(database, line), flush=True)


if __name__ == "__main__":
    main()

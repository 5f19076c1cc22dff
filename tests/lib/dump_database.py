"""Prints each value of a warehouse database as a line, in one form for all databases.

    dump_database.py sqlite FILE
    dump_database.py mariadb CLIENT...    # the command that runs SQL from its standard input

TABLE <tab> ID <tab> COLUMN <tab> VALUE, sorted. A time has six digits, a number is a double, and neither
the loader's own tables nor NULLs are printed.
"""
import sqlite3
import subprocess
import sys


def number(text):
    return repr(float(text) + 0.0)  # -0 is 0


def time(text):
    text = text.replace(" ", "T").rstrip("Z")
    return text + ("000" if len(text) == 23 else "") + "Z"


def say(lines, table, key, column, kind, text):
    if text is None or table.startswith("hookspool_"):
        return
    if kind == "number":
        text = number(text)
    elif kind == "timestamp":
        text = time(text)
    lines.append("\t".join((table, repr(key), column, repr(text))))


def sqlite(lines, path):
    kinds = {"NUMERIC": "number", "BOOLEAN": "boolean", "TIMESTAMP TEXT": "timestamp"}
    db = sqlite3.connect(path)
    for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        columns = db.execute("SELECT name, type FROM pragma_table_info(?)", (table,)).fetchall()
        names = ", ".join('CAST("%s" AS TEXT)' % name.replace('"', '""') for name, _ in columns)
        for row in db.execute('SELECT %s FROM "%s"' % (names, table)):
            values = dict(zip((name for name, _ in columns), row))
            for name, kind in columns:
                say(lines, table, values.get("id"), name, kinds.get(kind, "text"), values[name])


def ask(client, query):
    answer = subprocess.run(client, input=query.encode(), stdout=subprocess.PIPE, check=True).stdout.decode()
    return [line.split("\t") for line in answer.splitlines()]


def text_of(digits):
    return None if digits == "NULL" else bytes.fromhex(digits).decode()


def mariadb(lines, client):
    kinds = {"double": "number", "tinyint": "boolean", "datetime": "timestamp"}
    tables = {}
    for table, column, kind in ask(
        client,
        "SELECT HEX(TABLE_NAME), HEX(COLUMN_NAME), DATA_TYPE FROM information_schema.COLUMNS "
        "WHERE TABLE_SCHEMA = DATABASE() ORDER BY ORDINAL_POSITION",
    ):
        tables.setdefault(text_of(table), []).append((text_of(column), kinds.get(kind, "text")))
    for table, columns in tables.items():
        names = ", ".join("HEX(CAST(`%s` AS CHAR))" % name.replace("`", "``") for name, _ in columns)
        for row in ask(client, "SELECT %s FROM `%s`" % (names, table)):
            values = {name: text_of(digits) for (name, _), digits in zip(columns, row)}
            for name, kind in columns:
                say(lines, table, values.get("id"), name, kind, values[name])


found = []
if sys.argv[1] == "sqlite":
    sqlite(found, sys.argv[2])
else:
    mariadb(found, sys.argv[2:])
sys.stdout.reconfigure(errors="surrogateescape")
print("\n".join(sorted(found)))

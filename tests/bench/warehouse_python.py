"""The rows that hookspool load writes, by programs as people write them: warehouse_python.py WAY TARGET reads the records from
standard input, 5000 to a transaction. TARGET is a file of SQLite, or a connection string or socket. WAY is one of the functions below;
`statements` prints INSERTs of many rows for the mariadb command instead."""
import csv
import io
import json
import sys

from warehouse_rows import SNAKE, TABLES, TIME, create

BATCH = 5000
STATEMENT = 500  # rows, so that it stays below a megabyte


def text_of(value):
    return json.dumps(value, separators=(",", ":")) if isinstance(value, (list, dict)) else value


def value_of(value, kind, as_time):
    if kind == SNAKE:
        return value.lower().replace(" ", "_")
    return as_time(value) if kind == TIME else text_of(value)


def batches(as_time=lambda text: text):
    """The rows of up to BATCH records, for each table."""
    rows = {table: [] for table in TABLES}
    for line in sys.stdin:
        record = json.loads(line)
        for table, columns in TABLES.items():
            rows[table].append([value_of(record.get(field), kind, as_time) for field, _, kind in columns])
        if len(rows["tracks"]) == BATCH:
            yield rows
            rows = {table: [] for table in TABLES}
    if rows["tracks"]:
        yield rows


def names(table):
    return ", ".join(column for _, column, _ in TABLES[table])


def insert(table, values, verb="INSERT", end=""):
    return f"{verb} INTO {table} ({names(table)}) VALUES {values}{end}"


def places(table, place):
    return "(" + ", ".join([place] * len(TABLES[table])) + ")"


def sqlite(target):
    import sqlite3

    db = sqlite3.connect(target)
    for table in TABLES:
        db.execute(create("sqlite", table))
    for rows in batches():
        for table in TABLES:
            db.executemany(insert(table, places(table, "?"), "INSERT OR IGNORE"), rows[table])
        db.commit()


def postgresql(target, put):
    import psycopg2

    db = psycopg2.connect(target)
    with db.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS tracks, order_completed")
        for table in TABLES:
            cursor.execute(create("postgresql", table))
            cursor.execute(f"CREATE TEMP TABLE new_{table} AS TABLE {table} WITH NO DATA")
        for rows in batches():
            for table in TABLES:
                put(cursor, table, rows[table])
            db.commit()


def copy(target):
    def put(cursor, table, rows):
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        text.seek(0)
        cursor.execute(f"TRUNCATE new_{table}")
        cursor.copy_expert(f"COPY new_{table} FROM STDIN (FORMAT csv)", text)
        cursor.execute(f"INSERT INTO {table} SELECT * FROM new_{table} ON CONFLICT DO NOTHING")

    postgresql(target, put)


def execute_values(target):
    from psycopg2.extras import execute_values as put_values

    postgresql(target, lambda cursor, table, rows: put_values(cursor, insert(table, "%s", end=" ON CONFLICT DO NOTHING"), rows))


def mariadb_time(text):
    return text and text.replace("T", " ").replace("Z", "")


def executemany(target):
    import pymysql

    db = pymysql.connect(unix_socket=target, user="root", database="recipes", charset="utf8mb4")
    with db.cursor() as cursor:
        for table in TABLES:
            cursor.execute(create("mariadb", table))
        for rows in batches(mariadb_time):
            for table in TABLES:
                cursor.executemany(insert(table, places(table, "%s"), "INSERT IGNORE"), rows[table])
            db.commit()


def literal(value):
    if value is None:
        return "NULL"
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'" if isinstance(value, str) else str(value)


def statements(_):
    for table in TABLES:
        print(create("mariadb", table))
    for rows in batches(mariadb_time):
        print("BEGIN;")
        for table in TABLES:
            values = ["(" + ",".join(map(literal, row)) + ")" for row in rows[table]]
            for first in range(0, len(values), STATEMENT):
                print(insert(table, ",\n".join(values[first : first + STATEMENT]), "INSERT IGNORE", ";"))
        print("COMMIT;")


WAYS = {way.__name__: way for way in (sqlite, copy, execute_values, executemany, statements)}
if __name__ == "__main__":
    WAYS[sys.argv[1]](sys.argv[2])

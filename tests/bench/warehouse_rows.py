"""The rows that hookspool load writes, by the way of docs/recipes.md. warehouse_rows.py DATABASE LINES prints what sqlite3,
psql or mariadb runs in an empty database; LINES is a command or, for mariadb, a file. "fields" prints the fields of LINES."""
import sys

TIME, TEXT, NUMBER = range(3)
SHARED = [("message_id", "id", TEXT), ("spooled_at", "uuid_ts", TIME), ("timestamp", "timestamp", TIME), ("sent_at", "sent_at", TIME),
    ("anonymous_id", "anonymous_id", TEXT), ("user_id", "user_id", TEXT), ("event", "event_text", TEXT)] + [
    ("context_" + name, "context_" + name, TEXT) for name in ("ip", "locale", "user_agent", "library_name", "library_version", "page_path",
        "page_referrer", "page_title", "page_url")]
OWN = [("properties_" + name, name, kind) for name, kind in (("order_id", TEXT), ("total", NUMBER), ("shipping", NUMBER),
    ("currency", TEXT), ("coupon", TEXT), ("products", TEXT))]
TABLES = {"tracks": SHARED, "order_completed": SHARED + OWN}
TYPES = {"sqlite": ("TEXT", "TEXT", "NUMERIC"), "postgresql": ("timestamptz", "text", "numeric"),
    "mariadb": ("DATETIME(6)", "LONGTEXT", "DOUBLE")}


def create(database, table):
    key = "VARCHAR(200) PRIMARY KEY" if database == "mariadb" else "TEXT PRIMARY KEY"
    columns = [f"{column} {key if column == 'id' else TYPES[database][kind]}" for _, column, kind in TABLES[table]]
    return f"CREATE TABLE {table} ({', '.join(columns)});"


def sqlite(lines):
    print("CREATE TEMP TABLE line (json TEXT);\n.mode ascii\n.separator \"\\037\" \"\\n\"")
    print(f".import \"|{lines}\" line")
    for table, columns in TABLES.items():
        print(create("sqlite", table))
        print(f"INSERT OR IGNORE INTO {table} SELECT", ", ".join(f"json_extract(json, '$.{field}')" for field, _, _ in columns), "FROM line;")


def postgresql(lines):
    print("DROP TABLE IF EXISTS tracks, order_completed;", create("postgresql", "tracks"), create("postgresql", "order_completed"))
    print("CREATE TEMP TABLE line AS TABLE order_completed WITH NO DATA;")
    print(f"\\copy line FROM PROGRAM '{lines}' (NULL '')")
    for table, columns in TABLES.items():
        print(f"INSERT INTO {table} SELECT", ", ".join(column for _, column, _ in columns), "FROM line ON CONFLICT DO NOTHING;")


def mariadb(lines):
    for table, columns in TABLES.items():
        print(f"DROP TABLE IF EXISTS {table};", create("mariadb", table))
        given = ["@" + column if kind == TIME else column for _, column, kind in columns]
        times = [f"{column} = REPLACE(REPLACE(@{column}, 'T', ' '), 'Z', '')" for _, column, kind in columns if kind == TIME]
        rest = ["@more"] * (len(OWN) if table == "tracks" else 0)
        print(f"LOAD DATA LOCAL INFILE '{lines}' IGNORE INTO TABLE {table} ({', '.join(given + rest)}) SET {', '.join(times)};")


def fields(_):
    print(",".join(field for field, _, _ in TABLES["order_completed"]))


if __name__ == "__main__":
    {"sqlite": sqlite, "postgresql": postgresql, "mariadb": mariadb, "fields": fields}[sys.argv[1]](sys.argv[-1])

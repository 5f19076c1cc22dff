"""The rows that hookspool load writes, by the way of docs/recipes.md. warehouse_rows.py DATABASE LINES prints what sqlite3,
psql or mariadb runs in an empty database; LINES is a command or, for mariadb, a file. "fields" prints the fields of LINES, and
"columns TABLE" the columns of a table."""
import sys

TIME, TEXT, NUMBER, SNAKE = range(4)  # SNAKE: a text in snake case
SHARED = [("message_id", "id", TEXT), ("spooled_at", "received_at", TIME), ("spooled_at", "uuid_ts", TIME),
    ("timestamp", "timestamp", TIME), ("sent_at", "sent_at", TIME), ("anonymous_id", "anonymous_id", TEXT),
    ("user_id", "user_id", TEXT), ("event", "event", SNAKE), ("event", "event_text", TEXT)] + [
    ("context_" + name, "context_" + name, TEXT) for name in ("ip", "locale", "user_agent", "library_name", "library_version", "page_path",
        "page_referrer", "page_title", "page_url")]
OWN = [("properties_" + name, name, kind) for name, kind in (("order_id", TEXT), ("total", NUMBER), ("shipping", NUMBER),
    ("currency", TEXT), ("coupon", TEXT), ("products", TEXT))]
TABLES = {"tracks": SHARED, "order_completed": SHARED + OWN}
TYPES = {"sqlite": ("TEXT", "TEXT", "NUMERIC", "TEXT"), "postgresql": ("timestamptz", "text", "numeric", "text"),
    "mariadb": ("DATETIME(6)", "LONGTEXT", "DOUBLE", "LONGTEXT")}


def create(database, table):
    key = "VARCHAR(200) PRIMARY KEY" if database == "mariadb" else "TEXT PRIMARY KEY"
    columns = [f"{column} {key if column == 'id' else TYPES[database][kind]}" for _, column, kind in TABLES[table]]
    return f"CREATE TABLE {table} ({', '.join(columns)});"


def snake(expression, kind):
    return f"lower(replace({expression}, ' ', '_'))" if kind == SNAKE else expression


def sqlite(lines):
    print("CREATE TEMP TABLE line (json TEXT);\n.mode ascii\n.separator \"\\037\" \"\\n\"")
    print(f".import \"|{lines}\" line")
    for table, columns in TABLES.items():
        print(create("sqlite", table))
        values = [snake(f"json_extract(json, '$.{field}')", kind) for field, _, kind in columns]
        print(f"INSERT OR IGNORE INTO {table} SELECT", ", ".join(values), "FROM line;")


def postgresql(lines):
    print("DROP TABLE IF EXISTS tracks, order_completed;", create("postgresql", "tracks"), create("postgresql", "order_completed"))
    print("CREATE TEMP TABLE line AS TABLE order_completed WITH NO DATA;")
    print(f"\\copy line FROM PROGRAM '{lines}' (NULL '')")
    for table, columns in TABLES.items():
        values = [snake(column, kind) for _, column, kind in columns]
        print(f"INSERT INTO {table} SELECT", ", ".join(values), "FROM line ON CONFLICT DO NOTHING;")


def mariadb(lines):
    for table, columns in TABLES.items():
        print(f"DROP TABLE IF EXISTS {table};", create("mariadb", table))
        given = ["@" + column if kind in (TIME, SNAKE) else column for _, column, kind in columns]
        made = [f"{column} = REPLACE(REPLACE(@{column}, 'T', ' '), 'Z', '')" for _, column, kind in columns if kind == TIME]
        made += [f"{column} = {snake('@' + column, kind)}" for _, column, kind in columns if kind == SNAKE]
        rest = ["@more"] * (len(OWN) if table == "tracks" else 0)
        print(f"LOAD DATA LOCAL INFILE '{lines}' IGNORE INTO TABLE {table} ({', '.join(given + rest)}) SET {', '.join(made)};")


def fields(_):
    print(",".join(field for field, _, _ in TABLES["order_completed"]))


def columns_of(table):
    print(", ".join(column for _, column, _ in TABLES[table]))


if __name__ == "__main__":
    {"sqlite": sqlite, "postgresql": postgresql, "mariadb": mariadb, "fields": fields, "columns": columns_of}[sys.argv[1]](sys.argv[-1])

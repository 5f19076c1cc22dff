"""For warehouse_lag.sh. events N FILE: N events like that of the file. watch QUERY CLIENT...: asks the database a hundred times a
second, and prints when it has answered, and what. tell SEEN SKIP: of the records of standard input, but for the first SKIP, how
long after spooled_at the number of records seen has reached them."""
import datetime, json, random, re, subprocess, sys, time


def events(count, path):
    r = random.Random(1)
    event = json.load(open(path))
    for i in range(int(count)):
        event.update(messageId="backlog-%d" % i, userId="user-%05d" % r.randint(1, 5000))
        event["properties"].update(orderId="o-2026-%06d" % i, total=r.randint(100, 99999) / 100)
        print(json.dumps(event, separators=(",", ":")))


def watch(query, *client):
    database = subprocess.Popen(client, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while True:
        database.stdin.write(query + ";\n")
        database.stdin.flush()
        answer = database.stdout.readline().strip()
        if not answer:
            sys.exit("the database has not answered")
        print("%.6f" % time.time(), answer, flush=True)
        time.sleep(0.01)


def tell(path, skip):
    seen = [(float(at), int(records)) for at, records in map(str.split, open(path))]
    late, at = [], 0
    for i, line in enumerate(sys.stdin, 1):
        if i <= int(skip):
            continue
        spooled = re.search(r'"spooled_at":"([^"]*)Z"', line).group(1)
        spooled = datetime.datetime.fromisoformat(spooled).replace(tzinfo=datetime.timezone.utc).timestamp()
        while at < len(seen) and seen[at][1] < i:
            at += 1
        if at == len(seen):
            sys.exit("record %d was not seen" % i)
        late.append(seen[at][0] - spooled)
    late.sort()
    print("%.2f %.2f" % tuple(late[int(len(late) * share)] for share in (0.5, 0.99)))


{"events": events, "watch": watch, "tell": tell}[sys.argv[1]](*sys.argv[2:])

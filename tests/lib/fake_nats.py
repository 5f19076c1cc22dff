"""A scripted NATS server with one stream in memory: answers that a real server gives once in a thousand years.

    fake_nats.py [OPTION]... [ACTION[*TIMES]]...

Prints its port on loopback and serves until it is killed. Each message to the stream takes the next action; after
the last one all is well. Marks take theirs from --marks. Actions:

    ok          store it and answer                    seq0        answer sequence 0, duplicate; do not store
    none        neither store nor answer               silent      store, but do not answer
    half        store; half an answer                  garbage     store; an answer that is no JSON
    503         no responders                          CODE        an error of JetStream, such as 10077
    err         -ERR and close                         close       store, close without an answer
    cutN        store; close after N bytes of the answer's protocol
    stray       store; answer to other subjects of the inbox, then to its own
    seq0close   as seq0, and close
    refuse      a permissions violation                twice       store, answer twice
    late        store; answer after the next message   stuck       answer nothing any more, not even a ping
"""
import argparse, base64, fnmatch, json, re, socket, threading, time

ERRORS = {
    10002: (400, "resource limits exceeded for account"), 10008: (503, "JetStream system temporarily unavailable"),
    10009: (500, "JetStream cluster can not handle request"), 10023: (503, "insufficient resources"),
    10047: (500, "insufficient storage resources available"), 10054: (400, "message size exceeds maximum allowed"),
    10060: (400, "expected stream does not match"), 10063: (503, "expected stream sequence does not match"),
    10077: (503, "maximum bytes exceeded"), 10158: (409, "duplicate message id is in process"),
    10167: (429, "too many requests"), 10037: (404, "no message found"), 10059: (404, "stream not found"), 10051: (500, "general stream failure"),
}


def error(code):
    status, words = ERRORS[code]
    return {"code": status, "err_code": code, "description": words}


class Script:
    """Actions in turn; after the last one `ok`."""

    def __init__(self, words):
        self.actions = []
        for word in words:
            name, _, times = word.partition("*")
            self.actions += [name] * int(times or 1)

    def next(self):
        return self.actions.pop(0) if self.actions else "ok"


class Stream:
    def __init__(self, options):
        self.options = options
        self.name = options.stream
        self.messages = []  # (subject, headers, data, time), by sequence - 1; None: deleted
        self.ids = {}
        self.records, self.marks = Script(options.action), Script(options.marks.split(",") if options.marks else [])
        self.lock = threading.RLock()
        self.behind = options.behind
        self.replies = options.reply or []
        self.created = "2026-11-29T04:00:00.000000001Z"

    def action(self, subject):
        return (self.marks if subject.endswith(".mark") else self.records).next()

    def store(self, subject, headers, data):
        """Returns (sequence, duplicate)."""
        found = re.search(rb"\r\nNats-Msg-Id: *([^\r]*)\r\n", headers)
        if found and found[1] in self.ids and not self.options.expired:
            return self.ids[found[1]], True
        self.messages.append((subject, headers, data, time.time()))
        if found:
            self.ids[found[1]] = len(self.messages)
        if self.options.dump:
            with open(self.options.dump, "ab") as dump:
                dump.write(data + b"\n")
        return len(self.messages), False

    def info(self):
        o, last = self.options, len(self.messages)
        if self.behind > 0:
            self.behind -= 1
            last = 0
        return {"type": "io.nats.jetstream.api.v1.stream_info_response", "created": self.created,
                "config": {"name": self.name, "subjects": ["hookspool.>"], "retention": "limits", "max_consumers": -1,
                           "max_msgs": -1, "max_bytes": -1, "max_age": 0, "max_msgs_per_subject": -1, "discard": "new",
                           "storage": "file", "num_replicas": 1, "duplicate_window": o.window * 10**9, "sealed": False},
                "state": {"messages": len(self.messages), "bytes": sum(len(m[2]) for m in self.messages if m),
                          "first_seq": 1, "last_seq": last},
                "cluster": {"name": "fake", "leader": "fake-1"}}

    def found(self, sequence):
        subject, headers, data, at = self.messages[sequence - 1]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + ".%09dZ" % (at % 1 * 1e9)
        message = {"subject": subject, "seq": sequence, "data": base64.b64encode(data).decode(), "time": stamp}
        if headers:
            message["hdrs"] = base64.b64encode(headers).decode()
        return {"type": "io.nats.jetstream.api.v1.stream_msg_get_response", "message": message}

    def get(self, request):
        subjects = request.get("last_by_subj") or request.get("next_by_subj")
        match = re.compile("^" + re.escape(subjects or ">").replace(r"\*", "[^.]+").replace(">", ".+") + "$").match
        sequences = range(1, len(self.messages) + 1)
        if "last_by_subj" in request:
            sequences = reversed(sequences)
        elif subjects:
            sequences = range(1 if self.options.goes_back else request["seq"], len(self.messages) + 1)
        else:
            sequences = [request["seq"]]
        for sequence in sequences:
            if 0 < sequence <= len(self.messages) and self.messages[sequence - 1] and match(self.messages[sequence - 1][0]):
                return self.found(sequence)
        return {"error": error(10037)}

    def api(self, verb, body):
        if self.options.missing and verb != "CREATE":
            return {"error": error(10059)}
        if verb == "CREATE":
            self.options.missing = False
        return self.get(json.loads(body)) if verb == "MSG.GET" else self.info()


class Connection(threading.Thread):
    def __init__(self, sock, stream):
        super().__init__(daemon=True)
        self.sock, self.stream, self.file = sock, stream, sock.makefile("rb")
        self.subscriptions, self.stuck, self.late = {}, False, None

    def send(self, data):
        if not self.stuck:
            self.sock.sendall(data)

    def packet(self, to, payload, headers=b""):
        for sid, pattern in self.subscriptions.items():
            if fnmatch.fnmatchcase(to, pattern):
                if headers:
                    return b"HMSG %s %s %d %d\r\n%s%s\r\n" % (to.encode(), sid, len(headers), len(headers) + len(payload),
                                                              headers, payload)
                return b"MSG %s %s %d\r\n%s\r\n" % (to.encode(), sid, len(payload), payload)
        return b""

    def ack(self, sequence, duplicate):
        more = ', "duplicate": true' if duplicate else ""
        return ('{"stream":"%s", "seq":%d%s}' % (self.stream.name, sequence, more)).encode()

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        raise ConnectionError

    def publish(self, subject, reply, headers, data):
        action = self.stream.action(subject)
        late, self.late = self.late, None
        stores = action not in ("seq0", "seq0close", "none", "503", "err", "refuse", "stuck") and not re.match(r"\d+$", action)
        stored = self.stream.store(subject, headers, data) if stores else None
        answer = self.packet(reply, self.ack(*stored)) if stored else b""
        if action in ("ok", "twice"):
            self.send(answer * (2 if action == "twice" else 1))
        elif action == "late":
            self.late = answer
        elif action in ("seq0", "seq0close"):
            self.send(self.packet(reply, self.ack(0, True)))
            if action == "seq0close":
                self.close()
        elif action == "stray":
            inbox = reply[:reply.rindex(".") + 1]
            for to in (inbox, inbox + "x", reply + "x", reply):
                self.send(self.packet(to, self.ack(*stored)))
        elif action == "503":
            self.send(self.packet(reply, b"", b"NATS/1.0 503\r\n\r\n"))
        elif action == "half":
            self.send(self.packet(reply, self.ack(*stored)[:9]))
        elif action == "garbage":
            self.send(self.packet(reply, b"+OK"))
        elif action == "err":
            self.send(b"-ERR 'Stale Connection of the script'\r\n")
            self.close()
        elif action == "close":
            self.close()
        elif action.startswith("cut"):
            self.send(answer[:int(action[3:])])
            self.close()
        elif action == "refuse":
            self.send(b"-ERR 'Permissions Violation for Publish to \"%s\"'\r\n" % subject.encode())
        elif action == "stuck":
            self.stuck = True
        elif action.isdigit():
            self.send(self.packet(reply, json.dumps({"error": error(int(action)), "stream": self.stream.name,
                                                     "seq": 0}).encode()))
        if late:
            self.send(late)

    def message(self, words, with_headers):
        subject, reply = words[1].decode(), words[2].decode()
        total, head = int(words[-1]), int(words[-2]) if with_headers else 0
        body = self.file.read(total + 2)[:-2]
        with self.stream.lock:
            if subject.startswith("$JS.API.STREAM."):
                scripted = self.stream.replies.pop(0) if self.stream.replies else "ok"
                if scripted == "503":
                    self.send(self.packet(reply, b"", b"NATS/1.0 503\r\n\r\n"))
                elif scripted not in ("ok", "none"):
                    self.send(self.packet(reply, scripted.encode()) * (2 if self.stream.options.replies_twice else 1))
                if scripted != "ok":
                    return
                verb, _, name = subject[len("$JS.API.STREAM."):].rpartition(".")
                answer = self.stream.api(verb, body[head:]) if name == self.stream.name else {"error": error(10059)}
                self.send(self.packet(reply, json.dumps(answer).encode()) * (2 if self.stream.options.replies_twice else 1))
            elif self.stream.options.missing:
                self.send(self.packet(reply, b"", b"NATS/1.0 503\r\n\r\n"))
            else:
                self.publish(subject, reply, body[:head], body[head:])

    def run(self):
        o = self.stream.options
        info = {"server_id": "FAKE", "server_name": "fake-1", "version": o.version, "headers": True, "proto": 1,
                "max_payload": o.max_payload}
        if o.nonce:
            info["nonce"] = o.nonce.pop(0) if len(o.nonce) > 1 else o.nonce[0]
        try:
            self.send(b"INFO " + json.dumps(info).encode() + b"\r\n")
            for line in self.file:
                words = line.split()
                verb = words[0].upper() if words else b""
                if verb == b"CONNECT" and o.nonce and not json.loads(line[8:]).get("sig"):
                    self.send(b"-ERR 'Authorization Violation'\r\n")
                    self.close()
                elif verb == b"PING":
                    self.send(b"PONG\r\n")
                elif verb == b"SUB":
                    self.subscriptions[words[-1]] = words[1].decode()
                elif verb == b"UNSUB":
                    self.subscriptions.pop(words[1], None)
                elif verb in (b"PUB", b"HPUB"):
                    self.message(words, verb == b"HPUB")
        except (OSError, ValueError):
            pass
        self.sock.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("action", nargs="*")
    parser.add_argument("--marks", default="", help="actions for marks, with commas between")
    parser.add_argument("--stream", default="events")
    parser.add_argument("--version", default="2.10.27")
    parser.add_argument("--window", type=int, default=120, help="seconds; only told, never applied")
    parser.add_argument("--expired", action="store_true", help="that is over at once: no id is refused")
    parser.add_argument("--max-payload", type=int, default=1048576)
    parser.add_argument("--missing", action="store_true", help="there is no stream until it is created")
    parser.add_argument("--behind", type=int, default=0, help="so often a former leader tells the stream's state")
    parser.add_argument("--replies-twice", action="store_true", help="each reply to a question comes twice")
    parser.add_argument("--reply", action="append", help="to the next question: ok, none, 503 or a text; after the last one ok")
    parser.add_argument("--goes-back", action="store_true", help="the message from a sequence on is always the first one")
    parser.add_argument("--nonce", action="append", help="to be signed; the next one for each connection, then the last")
    parser.add_argument("--dump", help="a file that gets the data of what is stored")
    parser.add_argument("--port", type=int, default=0)
    stream = Stream(parser.parse_args())
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", stream.options.port))
    server.listen()
    print("%d\n" % server.getsockname()[1], end="", flush=True)
    while True:
        Connection(server.accept()[0], stream).start()


main()

"""The messages of a stream, in the server's own protocol: a line "sequence subject id place" each, marks too.

nats_dump.py PORT STREAM
nats_dump.py PORT delete|purge|update STREAM [JSON]    administration, for tests
"""

import base64
import json
import socket
import sys


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.file = self.socket.makefile("rwb")
        self.file.readline()
        self.file.write(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB inbox 1\r\n')

    def request(self, subject, body=b""):
        self.file.write(b"PUB %s inbox %d\r\n%s\r\n" % (subject.encode(), len(body), body))
        self.file.flush()
        while True:
            words = self.file.readline().split()
            if words[0] == b"PING":
                self.file.write(b"PONG\r\n")
                self.file.flush()
            elif words[0] == b"MSG":
                answer = self.file.read(int(words[-1]))
                self.file.readline()
                return json.loads(answer)
            elif words[0] in (b"HMSG", b"-ERR"):
                sys.exit(" ".join(word.decode() for word in words))


def dump(connection, stream):
    state = connection.request("$JS.API.STREAM.INFO." + stream)["state"]
    for sequence in range(state["first_seq"], state["last_seq"] + 1):
        body = json.dumps({"seq": sequence}).encode()
        message = connection.request("$JS.API.STREAM.MSG.GET." + stream, body).get("message")
        if message is None:
            continue
        headers = dict(
            line.split(": ", 1)
            for line in base64.b64decode(message.get("hdrs", "")).decode().split("\r\n")[1:]
            if ": " in line
        )
        print(sequence, message["subject"], headers.get("Nats-Msg-Id", "-"), headers["Hookspool-Pos"].split()[0])


def main():
    connection = Connection(int(sys.argv[1]))
    if len(sys.argv) == 3:
        dump(connection, sys.argv[2])
        return
    verb, stream = sys.argv[2].upper(), sys.argv[3]
    body = sys.argv[4].encode() if len(sys.argv) > 4 else b""
    answer = connection.request(f"$JS.API.STREAM.{verb}.{stream}", body)
    if "error" in answer:
        sys.exit(answer["error"]["description"])


main()

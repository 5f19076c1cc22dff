#!/usr/bin/env python3
"""Prints how many messages each subject of a stream has: subjects.py nats://HOST:PORT [STREAM]. No library is needed."""
import json
import socket
import sys


def request(url, subject, body):
    host, port = url.removeprefix("nats://").rsplit(":", 1)
    with socket.create_connection((host, int(port)), 10) as sock:
        lines = sock.makefile("rb")
        text = json.dumps(body)
        sock.sendall(f'CONNECT {{"verbose":false}}\r\nSUB _INBOX.s 1\r\nPUB {subject} _INBOX.s {len(text)}\r\n{text}\r\n'.encode())
        for line in lines:
            if line.startswith(b"PING"):
                sock.sendall(b"PONG\r\n")
            elif line.startswith(b"MSG"):
                return json.loads(lines.read(int(line.split()[-1])))
            elif line.startswith(b"-ERR"):
                sys.exit(line.decode())
    sys.exit("no answer")


def main(url, stream="events"):
    info = request(url, f"$JS.API.STREAM.INFO.{stream}", {"subjects_filter": ">"})
    if "error" in info:
        sys.exit(info["error"]["description"])
    for subject, messages in sorted(info["state"]["subjects"].items()):
        print(messages, subject)


if __name__ == "__main__":
    main(*sys.argv[1:])

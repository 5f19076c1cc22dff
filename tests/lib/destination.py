#!/usr/bin/env python3
"""destination.py PORT LOG SCRIPT: an HTTP server that answers as a script says, for tests of `hookspool forward`.

LOG gets a JSON line for each request: path, headers, body, the answer's status. SCRIPT is read anew for each
request: its first line that matches decides, "REGULAR-EXPRESSION STATUS [Retry-After]"; the expression is
searched in the body; STATUS hang closes the connection without an answer; nonsense, case and version first send
a status line that is none. Nothing matches: 200. It is a proxy, too, whose CONNECT is answered likewise, by
the name and port, and leads nowhere.
"""
import http.server
import json
import re
import sys
import threading

log, script, lock = sys.argv[2], sys.argv[3], threading.Lock()


def answer_to(body):
    for line in open(script):
        words = line.split()
        if words and re.search(words[0], body):
            return words[1], words[2] if len(words) > 2 else None
    return "200", None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        status, after = answer_to(body)
        row = {"path": self.path, "headers": dict(self.headers), "body": body, "status": status}
        with lock, open(log, "a") as out:
            out.write(json.dumps(row) + "\n")
        raw = {"hang": b"", "nonsense": b"HTTP/nonsense\r\n\r\n", "case": b"HTtP/1.1 503 x\r\n\r\n",
               "version": b"HTTP/.1 503 x\r\n\r\n"}
        if status in raw:
            self.wfile.write(raw[status])
            self.close_connection = True
            return
        self.send_response(int(status))
        if after:
            self.send_header("Retry-After", after)
        if status.startswith("3"):
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_CONNECT(self):
        self.send_response(int(answer_to(self.path)[0]))
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.close_connection = True

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()

"""Stands between a client and a web server on loopback, and does something wrong: what `hookspool check --url` should find.

    wrong_server.py PORT [FAULT]...

Prints its own port and serves until it is killed. Requests go on to PORT; a FAULT is one of

    drop=HEADER                   this header of requests is lost
    set=HEADER: VALUE             answers have this header instead of their own; without a VALUE none
    answer=METHOD PATH STATUS     requests with this method whose path ends so are answered here, with an empty page
    large=BYTES STATUS            so are those with a longer body, which may be chunked
    close=METHOD PATH             the connection is closed without an answer
"""
import http.client, http.server, socketserver, sys

port, faults = int(sys.argv[1]), [tuple(fault.split("=", 1)) for fault in sys.argv[2:]]


def of(kind):
    return [value for name, value in faults if name == kind]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(min(int(self.headers.get("Content-Length", 0)), 1 << 28))
        data = b""
        while n := int(self.rfile.readline(), 16):
            data += self.rfile.read(n)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def tell(self, status, headers, body):
        """Writes an answer, with the faults that are set."""
        wrong = [value.split(":", 1) for value in of("set")]
        replaced = {"content-length", "connection", "transfer-encoding"} | {name.lower() for name, _ in wrong}
        lines = [(n, v) for n, v in headers if n.lower() not in replaced] + [(n, v.strip()) for n, v in wrong if v.strip()]
        lines.append(("Content-Length", str(len(body))))
        self.send_response_only(status)
        for name, value in lines:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(body)

    def handle_any(self):
        for value in of("close"):
            method, path = value.split()
            if self.command == method and self.path.endswith(path):
                self.close_connection = True
                return
        huge = int(self.headers.get("Content-Length", 0)) > 1 << 30
        body = b"" if huge else self.body()
        for value in of("large"):
            if len(body) > int(value.split()[0]):
                return self.tell(int(value.split()[1]), [("Content-Type", "text/html")], b"<html></html>")
        for value in of("answer"):
            method, path, status = value.split()
            if self.command == method and self.path.endswith(path):
                return self.tell(int(status), [("Content-Type", "text/html")], b"<html></html>")
        if huge:
            self.close_connection = True
            return self.tell(413, [("Content-Type", "text/html")], b"<html></html>")
        dropped = {"host", "content-length", "transfer-encoding"} | {name.lower() for name in of("drop")}
        headers = {n: v for n, v in self.headers.items() if n.lower() not in dropped}
        server = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        server.request(self.command, self.path, body or (None if self.command in ("GET", "OPTIONS") else b""), headers)
        answer = server.getresponse()
        self.tell(answer.status, answer.getheaders(), answer.read())
        server.close()

    do_GET = do_POST = do_OPTIONS = do_HEAD = handle_any


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()

"""Traefik is in no package index that the suites install from: this asks and forwards as its documentation says, by the lists of
`config/examples/traefik.yaml`.
"""

import http.client
import http.server
import pathlib
import re
import threading
import urllib.parse

# RFC 9110 §7.6.1 and what Traefik's reverse proxy takes for it.
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
# What Traefik removes where `trustForwardHeader` is false, and says itself.
FORWARDED = {"x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "x-forwarded-server",
             "x-forwarded-uri", "x-forwarded-method", "x-forwarded-prefix", "x-real-ip"}  # fmt: skip


class ForwardAuth:
    """The middlewares `forwardAuth` and `stripPrefix`, in front of one upstream."""

    def __init__(self, port: int, file: pathlib.Path, upstream: int):
        text = file.read_text()
        self.address = urllib.parse.urlsplit(re.search(r"address: (\S+)", text)[1])
        self.prefix = re.search(r"prefixes: \[([^\]]+)\]", text)[1]
        listed = re.search(r"authResponseHeaders:\s*\[([^\]]+)\]", text)[1]
        self.copied = [name.strip() for name in listed.split(",")]
        self.upstream = upstream
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                proxy.forward(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = forward

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def forward(self, handler):
        """One request, asked about and forwarded or answered with the refusal."""
        # `path` has lost a slash where the target began with two.
        target = handler.requestline.split(" ")[1]
        came = handler.headers.items()
        nominated = {n.strip().lower() for name, value in came if name.lower() == "connection" for n in value.split(",")}
        gone = HOP_BY_HOP | nominated | FORWARDED | {"host", "content-length"}
        headers = [(name, value) for name, value in came if name.lower() not in gone]
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        host = handler.headers.get("Host", "")
        said = [("X-Forwarded-Method", handler.command), ("X-Forwarded-Proto", "http"), ("X-Forwarded-Host", host),
                ("X-Forwarded-Uri", target), ("X-Forwarded-For", handler.client_address[0])]  # fmt: skip
        answer, text = self._send(self.address.port, "GET", self.address.path, self.address.netloc, headers + said, b"")
        if not 200 <= answer.status < 300:
            return self._reply(handler, answer, text)
        taken = {name.lower() for name in self.copied}
        headers = [(name, value) for name, value in headers if name.lower() not in taken]
        headers += [(name, value) for name in self.copied for value in answer.headers.get_all(name, [])]
        below = target.removeprefix(self.prefix) or "/"
        answer, text = self._send(self.upstream, handler.command, below, host, headers, body)
        return self._reply(handler, answer, text)

    @staticmethod
    def _send(port: int, method: str, target: str, host: str, headers: list[tuple[str, str]], body: bytes):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host)
            for name, value in headers:
                connection.putheader(name, value)
            if body:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    @staticmethod
    def _reply(handler, answer, text: bytes):
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in HOP_BY_HOP | {"content-length", "date", "server"}:
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def stop(self):
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()

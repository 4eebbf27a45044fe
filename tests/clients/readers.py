"""Servers that say how they read a request: nginx, Node and h11, none of which shares a parser with the gateway."""

import contextlib
import json
import pathlib
import socketserver
import threading
import urllib.parse

import h11

from processes import Process, free_port

# What identifies a caller, and what would be taken for it by a server that folds names.
TENANT = "x-scope-orgid"
NGINX = """
worker_processes 1;
events {{ worker_connections 64; }}
http {{
    log_format reading escape=json '{{"id":"$http_x_request_id","method":"$request_method","target":"$request_uri","path":"$uri",'
        '"query":"$args","host":"$http_host","tenant":"$http_x_scope_orgid","authorization":"$http_authorization",'
        '"cookie":"$http_cookie","length":"$content_length","transfer":"$http_transfer_encoding"}}';
    client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
    underscores_in_headers on;
    ignore_invalid_headers off;
    server {{
        listen 127.0.0.1:{port};
        merge_slashes off;
        access_log {home}/readings.log reading;
        location / {{ return 200 "read"; }}
    }}
}}
"""
NODE = """
const http = require("http");
http.createServer((request, response) => {
    let length = 0;
    request.on("data", (piece) => { length += piece.length; });
    request.on("end", () => {
        const url = new URL("http://upstream.test" + request.url);
        const all = (name) => request.rawHeaders.filter((_, i, raw) => i % 2 === 1 && raw[i - 1].toLowerCase() === name);
        console.log(JSON.stringify({
            id: request.headers["x-request-id"], method: request.method, target: request.url, path: url.pathname,
            query: url.search.slice(1), host: all("host"), tenant: all("x-scope-orgid"), names: Object.keys(request.headers), length,
        }));
        response.end("read");
    });
}).listen(Number(process.argv[2]), "127.0.0.1");
"""


class Nginx:
    """What nginx says in its log."""

    name = "nginx"

    def __init__(self, home: pathlib.Path):
        self.port = free_port()
        self.home = home / self.name
        self.home.mkdir()
        config = self.home / "nginx.conf"
        config.write_text(NGINX.format(home=self.home, port=self.port))
        command = ["nginx", "-p", self.home, "-c", config, "-e", self.home / "error.log", "-g", f"daemon off; pid {self.home}/pid;"]
        self.process = Process(self.name, command, self.home)
        self.process.await_answer(f"http://127.0.0.1:{self.port}/")

    def readings(self) -> list[dict]:
        """One reading for each request with an id."""
        found = []
        for line in (self.home / "readings.log").read_text().splitlines():
            said = json.loads(line)
            names = [name for name in ("authorization", "cookie") if said[name]]
            path = said["path"].encode("utf-8", "surrogateescape")
            if said["transfer"]:
                # What nginx calls the length is then that of a buffer of its own.
                said["length"] = ""
            # Of two hosts or tenants nginx refuses the first and joins the second.
            reading = {"host": [said["host"]], "tenant": said["tenant"].split(", "), "names": names, "decoded": path}
            found.append(said | reading)
        return [reading for reading in found if reading["id"]]

    def stop(self):
        """Ends it."""
        self.process.stop()


class Node:
    """What Node's parser (llhttp) and its URL class say."""

    name = "node"

    def __init__(self, home: pathlib.Path):
        self.port = free_port()
        self.home = home / self.name
        self.home.mkdir()
        (self.home / "server.js").write_text(NODE)
        self.process = Process(self.name, ["node", "server.js", self.port], self.home)
        self.process.await_answer(f"http://127.0.0.1:{self.port}/")

    def readings(self) -> list[dict]:
        """One reading for each request with an id."""
        lines = [line for line in self.process.log.read_text().splitlines() if line.startswith("{")]
        found = [said for said in map(json.loads, lines) if said.get("id")]
        return [said | {"decoded": urllib.parse.unquote_to_bytes(said["path"])} for said in found]

    def stop(self):
        """Ends it."""
        self.process.stop()


class H11:
    """What h11 says, which is strict where the others are not."""

    name = "h11"

    def __init__(self, _home: pathlib.Path):
        self._readings: list[dict] = []
        reader = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                with contextlib.suppress(ConnectionError):
                    reader.serve(self.request)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def serve(self, sock):
        """Reads and answers the requests of one connection."""
        connection, head, length = h11.Connection(h11.SERVER), None, 0
        while True:
            try:
                event = connection.next_event()
            except h11.RemoteProtocolError as error:
                self._readings.append({"id": "broken", "error": str(error)})
                return
            if event is h11.NEED_DATA:
                piece = sock.recv(65536)
                if not piece:
                    # A request whose body broke off was none.
                    return
                connection.receive_data(piece)
            elif isinstance(event, h11.Request):
                head, length = event, 0
            elif isinstance(event, h11.Data):
                length += len(event.data)
            elif isinstance(event, h11.EndOfMessage):
                self._readings.append(self._reading(head, length))
                answer = h11.Response(status_code=200, headers=[("Content-Length", "0")])
                sock.sendall(connection.send(answer) + connection.send(h11.EndOfMessage()))
                if connection.our_state is h11.MUST_CLOSE:
                    return
                connection.start_next_cycle()
            else:
                return

    @staticmethod
    def _reading(head: h11.Request, length: int) -> dict:
        fields = [(name.decode(), value.decode("latin-1")) for name, value in head.headers]
        target = head.target.decode("latin-1")
        path, _, query = target.partition("?")
        return {
            "id": next((value for name, value in fields if name == "x-request-id"), None),
            "method": head.method.decode(),
            "target": target,
            "query": query,
            "decoded": urllib.parse.unquote_to_bytes(path),
            "host": [value for name, value in fields if name == "host"],
            "tenant": [value for name, value in fields if name == TENANT],
            "names": [name for name, _ in fields],
            "length": length,
        }

    def readings(self) -> list[dict]:
        """One reading for each request with an id."""
        return [reading for reading in self._readings if reading["id"]]

    def stop(self):
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()

"""A server behind the gate that can be behind any kind of API."""

import http.server
import json
import threading


class Anything:
    """Answers every request with what a client of any API can read, and keeps the bodies."""

    def __init__(self):
        self.bodies: list[bytes] = []
        anything = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                anything.bodies.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
                payload = json.dumps({"jsonrpc": "2.0", "id": 7, "result": {}, "status": "success", "data": []}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()

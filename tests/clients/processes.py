"""The processes that a suite starts: servers with a log, a recording pass-through, and the gateway."""

import contextlib
import http.client
import http.server
import json
import os
import pathlib
import queue
import signal
import socket
import subprocess
import sys
import threading
import time

from oauth import request

REPO = pathlib.Path(__file__).resolve().parents[2]
GATEWAY = pathlib.Path(os.environ.get("TOLLGATE_BIN") or REPO / "target/debug/tollgate")
POSTGRES = "/usr/lib/postgresql/15/bin"
START_SECONDS = 30
STOP_SECONDS = 15


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_true(what: str, probe, seconds: float = START_SECONDS):
    """Asks until the probe gives something true; connection errors count as not yet."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if found := probe():
                return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.05)


def end_cleanly():
    """Lets SIGTERM unwind, so that whatever was started is stopped too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


class Process:
    """A child process whose output goes to a log file."""

    def __init__(self, name: str, command: list, cwd: pathlib.Path, env: dict | None = None, stdout=None):
        self.name = name
        self.log = cwd / f"{name}.log"
        with open(self.log, "ab") as log:
            environment = os.environ | (env or {})
            self.child = subprocess.Popen([str(c) for c in command], cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=stdout or log, stderr=log)

    def await_answer(self, url: str):
        """Waits until the URL gives any HTTP answer below 500."""

        def probe():
            if self.child.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.child.returncode}:\n{self.tail()}")
            return request("GET", url).status < 500

        await_true(self.name, probe)

    def tail(self, lines: int = 40) -> str:
        """The end of the log."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])

    def strains(self) -> list[str]:
        """What the log of a gateway says of requests that it shed: why an answer was 503."""
        return [line for line in self.log.read_text("utf-8", "replace").splitlines() if "does not keep up" in line or "keeps up again" in line]

    def stop(self):
        """Ends it politely, then not."""
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                print(f"# {self.name} did not end within {STOP_SECONDS} s of SIGTERM", file=sys.stderr)
                self.child.kill()
                self.child.wait()
        if self.child.stdout:
            self.child.stdout.close()


class Postgres:
    """A throwaway PostgreSQL cluster, which ends when this process does."""

    def __init__(self):
        port = free_port()
        # PostgreSQL refuses to run as root.
        other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        script = (REPO / "tests/support/postgres.sh").read_text()
        command = [*other, "sh", "-c", script, "sh", POSTGRES, str(port)]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        first = self.child.stdout.readline()
        if first != "ready\n":
            raise RuntimeError(f"PostgreSQL did not start: {first}{self.child.stdout.read()}")
        self.url = f"postgres://tollgate@127.0.0.1:{port}/postgres?sslmode=disable"

    def stop(self):
        """Ends the server; its supervisor removes the folder."""
        self.child.stdin.close()
        self.child.wait(STOP_SECONDS)
        self.child.stdout.close()


class Recorder:
    """A pass-through before an upstream that keeps what it received, header by header."""

    def __init__(self, upstream_port: int = 0):
        self.requests: list[tuple[str, str, list[tuple[str, str]]]] = []
        self.upstream_port = upstream_port
        self.port = 0
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                recorder.requests.append((self.command, self.path, self.headers.items()))
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                port, path = recorder.route(self.path)
                upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                kept = {k: v for k, v in self.headers.items() if k.lower() in ("accept", "content-type")}
                upstream.request(self.command, path, body, kept)
                answer = upstream.getresponse()
                payload = answer.read()
                upstream.close()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
                self.send_header("Content-Length", str(len(payload)))
                self.send_header("Set-Cookie", "session=of the upstream; Path=/")
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_one

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def route(self, path: str) -> tuple[int, str]:
        """The port and the path that a request for this path is sent to."""
        return self.upstream_port, path

    @contextlib.contextmanager
    def unseen(self):
        """Fails if anything arrives meanwhile."""
        before = len(self.requests)
        yield
        if arrived := self.requests[before:]:
            raise AssertionError(f"the upstream received {[(m, p) for m, p, _ in arrived]}")

    def stop(self):
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()


class Gateway(Process):
    """The gateway, started by its quick start in a folder of its own."""

    def __init__(self, cwd: pathlib.Path, public_port: int, admin_port: int, gates: dict[str, str], ttl: int | None):
        command = [GATEWAY, "quickstart", "--json", "--listen", f"127.0.0.1:{public_port}", "--admin", f"127.0.0.1:{admin_port}"]
        for name, url in gates.items():
            command += ["--gate", f"{name}={url}"]
        if "everything" in gates:
            # One tool needs a scope that is not advertised: calling it must lead to a step-up.
            command += ["--tool", "everything:get-sum=mcp:everything:write"]
        if ttl is not None:
            command += ["--access-token-ttl", str(ttl)]
        super().__init__("gateway", command, cwd, stdout=subprocess.PIPE)
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.ready = self._await_ready()

    def _read(self):
        for line in self.child.stdout:
            self.lines.put(line.decode("utf-8", "replace"))
        self.lines.put("")

    def _await_ready(self) -> dict:
        deadline = time.monotonic() + START_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = self.lines.get(timeout=left)
            except queue.Empty:
                break
            if not line:
                raise RuntimeError(f"the gateway ended with {self.child.wait()}:\n{self.tail()}")
            if line.startswith("{") and "public_url" in line:
                return json.loads(line)
        raise TimeoutError(f"the gateway was not ready within {START_SECONDS} s:\n{self.tail()}")

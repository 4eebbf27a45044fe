"""Starts the gateway by its quick start with real upstreams behind it, for the client and browser suites.

As a program: `harness.py [--ttl SECONDS] -- COMMAND…` runs the command with `TOLLGATE_STACK` naming a JSON file
that tells it where everything is, and where the person answers who signs in and consents (`control`).
"""

import argparse
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from oauth import OAuthClient, request, resource_metadata_url
from person import Person

REPO = pathlib.Path(__file__).resolve().parents[2]
GATEWAY = pathlib.Path(os.environ.get("TOLLGATE_BIN") or REPO / "target/debug/tollgate")
TOOLS = REPO / "target/tools"
EVERYTHING = TOOLS / "npm/node_modules/@modelcontextprotocol/server-everything/dist/index.js"
START_SECONDS = 30
STOP_SECONDS = 15

# What the quick start gates, and how: the names that the checks rely on.
OWN_PATH = "/mcp"
OWN_TOOLS = ["whoami", "list_applications", "search_audit", "explain_denial"]
EVERYTHING_PATH = "/mcp/everything"
EVERYTHING_SCOPE = "mcp:everything:invoke"
STEP_UP_TOOL = "get-sum"
STEP_UP_SCOPE = "mcp:everything:write"
PROMETHEUS_PATH = "/prometheus"
PROMETHEUS_SCOPE = "metrics:read"
PROMETHEUS_OTHER_SCOPE = "rules:read"
PROMETHEUS_PRIVATE_SCOPE = "metrics:delete"
TENANT_HEADER = "X-Scope-OrgID"
# The administration that gives the quick start's user a second organization, beside the running gateway.
SECOND_ORGANIZATION = {"name": "Second Team", "slug": "second-team"}
SECOND_ORGANIZATION_COMMANDS = [
    ["org", "create", "{slug}", "--name", "{name}"],
    ["member", "add", "--org", "{slug}", "--user", "{email}", "--role", "admin"],
]


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


class Recorder:
    """A pass-through before an upstream that keeps what it received, header by header."""

    def __init__(self, upstream_port: int):
        self.requests: list[tuple[str, str, list[tuple[str, str]]]] = []
        self.port = 0
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                recorder.requests.append((self.command, self.path, self.headers.items()))
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                upstream = http.client.HTTPConnection("127.0.0.1", upstream_port, timeout=30)
                kept = {k: v for k, v in self.headers.items() if k.lower() in ("accept", "content-type")}
                upstream.request(self.command, self.path, body, kept)
                answer = upstream.getresponse()
                payload = answer.read()
                upstream.close()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_one

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


class Gateway(Process):
    """The gateway, started by its quick start in a folder of its own."""

    def __init__(self, cwd: pathlib.Path, public_port: int, admin_port: int, gates: dict[str, str], ttl: int | None):
        command = [GATEWAY, "quickstart", "--json", "--listen", f"127.0.0.1:{public_port}", "--admin", f"127.0.0.1:{admin_port}"]
        for name, url in gates.items():
            command += ["--gate", f"{name}={url}"]
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


class Stack(contextlib.AbstractContextManager):
    """The gateway, the MCP server and Prometheus behind it, and the person who uses them."""

    def __init__(self, ttl: int | None = None, everything: bool = True, prometheus: bool = True):
        end_cleanly()
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="tollgate-"))
        self.ttl = ttl
        self.gates: dict[str, str] = {}
        self._owned = []
        self.recorder: Recorder | None = None
        self.clients: dict[str, OAuthClient] = {}
        self._ports = (free_port(), free_port())
        try:
            if everything:
                self._start_everything()
            if prometheus:
                self._start_prometheus()
            self.start_gateway()
        except BaseException:
            self.stop()
            raise
        self.person = Person(self.public_url, self.gateway.ready["email"], self.gateway.ready["password"])

    def _start_everything(self):
        port = free_port()
        server = Process("everything", ["node", EVERYTHING, "streamableHttp"], self.home, {"PORT": str(port)})
        self._owned.append(server)
        server.await_answer(f"http://127.0.0.1:{port}/mcp")
        self.gates["everything"] = f"http://127.0.0.1:{port}/mcp"

    def _start_prometheus(self):
        port = free_port()
        config = self.home / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s}\nscrape_configs:\n"
            f"- {{job_name: prometheus, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n"
        )
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.home / 'tsdb'}"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--web.enable-admin-api"]
        server = Process("prometheus", command, self.home)
        self._owned.append(server)
        base = f"http://127.0.0.1:{port}"
        await_true("prometheus", lambda: request("GET", base + "/-/ready").status == 200)
        await_true("a first scrape", lambda: request("GET", base + "/api/v1/query?query=up").json()["data"]["result"])
        self.recorder = Recorder(port)
        self._owned.append(self.recorder)
        self.gates["prometheus"] = f"http://127.0.0.1:{self.recorder.port}"

    def start_gateway(self):
        """Starts the gateway, again on the same data and ports if it ran before."""
        self.gateway = Gateway(self.home, *self._ports, self.gates, self.ttl)
        self.public_url = self.gateway.ready["public_url"].rstrip("/")

    def url(self, path: str) -> str:
        """The public URL of a path."""
        return self.public_url + path

    def client(self, name: str, **options) -> OAuthClient:
        """A newly registered bare client."""
        return OAuthClient(self.public_url, name, **options)

    def default_scope(self, path: str) -> str:
        """The scopes that the metadata of an API offers, as a client would ask for them."""
        answer = request("GET", resource_metadata_url(self.url(path)))
        return " ".join(answer.json().get("scopes_supported", []))

    def add_organization(self) -> dict:
        """Makes the user a member of a second organization."""
        words = SECOND_ORGANIZATION | {"email": self.person.email}
        for command in SECOND_ORGANIZATION_COMMANDS:
            arguments = [word.format(**words) for word in command]
            done = subprocess.run([GATEWAY, *arguments], cwd=self.home, capture_output=True, text=True, timeout=30, check=False)
            if done.returncode != 0:
                raise AssertionError(f"tollgate {' '.join(arguments)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return SECOND_ORGANIZATION

    def stop(self):
        """Stops everything and removes the folder."""
        if gateway := getattr(self, "gateway", None):
            gateway.stop()
        for owned in reversed(self._owned):
            owned.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def __exit__(self, kind, *_):
        if kind is not None:
            print(f"# the end of the gateway's log:\n{self.gateway.tail()}", file=sys.stderr)
        self.stop()


class Control:
    """Lets suites in other languages use the person: one JSON request, one JSON answer."""

    def __init__(self, stack: Stack):
        person_lock = threading.Lock()
        acts = {
            "/drive": lambda a: {"location": stack.person.drive(a["authorize_url"], a.get("decision", "approve"))},
            "/revoke": lambda a: stack.person.revoke(a["words"]) or {},
            "/person": lambda _: stack.person.sign_in() and {"email": stack.person.email, "password": stack.person.password},
            "/password": lambda a: setattr(stack.person, "password", a["password"]) or {},
            "/organization": lambda _: stack.add_organization(),
            "/client": lambda a: _client(stack, a),
            "/redeem": lambda a: stack.clients[a["client_id"]].redeem(a["callback"]),
            "/token": lambda a: _token(stack, a),
        }

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
                try:
                    with person_lock:
                        status, answer = 200, acts[self.path](body)
                except Exception as error:  # noqa: BLE001: the suite that asked reports it
                    status, answer = 500, {"error": f"{type(error).__name__}: {error}"}
                payload = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


def _client(stack: Stack, ask: dict) -> dict:
    client = stack.client(ask["name"], redirect_uri=ask["redirect_uri"])
    stack.clients[client.client_id] = client
    path = ask.get("path", PROMETHEUS_PATH)
    url = client.authorize_url(stack.url(path), ask.get("scope") or stack.default_scope(path))
    return {"client_id": client.client_id, "authorize_url": url, "state": client.state}


def _token(stack: Stack, ask: dict) -> dict:
    client = stack.client(ask["name"])
    resource = stack.url(ask["path"])
    client.authorize(stack.person, resource, ask.get("scope") or stack.default_scope(ask["path"]))
    return client.tokens | {"client_id": client.client_id, "resource": resource}


def describe(stack: Stack, control: Control) -> dict:
    """What a suite in another language must know."""
    names = ("OWN_PATH", "OWN_TOOLS", "EVERYTHING_PATH", "EVERYTHING_SCOPE", "STEP_UP_TOOL", "STEP_UP_SCOPE", "PROMETHEUS_PATH", "PROMETHEUS_SCOPE")
    return {name.lower(): globals()[name] for name in names} | {
        "public_url": stack.public_url,
        "organization": stack.gateway.ready.get("organization"),
        "email": stack.person.email,
        "one_time_password": stack.gateway.ready.get("password"),
        "control": control.url,
        "ttl": stack.ttl,
    }


def main() -> int:
    """Runs a command beside a running stack and gives its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ttl", type=int, help="lifetime of access tokens in seconds")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    with Stack(options.ttl) as stack:
        file = stack.home / "stack.json"
        file.write_text(json.dumps(describe(stack, Control(stack))))
        code = subprocess.run(options.command, env=os.environ | {"TOLLGATE_STACK": str(file)}, check=False).returncode
        if code != 0:
            print(f"# the end of the gateway's log:\n{stack.gateway.tail()}", file=sys.stderr)
        return code


if __name__ == "__main__":
    sys.exit(main())

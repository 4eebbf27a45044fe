"""Starts the gateway by its quick start with real upstreams behind it, for the client and browser suites.

As a program: `harness.py [--ttl SECONDS] -- COMMAND…` runs the command with `TOLLGATE_STACK` naming a JSON file
that tells it where everything is, and where the person answers who signs in and consents (`control`).
"""

import argparse
import contextlib
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading

from oauth import OAuthClient, request, resource_metadata_url
from person import Person
from processes import GATEWAY, REPO, Gateway, Postgres, Process, Recorder, await_true, end_cleanly, free_port

TOOLS = REPO / "target/tools"
EVERYTHING = TOOLS / "npm/node_modules/@modelcontextprotocol/server-everything/dist/index.js"

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
    ["member", "set", "{slug}", "{email}", "--role", "admin"],
]


class Stack(contextlib.AbstractContextManager):
    """The gateway, the MCP server and Prometheus behind it, and the person who uses them."""

    def __init__(self, ttl: int | None = None, everything: bool = True, prometheus: bool = True, scraped: str = "", rules: str = ""):
        end_cleanly()
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="tollgate-"))
        self.ttl = ttl
        # What commands must be told to find this gateway.
        self.place: tuple[str, ...] = ()
        self._scraped, self._rules = scraped, rules
        self.gates: dict[str, str] = {}
        self._owned = []
        self._site: Gateway | None = None
        self.recorder: Recorder | None = None
        self.clients: dict[str, OAuthClient] = {}
        self._ports = (free_port(), free_port())
        self.admin_port = self._ports[1]
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
        (self.home / "rules.yml").write_text(self._rules or "groups: []\n")
        config.write_text(
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules.yml]\nscrape_configs:\n"
            f"- {{job_name: prometheus, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n{self._scraped}"
        )
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.home / 'tsdb'}"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--web.enable-admin-api", "--web.enable-remote-write-receiver"]
        server = Process("prometheus", command, self.home)
        self._owned.append(server)
        base = f"http://127.0.0.1:{port}"
        await_true("prometheus", lambda: request("GET", base + "/-/ready").status == 200)
        await_true("a first scrape", lambda: request("GET", base + "/api/v1/query?query=up").json()["data"]["result"])
        self.prometheus_url = base
        self.recorder = Recorder(port)
        self._owned.append(self.recorder)
        self.gates["prometheus"] = f"http://127.0.0.1:{self.recorder.port}"

    def start_gateway(self):
        """Starts the gateway, again on the same data and ports if it ran before."""
        self.gateway = Gateway(self.home, *self._ports, self.gates, self.ttl)
        self.public_url = self.gateway.ready["public_url"].rstrip("/")

    def restart_with(self, configuration: str, listen: str = ""):
        """Starts the gateway from a file, on the data and ports of the quick start. On a machine that others keep busy, nothing is shed."""
        self.gateway.stop()
        public, admin = self._ports
        file = self.home / "gateway.toml"
        head = f'public_url = "{self.public_url}"\nlisten = {{ public = "127.0.0.1:{public}", admin = "127.0.0.1:{admin}"{listen} }}\n'
        patience = 'limits.max_delay = "1m"\nlimits.max_store_latency = "1m"\n'
        file.write_text(head + ("" if "[limits]" in configuration else patience) + configuration)
        ready = self.gateway.ready
        self.gateway = Process("gateway", [GATEWAY, "serve", "--config", file], self.home)
        self.gateway.ready = ready
        await_true("the gateway", lambda: request("GET", f"http://127.0.0.1:{admin}/readyz").status == 200)

    def move_to_postgres(self):
        """Starts the gateway anew on PostgreSQL, before the same Prometheus, with an organization and a person like those before."""
        cluster = Postgres()
        self._owned.append(cluster)
        gate = f'[[upstreams]]\nname = "prometheus"\nendpoints = ["{self.gates["prometheus"]}"]\n'
        gate += '[[apis]]\nname = "prometheus"\nmount = "/prometheus"\npack = "prometheus"\nupstream = "prometheus"\n'
        self.restart_with(f'store = {{ url = "{cluster.url}" }}\n{gate}')
        place = self.place = ("--config", str(self.home / "gateway.toml"))
        slug, email = self.gateway.ready.get("organization") or "default", self.person.email
        self.administer("org", "create", slug, *place)
        made = json.loads(self.administer("user", "create", email, "--json", *place))
        self.administer("member", "set", slug, email, "--role", "admin", *place)
        self.person = Person(self.public_url, email, made["one_time_password"])

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
            self.administer(*(word.format(**words) for word in command))
        return SECOND_ORGANIZATION

    def administer(self, *arguments: str) -> str:
        """Runs a command of the administration beside the gateway; gives what it prints."""
        done = subprocess.run([GATEWAY, *arguments], cwd=self.home, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode != 0:
            raise AssertionError(f"tollgate {' '.join(arguments)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def second_site(self) -> dict:
        """Another deployment of the gateway, with a store, users and keys of its own, before the same Prometheus."""
        if self._site is None:
            folder = self.home / "second-site"
            folder.mkdir()
            gates = {name: url for name, url in self.gates.items() if name == "prometheus"}
            self._site = Gateway(folder, free_port(), free_port(), gates, self.ttl)
            self._owned.append(self._site)
        return {name: self._site.ready[name] for name in ("public_url", "email", "password")}

    def stop(self):
        """Stops everything and removes the folder."""
        if gateway := getattr(self, "gateway", None):
            gateway.stop()
            for line in gateway.strains():
                print(f"# {line}", file=sys.stderr)
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
            "/administer": lambda a: {"output": stack.administer(*a["arguments"])},
            "/site": lambda _: stack.second_site(),
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

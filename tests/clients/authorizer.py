"""The decision for proxies: nginx, Envoy (gRPC and HTTP), Caddy and Traefik before the same Prometheus allow and refuse what the gate itself does.

Their configuration files are those of `config/examples`, with other ports.
"""

import http.client
import json
import pathlib
import re
import sys
import urllib.parse
from dataclasses import dataclass, field

import harness
from checks import Checks, contains, equal
from processes import REPO, Process, free_port

EXAMPLES = REPO / "config/examples"
TOOLS = REPO / "target/tools"
QUERY = "/prometheus/api/v1/query?query=up"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CONFIGURATION = """
[authorizer]
dialects = ["{dialects}"]
trusted_proxies = ["127.0.0.1/32"]
strips_headers = {strips}
uses_target = true
[oauth]
access_token_ttl = "10m"
[[upstreams]]
name = "prometheus"
endpoints = ["{upstream}"]
[[apis]]
name = "prometheus"
mount = "/prometheus"
pack = "prometheus"
upstream = "prometheus"
tenant = {{ mode = "header", name = "X-Scope-OrgID", value = "{{org.tenant}}" }}
"""
# What identifies a caller or moves a request: no client may say it, however it is spelt.
SPOOFED = [
    "X-Original-URL", "X-Rewrite-URL", "X-Original-URI", "X-Original-Method", "X-Forwarded-Uri", "X-Forwarded-Method",
    "X-Forwarded-Host", "X-Forwarded-Prefix", "X-Forwarded-Port", "X-Forwarded-Proto", "Forwarded", "X-Real-IP",
    "X-Envoy-Original-Path", "X-Tollgate-User", "X-Tollgate-Target", "X-WEBAUTH-USER", "Remote-User", "X-HTTP-Method-Override",
]  # fmt: skip
ALLOWED_PATH = "/prometheus/api/v1/labels"
# Caddy and Traefik can't be told what to remove, so that these are refused there and stripped by the others.
NOT_REMOVABLE = {
    "X-Original-URL", "X-Rewrite-URL", "X-Original-URI", "X-Original-Method", "X-Envoy-Original-Path", "X-Tollgate-User",
    "X-Tollgate-Target", "X-WEBAUTH-USER", "Remote-User", "X-HTTP-Method-Override", "X_Scope_OrgID", "X-Scope-OrgID",
}  # fmt: skip
# What a gateway in front sets; `Connection` must not take it away again, nor may another spelling stand beside it.
INJECTED = ["X-Scope-OrgID", "X-Tollgate-User", "X-Forwarded-Uri", "X-Forwarded-Method", "X-Forwarded-Host", "X-Forwarded-For", "X-Real-IP", "Authorization"]


@dataclass
class Row:
    """One request of the decision table."""

    name: str
    path: str = QUERY
    token: str | None = "good"
    method: str = "GET"
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str | None = None


@dataclass
class Door:
    """A way to Prometheus: the gate itself or a proxy that asks."""

    name: str
    port: int
    # What this proxy can't carry out and refuses, although the gate would do it.
    refuses: frozenset = frozenset()


def table() -> list[Row]:
    """Every kind of decision."""
    rows = [
        Row("a query"),
        Row("a query in a form", "/prometheus/api/v1/query", method="POST", headers=list(FORM.items()), body="query=1%2B1"),
        Row("labels", ALLOWED_PATH),
        Row("no token", token=None),
        Row("noise for a token", token="noise"),
        Row("a token for another API", token="other"),
        Row("a token with a changed signature", token="resigned"),
        Row("a scope that is missing", "/prometheus/api/v1/rules"),
        Row("a scope that nobody is asked for", "/prometheus/api/v1/admin/tsdb/delete_series?match[]=up", method="POST"),
        Row("a path that is no route", "/prometheus/-/quit", method="POST"),
        Row("the metrics of Prometheus itself", "/prometheus/metrics"),
        Row("a method that the route has not", method="DELETE"),
        Row("the own organization in a header", headers=[("X-Scope-OrgID", "{tenant}")]),
        Row("another organization in a header", headers=[("X-Scope-OrgID", "someone-else")]),
        Row("another organization twice", headers=[("X-Scope-OrgID", "{tenant}"), ("X-Scope-OrgID", "someone-else")]),
        Row("the token twice", headers=[("Authorization", "Bearer x")]),
        Row("a cookie", headers=[("Cookie", "session=secret")]),
        Row("a lookalike of the tenant", headers=[("X_Scope_OrgID", "someone-else")]),
        Row("Connection names the tenant", headers=[("Connection", "X-Scope-OrgID")]),
        Row("a user agent of a health check", token=None, headers=[("User-Agent", "GoogleHC/1.0")]),
        Row("another host", headers=[("Host", "evil.test")]),
    ]
    for path in (
        "//prometheus/api/v1/labels", "/prometheus//api/v1/labels", "/prometheus/./api/v1/labels", "/prometheus/x/../api/v1/labels",
        "/prometheus/%2e%2e/prometheus/api/v1/labels", "/prometheus/api%2Fv1/labels", "/prometheus/api/v1/labels%252e",
        "/prometheus/api/v1/labels;x=1", "/prometheus/api\\v1/labels", "/prometheus/api/v1/labels%00", "/prometheus/api/v1/%zz",
        "/prometheus/..;/prometheus/api/v1/labels",
    ):  # fmt: skip
        rows.append(Row(f"the path {path}", path))
    for name in SPOOFED:
        rows.append(Row(f"{name} on what is allowed", headers=[(name, "/prometheus/-/quit")]))
        rows.append(Row(f"{name} that names what is allowed", "/prometheus/api/v1/rules", headers=[(name, ALLOWED_PATH)]))
    return rows


class Table:
    """Runs rows through a door and says what became of them."""

    def __init__(self, stack):
        self.stack = stack
        base = stack.url(harness.PROMETHEUS_PATH)
        client, other = stack.client("authorizer checks"), stack.client("other api")
        good = client.authorize(stack.person, base, harness.PROMETHEUS_SCOPE)
        own = other.authorize(stack.person, stack.url(harness.OWN_PATH), stack.default_scope(harness.OWN_PATH))
        head, payload, signature = good.split(".")
        changed = signature[:20] + ("A" if signature[20] != "A" else "B") + signature[21:]
        self.tokens = {"good": good, "other": own, "noise": "AAAA.BBBB.CCCC", "resigned": f"{head}.{payload}.{changed}"}
        self.tenant = ""

    def send(self, door: Door, row: Row):
        """The answer, and what Prometheus saw."""
        seen = self.stack.recorder.requests
        before = len(seen)
        connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=30)
        try:
            host = next((v for n, v in row.headers if n == "Host"), f"127.0.0.1:{door.port}")
            connection.putrequest(row.method, row.path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host)
            if row.token:
                connection.putheader("Authorization", f"Bearer {self.tokens[row.token]}")
            for name, value in row.headers:
                if name != "Host":
                    connection.putheader(name, value.replace("{tenant}", self.tenant))
            if row.body is not None:
                connection.putheader("Content-Length", str(len(row.body)))
            connection.endheaders(row.body.encode() if row.body else None)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        finally:
            connection.close()
        return answer, text, seen[before:]


def same_as_the_gate(checks: Checks, table_: Table, rows: list[Row], gate: Door, doors: list[Door]):
    """The decision table through every door."""
    for row in rows:
        expected, _, arrived = table_.send(gate, row)
        for door in doors:
            with checks.check(f"{door.name}: {row.name}"):
                answer, text, seen = table_.send(door, row)
                names = {name for name, _ in row.headers}
                if arrived and not (names & door.refuses):
                    equal(len(seen), len(arrived), f"requests that arrived ({answer.status} {text[:200]})")
                    equal(seen[0][:2], arrived[0][:2], "method and path that arrived")
                    equal(answer.status, expected.status, "status")
                    _nothing_of_the_clients(table_, row, seen[0][2])
                else:
                    equal(seen, [], "what arrived")
                    equal(400 <= answer.status < 500, True, f"{answer.status} is a refusal")
                if expected.status == 401:
                    equal(answer.status, 401, "status")
                    equal(answer.headers.get_all("WWW-Authenticate"), expected.headers.get_all("WWW-Authenticate"), "challenge")
                elif expected.status in (403, 404, 405) and "X-Request-Id" in expected.headers and not arrived:
                    contains([expected.status, 400], answer.status, "status")


def tricks() -> list[Row]:
    """What the gate refuses, and a proxy may as well undo before it asks."""
    rows = []
    for name in INJECTED:
        for spelt in (name, name.lower(), name.upper()):
            rows.append([("Connection", spelt)])
            rows.append([("Connection", f"close, {spelt}"), (name, "/prometheus/-/quit")])
        for spelt in (name.replace("-", "_"), name.replace("-", ".")):
            rows.append([(spelt, ALLOWED_PATH)])
    rows = [Row(f"{' and '.join(f'{n}: {v}' for n, v in headers)}", headers=headers) for headers in rows]
    return rows + [Row("an escaped letter", "/prometheus/api/v1/quer%79?query=up"), Row("a fragment", f"{QUERY}#/-/quit")]


def never_more_than_the_gate(checks: Checks, table_: Table, gate: Door, doors: list[Door]):
    """A trick is refused, or what arrives is the plain request; a path that is not allowed stays so."""
    _, _, plain = table_.send(gate, Row("plain"))
    for door in doors:
        with checks.check(f"{door.name}: tricks with headers"):
            for row in tricks():
                answer, _, seen = table_.send(door, row)
                if seen:
                    equal([r[:2] for r in seen], [r[:2] for r in plain], f"{row.name}: what arrived")
                    _nothing_of_the_clients(table_, row, seen[0][2])
                else:
                    equal(400 <= answer.status < 500, True, f"{row.name}: {answer.status} is a refusal")
                _, _, seen = table_.send(door, Row(row.name, "/prometheus/api/v1/rules", headers=row.headers))
                equal(seen, [], f"{row.name} at a path that is not allowed")


def _nothing_of_the_clients(table_: Table, row: Row, headers: list[tuple[str, str]]):
    """One tenant, ours; no credential; nothing of what the client made up."""
    lower = [(name.lower(), value) for name, value in headers]
    equal([v for n, v in lower if n == "x-scope-orgid"], [table_.tenant], "tenant")
    for name, _ in lower:
        equal(name in ("authorization", "cookie", "proxy-authorization", "dpop", "x_scope_orgid"), False, f"{name} arrived")
    made_up = [(n, v) for n, v in lower if v in ("/prometheus/-/quit", ALLOWED_PATH, "someone-else")]
    equal(made_up, [], "what the client made up and arrived")


def revocation(checks: Checks, table_: Table, doors: list[Door]):
    """A revoked grant is refused at every door at once."""
    table_.stack.person.revoke("authorizer checks")
    for door in doors:
        with checks.check(f"{door.name}: a revoked grant"):
            answer, _, seen = table_.send(door, Row("revoked"))
            equal((answer.status, seen), (401, []), "answer")


def recorded(checks: Checks, stack, doors: list[Door]):
    """The log says who forwarded, and that the gateway does not know how it ended."""
    for door in doors:
        with checks.check(f"{door.name}: the log names who forwarded"):
            page = json.loads(stack.administer("audit", "search", "--json", "--limit", "1000", "--api", "prometheus", "--decision", "allowed"))
            mine = [r["ocsf"] for r in page["records"] if r["ocsf"]["unmapped"].get("forwarder.dialect") == door.name]
            equal(bool(mine), True, "records there")
            equal({r["status"] for r in mine}, {"Unknown"}, "outcome")
            equal({r["unmapped"]["forwarder.address"].split(":")[0] for r in mine}, {"127.0.0.1"}, "who asked")


def example(name: str, ports: dict[str, int], home: pathlib.Path) -> pathlib.Path:
    """A file of `config/examples` with the ports of this run."""
    written = re.compile(r"(127\.0\.0\.1:|port_value: |http://:)(\d+)")
    file = home / name
    file.write_text(written.sub(lambda found: f"{found[1]}{ports[found[2]]}", (EXAMPLES / name).read_text()))
    return file


class Proxies:
    """The proxies, each on a port of its own."""

    def __init__(self, stack, authorizer: int):
        self.stack = stack
        self.owned: list[Process] = []
        public = urllib.parse.urlsplit(stack.public_url).port
        self.ports = {"8080": public, "9902": authorizer, "9090": stack.recorder.port}

    def start(self, door: Door, file: str):
        """Starts a proxy with its example file."""
        home = self.stack.home / door.name
        home.mkdir()
        config = example(file, self.ports | {"8000": door.port}, home)
        if door.name == "nginx":
            command = ["nginx", "-p", home, "-c", config, "-e", home / "error.log", "-g", f"daemon off; pid {home}/pid;"]
        elif door.name == "caddy":
            command = ["caddy", "run", "--adapter", "caddyfile", "--config", config]
        elif door.name == "traefik":
            # The file names the routes beside it by their name alone.
            static = example("traefik-static.yaml", self.ports | {"8000": door.port}, home)
            command = [TOOLS / "traefik/bin/traefik", "--configFile", static]
        else:
            command = [next(TOOLS.glob("envoy/lib/python3*/site-packages/envoy/_bin/envoy")), "-c", config, "--use-dynamic-base-id", "--concurrency", "1", "-l", "warn"]
        process = Process(door.name, command, home, {"XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home), "HOME": str(home)})
        self.owned.append(process)
        process.await_answer(f"http://127.0.0.1:{door.port}/prometheus/api/v1/labels")

    def stop(self):
        """Ends them."""
        for process in self.owned:
            process.stop()


def main() -> int:
    """One stack, every door."""
    checks = Checks("authorizer")
    authorizer = free_port()
    doors = [Door("nginx", free_port()), Door("envoy_grpc", free_port()), Door("envoy_http", free_port())]
    files = {"nginx": "nginx.conf", "envoy_grpc": "envoy-grpc.yaml", "envoy_http": "envoy-http.yaml", "caddy": "Caddyfile", "traefik": "traefik.yaml"}
    unable = [Door(name, free_port(), frozenset(NOT_REMOVABLE)) for name in ("caddy", "traefik")]
    doors += unable
    with harness.Stack(everything=False) as stack:
        gate = Door("gate", urllib.parse.urlsplit(stack.public_url).port)
        hosts = ", ".join(f'"127.0.0.1:{door.port}"' for door in doors)
        listen = f', authorizer = "127.0.0.1:{authorizer}", extra_hosts = [{hosts}]'
        upstream = f"http://127.0.0.1:{stack.recorder.port}"

        def configure(dialects: list[Door], strips: str):
            names = '", "'.join(d.name for d in dialects)
            stack.restart_with(CONFIGURATION.format(dialects=names, strips=strips, upstream=upstream), listen)

        configure(doors, "true")
        proxies = Proxies(stack, authorizer)
        try:
            for door in doors:
                proxies.start(door, files[door.name])
            table_ = Table(stack)
            _, _, arrived = table_.send(gate, Row("who am I"))
            table_.tenant = next(v for n, v in arrived[0][2] if n.lower() == "x-scope-orgid")
            same_as_the_gate(checks, table_, table(), gate, [d for d in doors if d not in unable])
            configure(doors, "false")
            same_as_the_gate(checks, table_, table(), gate, unable)
            never_more_than_the_gate(checks, table_, gate, doors)
            revocation(checks, table_, doors)
            recorded(checks, stack, doors)
        finally:
            proxies.stop()
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())

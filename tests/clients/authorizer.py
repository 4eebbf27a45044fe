"""The decision for proxies: nginx, Envoy (gRPC and HTTP), Caddy and Traefik before the same upstreams allow and refuse what the gate itself does.

Their configuration files are those of `config/examples`, with other ports. What a proxy of a kind can't carry is a refusal by name: a row of
`authorizer_bodies` says which.
"""

import json
import sys
import urllib.parse

import authorizer_bodies as bodies
import authorizer_calls as calls
import harness
from anything import Anything
from authorizer_doors import QUERY, Door, Proxies, Row, Table, reason
from checks import Checks, contains, equal
from processes import free_port

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
# What people write on command lines as it is.
SIGNS = ['up{job="x"}', "up>0", "up<0"]
# What a proxy answers before it asks, by the name of the row.
BY_ITSELF = {
    "envoy_grpc": {"an offer of a WebSocket": 403},
    # Its question has the target in its own: the library that reads it refuses what is no part of a URL.
    "envoy_http": {"an offer of a WebSocket": 403} | {f"the query ?query={query}": 400 for query in SIGNS},
    "nginx": dict.fromkeys(("the token twice", "the path /prometheus/api/v1/labels%00", "the path /prometheus/api/v1/%zz"), 400),
    # It takes up an offer of HTTP/2, which it speaks itself there, and then asks about what comes in it.
    # The query is in its question's target, as with Envoy.
    "caddy": {"the path /prometheus/api/v1/%zz": 400, "an offer of HTTP/2": 101} | {f"the query ?query={query}": 400 for query in SIGNS},
    "traefik": {"the path /prometheus/api/v1/%zz": 400},
}
# What is escaped on its way, unless a proxy can't replace the query.
UNREPLACED = {"traefik": (403, "target_not_replaceable")}
# What Caddy makes of a header that it shall copy and that no answer has.
UNSET = "{http.reverse_proxy.header.X-Scope-Orgid}"
# What a gateway in front sets; `Connection` must not take it away again, nor may another spelling stand beside it.
INJECTED = ["X-Scope-OrgID", "X-Tollgate-User", "X-Forwarded-Uri", "X-Forwarded-Method", "X-Forwarded-Host", "X-Forwarded-For", "X-Real-IP", "Authorization"]


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
        *(Row(f"the query ?query={query}", QUERY.replace("up", query), named=UNREPLACED) for query in SIGNS),
        Row("an offer of HTTP/2", headers=[("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABk")]),
        Row("an offer of a WebSocket", headers=[
            ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ]),  # fmt: skip
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


def same_as_the_gate(checks: Checks, table_: Table, rows: list[Row], gate: Door, doors: list[Door]):
    """The decision table through every door."""
    for row in rows:
        direct = table_.send(gate, row)
        # The gate looks through some bodies as they pass, so that the beginning of what it refuses may have arrived.
        arrived = reason(*direct[:2]) is None and direct[2]
        for door in doors:
            with checks.check(f"{door.name}: {row.name}"):
                came = table_.send(door, row)
                named = row.named.get(door.name)
                if arrived and {name for name, _ in row.headers} & door.refuses:
                    named = (400, "headers_not_removable")
                if named:
                    _refused_by_name(came, named)
                elif by_itself := BY_ITSELF.get(door.name, {}).get(row.name):
                    # What comes over the protocol that it switched to arrives when it does.
                    arrived_there = came[2] if by_itself != 101 else []
                    equal((came[0].status, arrived_there), (by_itself, []), f"the proxy's own answer, {came[1][:200]}")
                elif arrived:
                    _passed(table_, row, came, direct)
                else:
                    _refused(door, came, direct)


def _passed(table_: Table, row: Row, came, direct):
    """The same request arrives, and its answer comes back."""
    (answer, text, seen), (expected, _, arrived) = came, direct
    equal(len(seen), len(arrived), f"requests that arrived ({answer.status} {text[:200]})")
    equal(seen[0][:2], arrived[0][:2], "method and path that arrived")
    if row.path.startswith(bodies.MOUNTS):
        equal(table_.bodies[-1], table_.bodies[-2], "body that arrived")
    equal(answer.status, expected.status, "status")
    equal(answer.headers.get_all("Set-Cookie"), None, "cookies of the upstream")
    _nothing_of_the_clients(seen[0][2], arrived[0][2])


def _refused_by_name(came, named: tuple[int, str]):
    """A refusal that the gate itself would not have given, for this reason and no other."""
    answer, text, seen = came
    equal(seen, [], "what arrived")
    equal((answer.status, reason(answer, text)), named, f"refusal {text[:200]}")


def _refused(door: Door, came, direct):
    """Status, reason and challenge are those of the gate, and where the proxy hands on the body, that is too."""
    (answer, text, seen), (expected, said, _) = came, direct
    equal(seen, [], "what arrived")
    equal(answer.status, expected.status, f"status, {text[:200]}, and the gate says {said[:200]}")
    for name in ("WWW-Authenticate", "Retry-After"):
        equal(answer.headers.get_all(name), expected.headers.get_all(name), name)
    if door.name == "nginx":
        # Of a 401 it hands on the challenge alone, and of everything else what the file makes of the reason.
        equal(reason(answer, text), None if answer.status == 401 else reason(expected, said), "reason")
    else:
        equal(answer.headers["Content-Type"], expected.headers["Content-Type"], "content type")
        equal(_lasting(text), _lasting(said), "body")


def _lasting(text: str):
    """A body without what each request has of its own."""
    body = json.loads(text)
    body.pop("request_id", None)
    return body


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
                    _nothing_of_the_clients(seen[0][2], plain[0][2])
                else:
                    equal(400 <= answer.status < 500, True, f"{row.name}: {answer.status} is a refusal")
                _, _, seen = table_.send(door, Row(row.name, "/prometheus/api/v1/rules", headers=row.headers))
                equal(seen, [], f"{row.name} at a path that is not allowed")


def _nothing_of_the_clients(headers: list[tuple[str, str]], at_the_gate: list[tuple[str, str]]):
    """The tenant that the gate sets; no credential; nothing of what the client made up."""
    lower = [(name.lower(), value) for name, value in headers]
    tenants = [value for name, value in at_the_gate if name.lower() == "x-scope-orgid"]
    equal([v for n, v in lower if n == "x-scope-orgid" and v != UNSET], tenants, "tenant")
    for name, _ in lower:
        equal(name in ("authorization", "cookie", "proxy-authorization", "dpop", "x_scope_orgid", "upgrade"), False, f"{name} arrived")
    made_up = [(n, v) for n, v in lower if v in ("/prometheus/-/quit", ALLOWED_PATH, "someone-else")]
    equal(made_up, [], "what the client made up and arrived")


def rates(checks: Checks, table_: Table, gate: Door, doors: list[Door]):
    """One caller has one rate, by whichever door it comes: what one of them counts, all of them refuse."""
    for door in doors:
        with checks.check(f"{door.name}: a rate that is used up"):
            row = Row("rate", f"{bodies.LIMITED}/{door.name}", "limited")
            first, _, seen = table_.send(door, row)
            equal((first.status, len(seen)), (200, 1), "the first call")
            for at in (gate, *doors):
                answer, text, seen = table_.send(at, row)
                equal((answer.status, seen), (429, []), f"the next at {at.name}")
                equal(reason(answer, text), "rate_limited", f"reason at {at.name}")
                equal(3500 < int(answer.headers["Retry-After"]) <= 3600, True, f"Retry-After at {at.name}: {answer.headers['Retry-After']}")


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


def main() -> int:
    """One stack, every door."""
    checks = Checks("authorizer")
    authorizer = free_port()
    doors = [Door("nginx", free_port()), Door("envoy_grpc", free_port()), Door("envoy_http", free_port())]
    unable = [Door(name, free_port(), frozenset(NOT_REMOVABLE)) for name in ("caddy", "traefik")]
    doors += unable
    anything, collector = Anything(), calls.Collector()
    with harness.Stack(everything=False) as stack:
        gate = Door("gate", urllib.parse.urlsplit(stack.public_url).port)
        hosts = ", ".join(f'"127.0.0.1:{door.port}"' for door in doors)
        listen = f', authorizer = "127.0.0.1:{authorizer}", extra_hosts = [{hosts}]'
        prometheus, below = stack.recorder.port, tuple(path.removeprefix(harness.PROMETHEUS_PATH) for path in bodies.MOUNTS)
        stack.recorder.route = lambda path: (anything.port if path.startswith(below) else stack.recorder.upstream_port, path)

        def configure(strips: str):
            names = '", "'.join(door.name for door in doors)
            written = CONFIGURATION.format(dialects=names, strips=strips, upstream=f"http://127.0.0.1:{prometheus}")
            stack.restart_with(written + bodies.apis(prometheus) + calls.api(collector.port), listen)

        configure("true")
        proxies = Proxies(stack, authorizer, collector.port)
        try:
            for door in doors:
                proxies.start(door)
            table_ = Table(stack, anything)
            table_.tokens |= bodies.tokens(table_)
            rows = table() + bodies.rows(stack.gateway.ready["organization"])
            same_as_the_gate(checks, table_, rows, gate, [d for d in doors if d not in unable])
            configure("false")
            same_as_the_gate(checks, table_, rows, gate, unable)
            never_more_than_the_gate(checks, table_, gate, doors)
            rates(checks, table_, gate, doors)
            calls.same_as_the_gate(checks, stack, collector, gate, doors)
            revocation(checks, table_, doors)
            recorded(checks, stack, doors)
        finally:
            proxies.stop()
            anything.stop()
            collector.stop()
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())

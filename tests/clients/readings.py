"""What was decided is what an upstream reads: odd requests, and three servers that parse HTTP in ways of their own.

Each request goes to each server. What the gate put on record about it (method, path, route, organization) is compared with what the
server behind read; what was refused arrived nowhere. Requests are made from a fixed seed and from a new one, which is printed:
`readings.py SEED` makes the same again.
"""

import contextlib
import json
import random
import re
import secrets
import socket
import sys
import urllib.parse
from dataclasses import dataclass

import harness
from checks import Checks, contains, equal
from readers import H11, Nginx, Node, TENANT

FIXED_SEED = 20261123
REQUESTS = 400
# Of the requests of one seed, so many must reach each server: a table of refusals would prove nothing.
REACHING = 40
SCOPE = "items:read"
# How long an answer may take before the rest of a request is not waited for any more, seconds.
PATIENCE = 0.3
# What no client may say, however it is spelt.
OURS = ["X-Scope-OrgID", "X_Scope_OrgID", "x.scope.orgid", "X-Tollgate-User", "X-Forwarded-For", "X-Original-URL", "X-HTTP-Method-Override", "Forwarded"]
CONFIGURATION = """
[scopes."items:read"]
description = "Read items"
"""
API = """
[[upstreams]]
name = "{name}"
endpoints = ["http://127.0.0.1:{port}"]
[[apis]]
name = "{name}"
mount = "/{name}"
upstream = "{name}"
tenant = {{ mode = "header", name = "X-Scope-OrgID", value = "{{org.tenant}}" }}
[[apis.routes]]
id = "{name}.item"
match = "/v1/items/{{id}}"
methods = ["GET", "POST"]
scopes = ["items:read"]
[[apis.routes]]
id = "{name}.slash"
match = "/v1/slash/**"
methods = ["GET"]
scopes = ["items:read"]
encoded_slash = true
[[apis.routes]]
id = "{name}.any"
match = "/v1/**"
methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]
scopes = ["items:read"]
"""
PIECES = [
    "a", "b", "items", "x1", "%41", "%2e", "%2E%2e", "..", ".", "%2F", "%2f", "%25", "%252e", "%252F", "%00", "%C3%A9", "%c3", "%0a", ";", ";x=1",
    "%3B", "\\", "%5C", "@", ":", "+", "%20", "%", "%zz", "~", "!", "*", "'", "(", ",", "=", "&", "$", "|", '"', "<", "{", "^", "`", "é", "#", "?",
]  # fmt: skip
QUERIES = [
    "", "?", "?a=1", "?a=1&b=%20+", "?a=b=c&&d", "?access_token=x", "?a=1&access%5Ftoken=x&b=2", "?a=?/b", "?a=%zz", "?a=%00", "?x[]=1|2", "?a#b", "?é",
]  # fmt: skip
METHODS = ["GET"] * 6 + ["POST", "POST", "PUT", "DELETE", "PATCH", "HEAD", "get", "TRACE", "CONNECT", "GE T", "PROPFIND"]
FRAMINGS = [
    [("Content-Length", "2")],
    [("Transfer-Encoding", "chunked")],
    [("Content-Length", "2"), ("Transfer-Encoding", "chunked")],
    [("Content-Length", "2"), ("Content-Length", "2")],
    [("Content-Length", "+2")],
    [("Content-Length", "0x2")],
    [("Transfer-Encoding", "xchunked")],
    [("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "identity")],
    [("Transfer-Encoding ", "chunked")],
]
CHUNKS = [b"2\r\nab\r\n0\r\n\r\n", b"2;x=y\r\nab\r\n0\r\nX-Scope-OrgID: evil\r\n\r\n", b"0x2\r\nab\r\n0\r\n\r\n", b"2\nab\n0\n\n", b"3\r\nab\r\n0\r\n\r\n"]


@dataclass
class Sent:
    """One request, as bytes before and after the mount of a server."""

    method: str
    absolute: bool
    path: str
    query: str
    fields: list[tuple[str, str]]
    body: bytes

    def bytes(self, mount: str, host: str, token: str) -> bytes:
        """The request to one of the servers."""
        target = f"{'http://' + host if self.absolute else ''}/{mount}{self.path}{self.query}"
        known = [("Host", host), ("Authorization", f"Bearer {token}")]
        lines = [f"{self.method} {target} HTTP/1.1", *(f"{n}: {v}" for n, v in known + self.fields)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8") + self.body


def made(chance: random.Random) -> Sent:
    """A request that is often odd in one place and seldom in all."""
    odd = chance.random()
    segments = [chance.choice(["v1", "v1", "v1", "V1", ""])] if odd < 0.2 else ["v1"]
    segments.append(chance.choice(["items", "slash", "other", "items"]))
    pieces = PIECES if odd < 0.6 else PIECES[:5]
    for _ in range(chance.randrange(3)):
        segments.append("".join(chance.choices(pieces, k=chance.randrange(1, 4))))
    method = chance.choice(METHODS)
    fields = []
    if chance.random() < 0.5:
        fields.append((chance.choice(OURS), chance.choice(["evil", "/v1/other", "DELETE", ""])))
    if chance.random() < 0.2:
        fields.append(("Connection", chance.choice(["X-Scope-OrgID", "close", "keep-alive, x-request-id", "Authorization", "te, X-Custom"])))
    if chance.random() < 0.1:
        fields.append(chance.choice([("Cookie", "a=b"), ("Authorization", "Bearer x"), ("Host", "evil.test"), ("X-Request-ID", "mine"), ("Expect", "100-continue")]))
    body = b""
    if chance.random() < 0.3:
        framing = chance.choice(FRAMINGS)
        fields += framing
        chunked = any("chunked" in value for _, value in framing)
        body = chance.choice(CHUNKS) if chunked else b"ab"
        if chance.random() < 0.3:
            body += b"GET /v1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    chance.shuffle(fields)
    return Sent(method, chance.random() < 0.05, "/" + "/".join(segments), chance.choice(QUERIES), fields, body)


def send(port: int, request: bytes):
    """Sends it on a connection of its own and waits for the head of an answer; who waits for more is told that there is none."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock, contextlib.suppress(ConnectionError):
        sock.sendall(request)
        while b"\r\n\r\n" not in received:
            try:
                piece = sock.recv(65536)
            except TimeoutError:
                sock.shutdown(socket.SHUT_WR)
                sock.settimeout(10)
                continue
            if not piece:
                return
            received += piece


def records(stack) -> dict[str, dict]:
    """What was recorded of each call, by the id of its request."""
    found, after = {}, []
    while True:
        page = json.loads(stack.administer("audit", "search", "--json", "--limit", "1000", "--decision", "allowed", *after))
        for record in page["records"]:
            ocsf = record["ocsf"]
            if "http_request" in ocsf:
                found[ocsf["metadata"]["correlation_uid"]] = ocsf
        if not page.get("next"):
            return found
        after = ["--cursor", page["next"]]


def route_of(server: str, method: str, path: str) -> str:
    """The route of what a server read, by a reading of the configuration that is not the gate's."""
    if re.fullmatch(r"/v1/items/[^/]+", path) and method in ("GET", "POST"):
        return f"{server}.item"
    if (path + "/").startswith("/v1/slash/") and method == "GET":
        return f"{server}.slash"
    return f"{server}.any"


def without_token(query: str) -> str:
    """A query without the pairs whose name is `access_token` once it is decoded."""
    kept = [pair for pair in query.split("&") if urllib.parse.unquote(pair.partition("=")[0]).lower() != "access_token"]
    return "&".join(kept)


def as_url(query: str) -> str:
    """A query as the URL standard writes it: a class of URLs encodes quotes and brackets, a plain parser leaves them."""
    return urllib.parse.quote(query, safe="!$%&()*+,-./:;=?@[\\]^_`{|}~")


def agree(reading: dict, record: dict, server, tenant: str):
    """The record and the reading tell of one request."""
    path = record["http_request"]["url"]["path"]
    below = path.removeprefix(f"/{server.name}")
    equal(reading["method"], record["http_request"]["http_method"], "the method")
    target, _, query = reading["target"].partition("?")
    equal(target, below, "the path that arrived")
    equal(reading["decoded"], urllib.parse.unquote_to_bytes(below), "the path that was read")
    equal(as_url(reading["query"]), as_url(query), "the query that was read")
    equal(query, without_token(query), "the query without tokens")
    equal(record["unmapped"]["http.route"], route_of(server.name, reading["method"], target), "the route")
    equal(reading["host"], [f"127.0.0.1:{server.port}"], "the host")
    equal(reading["tenant"], [tenant], "the tenant")
    for name in reading["names"]:
        folded = re.sub(r"[-_.~ ]", "-", name.lower())
        equal(folded in ("authorization", "cookie", "x-original-url", "x-http-method-override", "forwarded") or (folded == TENANT and name != TENANT), False, f"{name} arrived")
    # A body is as long as one of those that were sent, and never the request that was hidden in it.
    length = reading.get("length") or 0
    contains(["", "-", "0", "2"], str(length), f"the length of the body of {reading}")


def main() -> int:
    """One stack, every server, two seeds."""
    checks = Checks("readings")
    seeds = [int(argument) for argument in sys.argv[1:]] or [FIXED_SEED, secrets.randbits(32)]
    with harness.Stack(everything=False, prometheus=False) as stack:
        servers = [start(stack.home) for start in (Nginx, Node, H11)]
        try:
            stack.restart_with(CONFIGURATION + "".join(API.format(name=s.name, port=s.port) for s in servers))
            port = urllib.parse.urlsplit(stack.public_url).port
            host = urllib.parse.urlsplit(stack.public_url).netloc
            client = stack.client("odd requests")
            tokens = {s.name: client.authorize(stack.person, stack.url(f"/{s.name}"), SCOPE) for s in servers}
            everything(checks, stack, servers, seeds, (port, host), tokens)
        finally:
            for server in servers:
                server.stop()
    return checks.finish()


def everything(checks: Checks, stack, servers, seeds, where, tokens):
    """Sends all and compares all."""
    port, host = where
    begun = {server.name: len(server.readings()) for server in servers}
    for seed in seeds:
        print(f"# seed {seed}", flush=True)
        chance = random.Random(seed)
        for request in [made(chance) for _ in range(REQUESTS)]:
            for server in servers:
                send(port, request.bytes(server.name, host, tokens[server.name]))
    recorded = records(stack)
    tenant = next(iter({r["tenant"][0] for s in servers for r in s.readings() if r.get("tenant")}), None)
    for server in servers:
        readings = server.readings()[begun[server.name] :]
        mine = {i: r for i, r in recorded.items() if r["unmapped"].get("http.route", "").startswith(server.name + ".")}
        with checks.check(f"{server.name}: enough arrived"):
            equal(len(readings) >= REACHING * len(seeds), True, f"{len(readings)} requests arrived, which is enough")
        with checks.check(f"{server.name}: nothing arrived that was not allowed, and nothing twice"):
            ids = [reading["id"] for reading in readings]
            equal([i for i in ids if i not in mine], [], "what arrived without a record")
            equal(len(set(ids)), len(ids), "requests that arrived once")
        with checks.check(f"{server.name}: each request is read as it was decided ({len(readings)} of them)"):
            for reading in readings:
                agree(reading, mine[reading["id"]], server, tenant)


if __name__ == "__main__":
    sys.exit(main())

"""Calls of a gRPC service: by the gate, and by the proxies that can forward one."""

import concurrent.futures

import grpc

import harness
import oauth
from authorizer_doors import Door, reason
from authorizer_files import SERVICE
from checks import Checks, equal
from machine import Machine

EXPORT = f"/{SERVICE}/Export"
SCOPE = "traces:write"
Code = grpc.StatusCode
# What a client of gRPC makes of 429: the statuses of HTTP have no word for what the gate itself says.
USED_UP = {"gate": Code.RESOURCE_EXHAUSTED}
# Whoever sees how a call came, or sends it to who does. The others say nothing of it, and their upstream's side is theirs.
OVER_HTTP1 = dict.fromkeys(("gate", "nginx"), (505, None, "http2_required")) | {"envoy_grpc": (200, "2", "http2_required")}


class Collector:
    """Takes every call, and keeps its method and headers."""

    def __init__(self):
        self.received: list[tuple[str, dict[str, str]]] = []
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        self._server.add_generic_rpc_handlers((self,))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def service(self, details):
        """The handler of a call (`grpc.GenericRpcHandler`)."""
        self.received.append((details.method, dict(details.invocation_metadata)))
        return grpc.unary_unary_rpc_method_handler(lambda message, _: message)

    def stop(self):
        """Stops listening."""
        self._server.stop(None)


def api(port: int) -> str:
    """The service, and a limit for one of its methods."""
    return f"""
[[upstreams]]
name = "collector"
endpoints = ["http://127.0.0.1:{port}"]
protocol = "http2"
[[apis]]
name = "otlp"
mount = "/otlp"
pack = "otlp-grpc"
upstream = "collector"
tenant = {{ mode = "header", name = "X-Scope-OrgID", value = "{{org.slug}}" }}
[[apis.routes]]
id = "otlp.seldom"
match = "/{SERVICE}/Seldom"
methods = ["POST"]
scopes = ["{SCOPE}"]
rates = [{{ per = "client", requests = 1, every = "1h" }}]
"""


def called(door: Door, method: str, token: str | None, *more: tuple[str, str]) -> grpc.StatusCode:
    """What becomes of a call."""
    metadata = [("authorization", f"Bearer {token}")] if token else []
    with grpc.insecure_channel(f"127.0.0.1:{door.port}") as channel:
        try:
            channel.unary_unary(method)(b"\n\x00", metadata=[*metadata, *more], timeout=20)
        except grpc.RpcError as refused:
            return refused.code()
    return Code.OK


def same_as_the_gate(checks: Checks, stack: harness.Stack, collector: Collector, gate: Door, doors: list[Door]):
    """Calls through every door."""
    able = [gate, *(door for door in doors if door.name != "nginx")]
    token = Machine(stack, "exporter", SCOPE).token(SCOPE)
    narrow = Machine(stack, "metrics-exporter", "metrics:write").token("metrics:write")
    table = {
        "a call": ((EXPORT, token), Code.OK),
        "no token": ((EXPORT, None), Code.UNAUTHENTICATED),
        "noise for a token": ((EXPORT, "AAAA.BBBB.CCCC"), Code.UNAUTHENTICATED),
        "a scope that is missing": ((EXPORT, narrow), Code.PERMISSION_DENIED),
        "a method that is not there": ((f"/{SERVICE}/Forget", token), Code.UNIMPLEMENTED),
        "the tenant of somebody else": ((EXPORT, token, ("x-scope-orgid", "someone-else")), Code.PERMISSION_DENIED),
    }
    for name, (ask, expected) in table.items():
        for door in able:
            with checks.check(f"{door.name}: grpc: {name}"):
                before = len(collector.received)
                equal(called(door, *ask), expected, "code")
                came = collector.received[before:]
                equal(len(came), int(expected == Code.OK), f"calls that arrived, {came}")
                for method, headers in came:
                    equal((method, headers.get("x-scope-orgid"), headers.get("authorization")), (EXPORT, "default", None), "what arrived")
    for door in able:
        with checks.check(f"{door.name}: grpc: a rate that is used up"):
            alone = Machine(stack, f"seldom-{door.name.replace('_', '-')}", SCOPE).token(SCOPE)
            seldom = f"/{SERVICE}/Seldom"
            codes = [called(door, seldom, alone) for _ in range(2)]
            equal(codes, [Code.OK, USED_UP.get(door.name, Code.UNAVAILABLE)], "codes")
            equal(called(gate, seldom, alone), Code.RESOURCE_EXHAUSTED, "at the gate itself")
    for door in (gate, *doors):
        with checks.check(f"{door.name}: grpc: a call over HTTP/1"):
            before = len(collector.received)
            headers = oauth.bearer(token) | {"Content-Type": "application/grpc", "TE": "trailers"}
            answer = oauth.request("POST", f"http://127.0.0.1:{door.port}{EXPORT}", headers, b"\0\0\0\0\0")
            if door.name in OVER_HTTP1:
                told = (answer.status, answer.headers["grpc-status"], reason(answer, answer.text))
                equal(told, OVER_HTTP1[door.name], "refusal")
                equal(len(collector.received), before, "calls that arrived")

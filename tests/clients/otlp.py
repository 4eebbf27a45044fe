"""The OpenTelemetry SDK, unmodified, exporting spans, metrics and logs through the gate with the token of a machine: over gRPC and over HTTP."""

import contextlib
import logging
import sys
import urllib.parse

import grpc
import requests
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2

import harness
import oauth
from checks import Checks, contains, equal
from machine import Machine
from otlp_signals import SIGNALS, Collector, Signal

TRACES = SIGNALS[0]
SCOPES = " ".join(signal.scope for signal in SIGNALS)


def configuration(collector: Collector) -> str:
    """One collector behind two APIs: by gRPC and by HTTP."""
    tenant = 'tenant = { mode = "header", name = "X-Scope-OrgID", value = "{org.slug}" }'
    return f"""
[[upstreams]]
name = "collector"
endpoints = ["http://127.0.0.1:{collector.grpc_port}"]
protocol = "http2"
[[upstreams]]
name = "collector-http"
endpoints = ["http://127.0.0.1:{collector.http_port}"]
[[apis]]
name = "otlp"
mount = "/otlp"
pack = "otlp-grpc"
upstream = "collector"
{tenant}
[[apis]]
name = "otlp-http"
mount = "/otlp-http"
pack = "otlp-http"
upstream = "collector-http"
{tenant}
[[apis.routes]]
id = "otlp-http.seldom"
match = "/seldom/v1/traces"
methods = ["POST"]
scopes = ["{TRACES.scope}"]
errors = "otlp"
rates = [{{ per = "client", requests = 1, every = "1h" }}]
"""


class Heard(logging.Handler):
    """What the SDK says about its exports."""

    def __init__(self):
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record):
        self.lines.append(record.getMessage())


@contextlib.contextmanager
def heard():
    """Listens to the SDK."""
    handler, logger = Heard(), logging.getLogger("opentelemetry.exporter")
    logger.addHandler(handler)
    logger.propagate, logger.level = False, logging.DEBUG
    for name, other in logging.root.manager.loggerDict.items():
        if name.startswith(logger.name) and isinstance(other, logging.Logger):
            # The SDK says the same thing once in twenty seconds; here each refusal counts.
            other.filters.clear()
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)


def exporters(stack: harness.Stack, signal: Signal, token: str):
    """Both exporters of the SDK as an application sets them up, with a time limit that a retry would use up."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    yield "grpc", signal.exporters["grpc"](endpoint=stack.public_url, insecure=True, headers=tuple(headers.items()), timeout=20)
    yield "http", signal.exporters["http"](endpoint=stack.url(f"/otlp-http{signal.path}"), headers=headers, timeout=20)


def exports(stack, collector: Collector, machine: Machine, checks: Checks):
    """What is allowed arrives, with our tenant and without the token."""
    for signal in SIGNALS:
        for how, exporter in exporters(stack, signal, machine.token(signal.scope)):
            with checks.check(f"{signal.name} arrive over {how}"):
                name = f"{signal.name}.{how}"
                equal(signal.export(exporter, name), "SUCCESS", "result")
                kind, came, headers, names = collector.received[-1]
                equal((kind, came, names), (signal.name, how, [name]), "what the collector got")
                equal("authorization" in headers, False, "the token at the collector")
                equal(bool(headers["x-scope-orgid"]), True, "the tenant at the collector")


def refusals(stack, collector: Collector, machine: Machine, checks: Checks):
    """What is refused is final to the SDK: it does not try again."""
    gone = Machine(stack, "gone", SCOPES)
    before, late = len(collector.received), gone.token(SCOPES)
    gone.disable()
    for number, signal in enumerate(SIGNALS):
        other = SIGNALS[number - 1].scope
        never = Machine(stack, f"{signal.name}-never", other)
        cases = {
            "no token": ("", "UNAUTHENTICATED", "401"),
            "a token of another scope": (machine.token(other), "PERMISSION_DENIED", "403"),
            "a client of another scope": (never.token(other), "PERMISSION_DENIED", "403"),
            "a client that was switched off": (late, "UNAUTHENTICATED", "401"),
        }
        for what, (token, status, code) in cases.items():
            for how, exporter in exporters(stack, signal, token):
                with checks.check(f"{signal.name}: {what} is final over {how}"), heard() as lines:
                    equal(signal.export(exporter, "refused"), "FAILURE", "result")
                    said = " ".join(lines)
                    contains(said, status if how == "grpc" else code, "what the SDK says")
                    equal("etrying" in said or "transient" in said.lower(), False, f"it tried again: {said}")
    with checks.check("nothing of it reached the collector"):
        equal(len(collector.received), before, "calls")


def refused_call(stack, method: str) -> grpc.RpcError:
    """An empty call without a token; gives its refusal."""
    with grpc.insecure_channel(urllib.parse.urlsplit(stack.public_url).netloc) as channel:
        try:
            channel.unary_unary(method)(b"", timeout=20)
        except grpc.RpcError as refused:
            return refused
    raise AssertionError(f"{method} was answered")


def details(stack, machine: Machine, checks: Checks):
    """The status of a refusal, read by Google's own classes."""
    with checks.check("a gRPC refusal has its reason and request in its details"):
        refused = refused_call(stack, TRACES.method)
        equal(refused.code(), grpc.StatusCode.UNAUTHENTICATED, "code")
        metadata = dict(refused.trailing_metadata())
        status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
        info = error_details_pb2.ErrorInfo()
        equal(status.details[0].Unpack(info), True, "an ErrorInfo")
        equal((status.code, info.reason), (16, "NO_TOKEN"), "code and reason")
        equal(info.metadata["request_id"], metadata["x-request-id"], "request id")
        contains(metadata["www-authenticate"], "resource_metadata=", "challenge")
    with checks.check("a service that is not there is UNIMPLEMENTED"):
        equal(refused_call(stack, "/no.such.Service/Call").code(), grpc.StatusCode.UNIMPLEMENTED, "code")
    empty = TRACES.message("Request")()
    encodings = {"application/x-protobuf": empty.SerializeToString(), "application/json": json_format.MessageToJson(empty)}
    readers = {
        "application/x-protobuf": status_pb2.Status.FromString,
        "application/json": lambda body: json_format.Parse(body, status_pb2.Status()),
    }
    for encoding, body in encodings.items():
        with checks.check(f"a refusal over HTTP is google.rpc.Status in {encoding}"):
            answer = requests.post(stack.url("/otlp-http/v1/traces"), body, headers={"Content-Type": encoding}, timeout=20)
            equal((answer.status_code, answer.headers["Content-Type"]), (401, encoding), "status and type")
            status = readers[encoding](answer.content)
            info = error_details_pb2.ErrorInfo()
            equal((status.code, status.details[0].Unpack(info), info.reason), (16, True, "NO_TOKEN"), "status")
    with checks.check("a rate that is used up says after what time"):
        seldom = stack.url("/otlp-http/seldom/v1/traces")
        headers = {"Content-Type": "application/x-protobuf"} | oauth.bearer(machine.token(TRACES.scope))
        requests.post(seldom, encodings["application/x-protobuf"], headers=headers, timeout=20)
        answer = requests.post(seldom, encodings["application/x-protobuf"], headers=headers, timeout=20)
        equal(answer.status_code, 429, "status")
        status, retry = readers["application/x-protobuf"](answer.content), error_details_pb2.RetryInfo()
        equal((status.code, status.details[1].Unpack(retry)), (8, True), "status")
        equal(str(retry.retry_delay.seconds), answer.headers["Retry-After"], "when")


def main() -> int:
    """The gateway with the collector behind it."""
    checks, collector = Checks("otlp"), Collector()
    with harness.Stack(everything=False, prometheus=False) as stack:
        stack.restart_with(configuration(collector))
        machine = Machine(stack, "exporter", SCOPES)
        exports(stack, collector, machine, checks)
        refusals(stack, collector, machine, checks)
        details(stack, machine, checks)
    collector.stop()
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())

"""The OpenTelemetry SDK, unmodified, exporting through the gate with the token of a machine: over gRPC and over HTTP."""

import concurrent.futures
import contextlib
import http.server
import logging
import sys
import threading
import urllib.parse

import grpc
import requests
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

import harness
import oauth
from checks import Checks, contains, equal
from machine import Machine

SCOPE = "traces:write"
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class Collector:
    """Keeps the names of spans and the headers that came with them, over gRPC and over HTTP."""

    def __init__(self):
        self.received: list[tuple[str, dict[str, str], list[str]]] = []
        collector = self

        class Service(trace_service_pb2_grpc.TraceServiceServicer):
            def Export(self, request, context):
                collector.note("grpc", dict(context.invocation_metadata()), request)
                return trace_service_pb2.ExportTraceServiceResponse()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = trace_service_pb2.ExportTraceServiceRequest.FromString(body)
                collector.note("http", {k.lower(): v for k, v in self.headers.items()}, request)
                payload = trace_service_pb2.ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_):
                pass

        self._grpc = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Service(), self._grpc)
        self.grpc_port = self._grpc.add_insecure_port("127.0.0.1:0")
        self._grpc.start()
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.http_port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def note(self, how: str, headers: dict[str, str], request):
        """Keeps what came."""
        names = [span.name for r in request.resource_spans for scope in r.scope_spans for span in scope.spans]
        self.received.append((how, headers, names))

    def stop(self):
        """Stops listening."""
        self._grpc.stop(None)
        self._http.shutdown()
        self._http.server_close()


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
scopes = ["{SCOPE}"]
errors = "otlp"
rates = [{{ per = "client", requests = 1, every = "1h" }}]
"""


class Watched(SpanExporter):
    """Hands on to the SDK's exporter and keeps what came of it."""

    def __init__(self, exporter: SpanExporter):
        self.exporter, self.results = exporter, []

    def export(self, spans):
        self.results.append(self.exporter.export(spans))
        return self.results[-1]

    def shutdown(self):
        self.exporter.shutdown()


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


def one_span(exporter: SpanExporter, name: str):
    """One span through the SDK; gives the result of its export."""
    watched = Watched(exporter)
    provider = TracerProvider(resource=Resource.create({"service.name": "checks"}))
    provider.add_span_processor(SimpleSpanProcessor(watched))
    with provider.get_tracer("checks").start_as_current_span(name):
        pass
    provider.shutdown()
    equal(len(watched.results), 1, "exports")
    return watched.results[0]


def exporters(stack: harness.Stack, token: str):
    """Both exporters of the SDK as an application sets them up, with a time limit that a retry would use up."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    yield "grpc", GrpcExporter(endpoint=stack.public_url, insecure=True, headers=tuple(headers.items()), timeout=20)
    yield "http", HttpExporter(endpoint=stack.url("/otlp-http/v1/traces"), headers=headers, timeout=20)


def exports(stack, collector: Collector, machine: Machine, checks: Checks):
    """What is allowed arrives, with our tenant and without the token."""
    for how, exporter in exporters(stack, machine.token(SCOPE)):
        with checks.check(f"a span arrives over {how}"):
            equal(one_span(exporter, f"span over {how}"), SpanExportResult.SUCCESS, "result")
            came, headers, names = collector.received[-1]
            equal((came, names), (how, [f"span over {how}"]), "what the collector got")
            equal("authorization" in headers, False, "the token at the collector")
            equal(bool(headers["x-scope-orgid"]), True, "the tenant at the collector")


def refusals(stack, collector: Collector, machine: Machine, checks: Checks):
    """What is refused is final to the SDK: it does not try again."""
    narrow = Machine(stack, "metrics-only", "metrics:write")
    gone = Machine(stack, "gone", SCOPE)
    before, late = len(collector.received), gone.token(SCOPE)
    gone.disable()
    cases = {
        "no token": ("", "UNAUTHENTICATED", "401"),
        "a token of another scope": (narrow.token("metrics:write"), "PERMISSION_DENIED", "403"),
        "a client that was switched off": (late, "UNAUTHENTICATED", "401"),
    }
    for what, (token, status, code) in cases.items():
        for how, exporter in exporters(stack, token):
            with checks.check(f"{what} is final over {how}"), heard() as lines:
                equal(one_span(exporter, "refused"), SpanExportResult.FAILURE, "result")
                said = " ".join(lines)
                contains(said, status if how == "grpc" else code, "what the SDK says")
                equal("etrying" in said, False, f"it tried again: {said}")
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
        refused = refused_call(stack, EXPORT)
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
    empty = trace_service_pb2.ExportTraceServiceRequest()
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
        headers = {"Content-Type": "application/json"} | oauth.bearer(machine.token(SCOPE))
        requests.post(seldom, encodings["application/json"], headers=headers, timeout=20)
        answer = requests.post(seldom, encodings["application/json"], headers=headers, timeout=20)
        equal(answer.status_code, 429, "status")
        status, retry = readers["application/json"](answer.content), error_details_pb2.RetryInfo()
        equal((status.code, status.details[1].Unpack(retry)), (8, True), "status")
        equal(str(retry.retry_delay.seconds), answer.headers["Retry-After"], "when")


def main() -> int:
    """The gateway with the collector behind it."""
    checks, collector = Checks("otlp"), Collector()
    with harness.Stack(everything=False, prometheus=False) as stack:
        stack.restart_with(configuration(collector))
        machine = Machine(stack, "exporter", SCOPE)
        exports(stack, collector, machine, checks)
        refusals(stack, collector, machine, checks)
        details(stack, machine, checks)
    collector.stop()
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())

"""What the OpenTelemetry SDK exports: spans, metrics and log records, each by the SDK's own means, and a collector that keeps their names."""

import concurrent.futures
import dataclasses
import http.server
import threading
import typing

import grpc
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from checks import equal

RESOURCE = Resource.create({"service.name": "checks"})


def one_span(exporter, name: str):
    """One span."""
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("checks").start_as_current_span(name):
        pass
    provider.shutdown()


def one_metric(exporter, name: str):
    """One counter, which is exported when it is asked for."""
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=float("inf"))
    provider = MeterProvider([reader], resource=RESOURCE)
    provider.get_meter("checks").create_counter(name).add(1)
    provider.force_flush()
    provider.shutdown()


def one_record(exporter, name: str):
    """One line of a log."""
    provider = LoggerProvider(resource=RESOURCE)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    provider.get_logger("checks").emit(LogRecord(body=name))
    provider.shutdown()


@dataclasses.dataclass
class Signal:
    """A kind of what is exported: its scope and service, its messages, and how the SDK sends it."""

    name: str
    service: str
    messages: typing.Any
    stubs: typing.Any
    exporters: dict[str, type]
    send: typing.Callable
    names: typing.Callable

    @property
    def scope(self) -> str:
        """What its export needs."""
        return f"{self.name}:write"

    @property
    def method(self) -> str:
        """The call of gRPC."""
        return f"/opentelemetry.proto.collector.{self.service.removesuffix('Service').lower()}.v1.{self.service}/Export"

    @property
    def path(self) -> str:
        """Where it goes over HTTP."""
        return f"/v1/{self.name}"

    def message(self, which: str):
        """A class of its messages: `Request` or `Response`."""
        return getattr(self.messages, f"Export{self.service}{which}")

    def export(self, exporter, name: str):
        """Exports one of it through the SDK; gives what came of it."""
        results, export = [], exporter.export

        def watched(*of, **more):
            results.append(export(*of, **more))
            return results[-1]

        exporter.export = watched
        self.send(exporter, name)
        equal(len(results), 1, "exports")
        return results[0].name


def span_names(request):
    """The names of spans."""
    return [span.name for r in request.resource_spans for scope in r.scope_spans for span in scope.spans]


def metric_names(request):
    """The names of metrics."""
    return [metric.name for r in request.resource_metrics for scope in r.scope_metrics for metric in scope.metrics]


def record_names(request):
    """What the lines say."""
    return [record.body.string_value for r in request.resource_logs for scope in r.scope_logs for record in scope.log_records]


SIGNALS = [
    Signal("traces", "TraceService", trace_service_pb2, trace_service_pb2_grpc, {"grpc": GrpcSpans, "http": HttpSpans}, one_span, span_names),
    Signal("metrics", "MetricsService", metrics_service_pb2, metrics_service_pb2_grpc, {"grpc": GrpcMetrics, "http": HttpMetrics}, one_metric, metric_names),
    Signal("logs", "LogsService", logs_service_pb2, logs_service_pb2_grpc, {"grpc": GrpcLogs, "http": HttpLogs}, one_record, record_names),
]


class Collector:
    """Keeps what came, by name, with the headers that came with it, over gRPC and over HTTP."""

    def __init__(self):
        self.received: list[tuple[str, str, dict[str, str], list[str]]] = []
        self._grpc = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        for signal in SIGNALS:
            servicer = getattr(signal.stubs, f"{signal.service}Servicer")
            service = type("Service", (servicer,), {"Export": self._exported(signal)})()
            getattr(signal.stubs, f"add_{signal.service}Servicer_to_server")(service, self._grpc)
        self.grpc_port = self._grpc.add_insecure_port("127.0.0.1:0")
        self._grpc.start()
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.http_port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def _exported(self, signal: Signal):
        def export(_, request, context):
            self.note(signal, "grpc", dict(context.invocation_metadata()), request)
            return signal.message("Response")()

        return export

    def _handler(self):
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signal = next(signal for signal in SIGNALS if self.path.endswith(signal.path))
                collector.note(signal, "http", {k.lower(): v for k, v in self.headers.items()}, signal.message("Request").FromString(body))
                payload = signal.message("Response")().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_):
                pass

        return Handler

    def note(self, signal: Signal, how: str, headers: dict[str, str], request):
        """Keeps what came."""
        self.received.append((signal.name, how, headers, signal.names(request)))

    def stop(self):
        """Stops listening."""
        self._grpc.stop(None)
        self._http.shutdown()
        self._http.server_close()

"""An application that asks a model through the real client, instrumented, and exports its telemetry over OTLP/HTTP.

Arguments: address of the server, token, address of the model, encoding, account.
"""

from __future__ import annotations

import sys
from typing import Any

import openai
import requests
from google.protobuf import json_format
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind


class AsJson(requests.Session):
    """Sends what the exporter made as JSON: the exporter for Python writes protobuf alone."""

    def post(self, url: Any, data: Any = None, **more: Any) -> Any:
        kind = ExportLogsServiceRequest if str(url).endswith("/logs") else ExportTraceServiceRequest
        body = json_format.MessageToJson(kind.FromString(data)).encode()
        self.headers["Content-Type"] = "application/json"
        return super().post(url, data=body, **more)


def main(url: str, token: str, model: str, encoding: str, account: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    as_json = encoding == "json"
    given: dict[str, Any] = {
        "headers": headers,
        "compression": Compression.NoCompression if as_json else Compression.Gzip,
        "session": AsJson() if as_json else None,
    }
    resource = Resource.create({"service.name": "app", "enduser.id": account})
    traces, logs = TracerProvider(resource=resource), LoggerProvider(resource=resource)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{url}/v1/traces", **given)))
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(endpoint=f"{url}/v1/logs", **given)))
    OpenAIInstrumentor().instrument(tracer_provider=traces, logger_provider=logs)
    tracer = traces.get_tracer("gateway")
    client = openai.OpenAI(api_key="none", base_url=model)
    with tracer.start_as_current_span("POST /chat", kind=SpanKind.SERVER) as span:
        span.set_attributes({"client.address": "203.0.113.7", "user_agent.original": "acme/1.2"})
        with tracer.start_as_current_span("route"):
            client.chat.completions.create(
                model="m-small",
                messages=[{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello there"}],
            )
        traces.force_flush()  # the child is sent before its parent has ended
    traces.shutdown()
    logs.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])

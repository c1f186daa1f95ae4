"""OTLP/HTTP: traces and logs, protobuf or JSON, answered as the protocol asks; what is answered with 200 is on disk."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.concurrency import run_in_threadpool

from stormwatch.api.bodies import collector_of, content_encoding, content_type, place, read_body, unpacked
from stormwatch.api.dependencies import principal, runtime
from stormwatch.api.intake_processes import IntakeProcesses
from stormwatch.events.otlp_intake import OtlpReport
from stormwatch.model.errors import InvalidInput
from stormwatch.model.principal import Principal, Scope

_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"
# google.rpc.Code for the statuses that are answered here; anything else is 2, UNKNOWN.
_CODES: Final = {400: 3, 401: 16, 403: 7, 413: 3, 415: 3, 429: 8, 503: 14}
_LONGEST_MESSAGE: Final = 1024

Sender = Annotated[Principal, Depends(principal(Scope.INGEST))]
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class _Status(msgspec.Struct, frozen=True):
    """google.rpc.Status."""

    code: int
    message: str


class _OtlpRoute(APIRoute):
    """Tells failures as a google.rpc.Status in the encoding of the request."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except HTTPException as error:
                return _failure(request, error.status_code, str(error.detail), error.headers)
            except InvalidInput as error:
                return _failure(request, 400, f"{error}; nothing was taken in")

        return answer


router = APIRouter(route_class=_OtlpRoute)


@router.post("/v1/traces")
async def take_traces(request: Request, sender: Sender) -> Response:
    """An ExportTraceServiceRequest."""
    report = await _take(request, sender, "traces")
    response = ExportTraceServiceResponse()
    if report.rejected:
        response.partial_success.rejected_spans = report.rejected
        response.partial_success.error_message = _reasons(report)
    return _success(request, response, "rejectedSpans", report)


@router.post("/v1/logs")
async def take_logs(request: Request, sender: Sender) -> Response:
    """An ExportLogsServiceRequest."""
    report = await _take(request, sender, "logs")
    response = ExportLogsServiceResponse()
    if report.rejected:
        response.partial_success.rejected_log_records = report.rejected
        response.partial_success.error_message = _reasons(report)
    return _success(request, response, "rejectedLogRecords", report)


async def _take(request: Request, sender: Principal, signal: str) -> OtlpReport:
    kind = content_type(request)
    if kind not in (_PROTOBUF, _JSON):
        raise HTTPException(415, f"send {_PROTOBUF} or {_JSON}")
    encoding = content_encoding(request)
    limit = runtime(request).settings.max_request_bytes
    processes: IntakeProcesses = request.app.state.intake_processes
    with place():
        body = await read_body(request, limit)

        def work() -> OtlpReport:
            plain = unpacked(body, encoding, limit)
            return processes.take(signal, plain, is_json=kind == _JSON, collector=collector_of(sender))

        return await run_in_threadpool(work)


def _success(
    request: Request,
    response: ExportTraceServiceResponse | ExportLogsServiceResponse,
    counted_as: str,
    report: OtlpReport,
) -> Response:
    if content_type(request) != _JSON:
        return Response(response.SerializeToString(), 200, media_type=_PROTOBUF)
    told: dict[str, object] = {}
    if report.rejected:  # JSON of protobuf writes 64-bit numbers as texts
        told["partialSuccess"] = {counted_as: str(report.rejected), "errorMessage": _reasons(report)}
    return Response(msgspec.json.encode(told), 200, media_type=_JSON)


def _reasons(report: OtlpReport) -> str:
    """The different reasons, each once."""
    return "; ".join(dict.fromkeys(report.first_reasons))[:_LONGEST_MESSAGE]


def _failure(request: Request, status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    told = _Status(_CODES.get(status, 2), message)
    if content_type(request) == _JSON:
        return Response(msgspec.json.encode(told), status, headers, _JSON)
    return Response(_as_protobuf(told), status, headers, _PROTOBUF)


def _as_protobuf(status: _Status) -> bytes:
    """The two fields of google.rpc.Status, whose package is no dependency for the sake of them."""
    text = status.message.encode()
    return bytes((0x08, status.code, 0x12)) + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)

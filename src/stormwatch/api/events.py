"""Events and account records over HTTP: token, limits, decompression, then the way that files take; durable at 200."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.concurrency import run_in_threadpool

from stormwatch.api.dependencies import principal, runtime
from stormwatch.events.ingest import IngestReport, ingest_bytes
from stormwatch.events.readers.choice import Format
from stormwatch.events.sources import CutOff, decompressed
from stormwatch.model.principal import Principal, Scope
from stormwatch.runtime import Runtime

# curl and Python's urllib put the form type on any body that is given no type.
_CONTENT_TYPES: Final = frozenset(
    {
        "",
        "application/json",
        "application/jsonl",
        "application/ndjson",
        "application/octet-stream",
        "application/x-ndjson",
        "application/x-www-form-urlencoded",
        "text/plain",
    }
)
_ENCODINGS: Final = {"": "identity", "identity": "identity", "gzip": "gzip", "x-gzip": "gzip", "zstd": "zstd"}
_AT_ONCE: Final = 4  # bodies are held in memory whole, so that one which is too long leaves nothing behind
_RETRY_AFTER_SECONDS: Final = 1

router = APIRouter()
_places = threading.BoundedSemaphore(_AT_ONCE)

Sender = Annotated[Principal, Depends(principal(Scope.INGEST))]


@router.post("/v1/events")
async def take_events(request: Request, sender: Sender) -> dict[str, Any]:
    """NDJSON, or a JSON array, of UsageEvents."""
    return await _take(request, sender, Format.USAGE_EVENT)


@router.post("/v1/events/litellm")
async def take_litellm(request: Request, sender: Sender) -> dict[str, Any]:
    """A JSON array of LiteLLM's webhook events, or a single one."""
    return await _take(request, sender, Format.LITELLM)


@router.post("/v1/accounts")
async def take_accounts(request: Request, sender: Sender) -> dict[str, Any]:
    """NDJSON, or a JSON array, of AccountRecords."""
    return await _take(request, sender, Format.ACCOUNT_RECORD)


async def _take(request: Request, sender: Principal, form: Format) -> dict[str, Any]:
    encoding = _encoding(request)
    installation = runtime(request)
    limit = installation.settings.max_request_bytes
    with _place():
        body = await _body(request, limit)
        report = await run_in_threadpool(_ingest, installation, sender, form, body, encoding)
    return _answer(report)


@contextmanager
def _place() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise HTTPException(
            429, "too many bodies are being taken in at once", {"Retry-After": str(_RETRY_AFTER_SECONDS)}
        )
    try:
        yield
    finally:
        _places.release()


def _encoding(request: Request) -> str:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in _CONTENT_TYPES:
        raise HTTPException(415, "send application/x-ndjson or application/json")
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in _ENCODINGS:
        raise HTTPException(415, "send the body plain, or with Content-Encoding gzip or zstd")
    return _ENCODINGS[encoding]


async def _body(request: Request, limit: int) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise _too_long(limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise _too_long(limit)
    return bytes(body)


def _ingest(installation: Runtime, sender: Principal, form: Format, body: bytes, encoding: str) -> IngestReport:
    plain = bytearray()
    try:
        for chunk in decompressed(iter((body,)), encoding):
            plain += chunk
            if len(plain) > installation.settings.max_request_bytes:
                raise _too_long(installation.settings.max_request_bytes)
    except CutOff as error:
        raise HTTPException(400, f"{error.what}; nothing was taken in, send it again") from error
    # The label outlives a token, so that events resent after a change of token are still recognised.
    collector = sender.label or sender.token_id
    source = f"http:{collector}"
    formats = installation.formats
    return ingest_bytes(
        installation.events, bytes(plain), collector=collector, format=form, formats=formats, source=source
    )


def _too_long(limit: int) -> HTTPException:
    return HTTPException(413, f"the body is longer than {limit} bytes, unpacked; send it in parts")


def _answer(report: IngestReport) -> dict[str, Any]:
    return {
        "accepted": report.accepted,
        "duplicate": report.duplicate,
        "conflicting": report.conflicting,
        "rejected": [{"line": first.line, "reason": first.reason} for first in report.first_reasons],
        "rejected_count": report.rejected,
    }

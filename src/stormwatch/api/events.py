"""Events and account records over HTTP: token, limits, decompression, then the way that files take; durable at 200."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.concurrency import run_in_threadpool

from stormwatch.api.bodies import collector_of, content_encoding, content_type, place, read_body, unpacked
from stormwatch.api.dependencies import principal, runtime
from stormwatch.events.ingest import IngestReport, ingest_bytes
from stormwatch.events.readers.choice import Format
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

router = APIRouter()

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
    if content_type(request) not in _CONTENT_TYPES:
        raise HTTPException(415, "send application/x-ndjson or application/json")
    encoding = content_encoding(request)
    installation = runtime(request)
    with place():
        body = await read_body(request, installation.settings.max_request_bytes)
        report = await run_in_threadpool(_ingest, installation, sender, form, body, encoding)
    return _answer(report)


def _ingest(installation: Runtime, sender: Principal, form: Format, body: bytes, encoding: str) -> IngestReport:
    plain = unpacked(body, encoding, installation.settings.max_request_bytes)
    collector = collector_of(sender)
    return ingest_bytes(installation.events, plain, collector=collector, format=form, source=f"http:{collector}")


def _answer(report: IngestReport) -> dict[str, Any]:
    return {
        "accepted": report.accepted,
        "duplicate": report.duplicate,
        "conflicting": report.conflicting,
        "rejected": [{"line": first.line, "reason": first.reason} for first in report.first_reasons],
        "rejected_count": report.rejected,
    }

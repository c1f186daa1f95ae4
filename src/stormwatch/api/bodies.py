"""Bodies that telemetry comes in: how many at once, how long, how packed; what breaks a rule gets its status."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fastapi import HTTPException, Request

from stormwatch.events.sources import CutOff, decompressed
from stormwatch.model.principal import Principal

_ENCODINGS: Final = {"": "identity", "identity": "identity", "gzip": "gzip", "x-gzip": "gzip", "zstd": "zstd"}
_AT_ONCE: Final = 4  # bodies are held in memory whole, so that one which is too long leaves nothing behind
_RETRY_AFTER_SECONDS: Final = 1

_places = threading.BoundedSemaphore(_AT_ONCE)


@contextmanager
def place() -> Iterator[None]:
    """A place for one body; 429 when all are taken."""
    if not _places.acquire(blocking=False):
        raise HTTPException(
            429, "too many bodies are being taken in at once", {"Retry-After": str(_RETRY_AFTER_SECONDS)}
        )
    try:
        yield
    finally:
        _places.release()


def content_type(request: Request) -> str:
    """The type of the body without its parameters, in lower case; empty when none is given."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def content_encoding(request: Request) -> str:
    """How the body is packed: identity, gzip or zstd; 415 when it is anything else."""
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in _ENCODINGS:
        raise HTTPException(415, "send the body plain, or with Content-Encoding gzip or zstd")
    return _ENCODINGS[encoding]


async def read_body(request: Request, limit: int) -> bytes:
    """The body as it came; 413 as soon as it is longer than `limit` bytes."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise _too_long(limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise _too_long(limit)
    return bytes(body)


def unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    """The body without its compression; 413 when that is longer than `limit` bytes, 400 when it is damaged."""
    if encoding == "identity":
        return body
    plain = bytearray()
    try:
        for chunk in decompressed(iter((body,)), encoding):
            plain += chunk
            if len(plain) > limit:
                raise _too_long(limit)
    except CutOff as error:
        raise HTTPException(400, f"{error.what}; nothing was taken in, send it again") from error
    return bytes(plain)


def collector_of(sender: Principal) -> str:
    """Whose events these are. The label outlives a token, so that events resent after a change of token are known."""
    return sender.label or sender.token_id


def _too_long(limit: int) -> HTTPException:
    return HTTPException(413, f"the body is longer than {limit} bytes, unpacked; send it in parts")

"""A file of intelligence into its bytes (plain, .gz, .zst; bounded) and the format it is in."""

from __future__ import annotations

import gzip
import re
import zlib
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import msgspec
import zstandard

from stormwatch.intel.misp_events import is_event, is_manifest
from stormwatch.model.errors import InvalidInput, NotFound

MAX_BYTES: Final = 512 * 1024 * 1024
_PIECE_BYTES: Final = 1 << 20
_BOM: Final = b"\xef\xbb\xbf"
_CSV_HEADER: Final = re.compile(r"^\s*\"?kind\"?\s*,\s*\"?value\"?", re.IGNORECASE)
# The list form names itself; the form of 2026 states the format's version and has a collection of its own.
_ATLAS: Final = re.compile(r"^(?:id:\s*['\"]?ATLAS\b|format-version:\s*['\"]?\d)", re.MULTILINE)


class IntelFormat(StrEnum):
    """What an imported file can be."""

    STIX = "stix"
    MISP = "misp"
    CSV = "csv"
    WARNINGLIST = "warninglist"
    ATTACK = "attack"
    ATLAS = "atlas"
    MISP_GALAXY = "misp-galaxy"
    MICROSOFT_NAMES = "microsoft-names"


_TEXT_FORMATS: Final = frozenset({IntelFormat.CSV, IntelFormat.ATLAS})


def read_bytes(path: Path) -> bytes:
    """The content of a file, decompressed by its name's ending; NotFound or InvalidInput says what is wrong with it."""
    try:
        with path.open("rb") as raw:
            content = _read_bounded(_opened(path, raw))
    except FileNotFoundError as error:
        raise NotFound("there is no such file", where=str(path)) from error
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise InvalidInput(f"the file cannot be read: {error}", where=str(path), remedy="fetch it again") from error
    if len(content) > MAX_BYTES:
        raise InvalidInput(f"the file holds more than {MAX_BYTES} bytes", where=str(path), remedy="split it")
    if not content.strip():
        raise InvalidInput("the file is empty", where=str(path), remedy="fetch it again")
    return content.removeprefix(_BOM)


def _read_bounded(stream: BinaryIO) -> bytes:
    """At most a little more than MAX_BYTES, bit by bit: a read of that length would set all of it aside beforehand."""
    pieces: list[bytes] = []
    size = 0
    while size <= MAX_BYTES and (piece := stream.read(_PIECE_BYTES)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def _opened(path: Path, raw: BinaryIO) -> BinaryIO:
    if path.suffix == ".gz":
        return cast("BinaryIO", gzip.GzipFile(fileobj=raw))
    if path.suffix == ".zst":
        return cast("BinaryIO", zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True))
    return raw


def decode_json(content: bytes, where: str) -> Any:
    """The JSON document in `content`; InvalidInput when it is none."""
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"this is no JSON: {error}", where=where, remedy="check that it arrived whole") from error


def format_of_json(document: object) -> IntelFormat | None:
    """The format a JSON document shows by its shape; None when it is none we know."""
    if is_event(document) or is_manifest(document):
        return IntelFormat.MISP
    if isinstance(document, list):
        named = bool(document) and isinstance(document[0], dict) and "Threat actor name" in document[0]
        return IntelFormat.MICROSOFT_NAMES if named else None
    if not isinstance(document, dict):
        return None
    if "matrices" in document or "format-version" in document:
        return IntelFormat.ATLAS
    if document.get("type") == "bundle":
        return IntelFormat.ATTACK if _is_attack(document.get("objects")) else IntelFormat.STIX
    if isinstance(document.get("values"), list) and "uuid" in document:
        return IntelFormat.MISP_GALAXY
    return IntelFormat.WARNINGLIST if isinstance(document.get("list"), list) and "name" in document else None


def _is_attack(objects: object) -> bool:
    """ATT&CK's own bundle says so by its matrix; a partner's bundle may quote its techniques, but not that."""
    entries = objects if isinstance(objects, list) else []
    return any(isinstance(entry, dict) and entry.get("type") == "x-mitre-matrix" for entry in entries)


def format_of_text(content: bytes) -> IntelFormat | None:
    """The format of a file that is no JSON."""
    head = content[:4096].decode("utf-8", errors="replace")
    if _ATLAS.search(head) and "ATLAS" in head:
        return IntelFormat.ATLAS
    first = next((line for line in head.splitlines() if line.strip() and not line.startswith("#")), "")
    return IntelFormat.CSV if _CSV_HEADER.match(first) else None


def recognise(content: bytes, where: str, wanted: IntelFormat | None = None) -> tuple[IntelFormat, Any]:
    """The format of a file (None: whatever it shows) and, for JSON, the decoded document, else the bytes.

    InvalidInput when it is of no known format, or not of the one that was asked for.
    """
    if wanted in _TEXT_FORMATS:
        return wanted, content
    if wanted is None and content.lstrip()[:1] not in {b"{", b"["}:
        found = format_of_text(content)
        if found is None:
            raise _unknown(where)
        return found, content
    document = decode_json(content, where)
    found = format_of_json(document)
    if wanted is not None and found is not wanted and {wanted, found} != {IntelFormat.STIX, IntelFormat.ATTACK}:
        raise InvalidInput(f"this file is not of format {wanted.value}", where=where, remedy="leave --format out")
    if found is None:
        raise _unknown(where)
    return wanted or found, content if found in _TEXT_FORMATS else document


def _unknown(where: str) -> InvalidInput:
    return InvalidInput(
        "this is no STIX bundle, MISP event, indicator table, warning list or catalogue of names",
        where=where,
        remedy="docs/intel.md shows the formats; a CSV table starts with a line that names its columns",
    )

"""What a mapping file says, as typed values."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from stormwatch.events.mapping.paths import Path


@dataclass(frozen=True, slots=True)
class Test:
    """A question that one of several places of a record may answer; `kind` is in, contains, at_least or present."""

    paths: tuple[Path, ...]
    kind: str
    wanted: Any


@dataclass(frozen=True, slots=True)
class Source:
    """One way to fill a field: paths, a constant, a digest of the record, or whether any group of tests holds."""

    paths: tuple[Path, ...] = ()
    transform: str = "text"
    header: str = ""
    role: str | None = None
    constant: Any = None
    digest: bool = False
    any_of: tuple[tuple[Test, ...], ...] = ()
    replaced: tuple[tuple[str, Any], ...] = ()
    prefix: str = ""
    when: tuple[Test, ...] = ()
    asserted: bool = False


@dataclass(frozen=True, slots=True)
class JoinPart:
    """One kind of record of a join: how it is known, where its number is, and what is split over several."""

    name: str
    recognise: tuple[Test, ...]
    order: tuple[Path, ...] = ()
    split: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Join:
    """Records of several kinds that make one event, held together by a key."""

    key: tuple[Path, ...]
    parts: tuple[JoinPart, ...]
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class Client:
    """Where the address of the client is logged."""

    peer: tuple[Path, ...] = ()
    headers: tuple[Path, ...] = ()
    recorded: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Specification:
    """What a mapping file says."""

    name: str
    title: str
    file: FilePath
    recognise: tuple[Test, ...]
    records: tuple[Path, ...] = ()
    join: Join | None = None
    decode: tuple[tuple[Path, str], ...] = ()
    client: Client = field(default_factory=Client)
    event: tuple[tuple[str, tuple[Source, ...]], ...] = ()
    drop: tuple[Path, ...] = ()

"""From the ingest log to the lake: whole log files become segments, once, whatever crashes in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stormwatch.events.account_merge import AccountMerge
from stormwatch.events.frames import read_frames
from stormwatch.events.ingest_log import KIND_ACCOUNTS, KIND_EVENTS, PURPOSE, IngestLog
from stormwatch.events.records import from_ipc
from stormwatch.events.segments import SegmentWriter
from stormwatch.events.span_join import SpanJoin
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake, LakeChange, LakeFile

_LOGS_MARK: Final = "logs"
_MARKED_TABLES: Final = ("event_keys", "account_records")
_ROWS_PER_COMMIT: Final = 200_000


@dataclass(frozen=True, slots=True)
class CompactionReport:
    """What reached the lake. `duplicate` rows were there already; `damaged` log files were read as far as they go."""

    events: int = 0
    duplicate: int = 0
    conflicting: int = 0
    account_records: int = 0
    segments: int = 0
    damaged: tuple[Path, ...] = ()


@dataclass(slots=True)
class _Tally:
    events: int = 0
    duplicate: int = 0
    conflicting: int = 0
    account_records: int = 0
    segments: int = 0
    damaged: list[Path] = field(default_factory=list)


def compact_logs(
    lake: Lake, keyring: Keyring, log: IngestLog, files: Sequence[Path], spans: SpanJoin
) -> CompactionReport:
    """Moves sealed log files into the lake, some at a time, and removes them. `spans` joins what came apart.

    A lake file's marks name the log files it was made from, so a log file that a crash kept after its commit is
    recognised and only removed. The caller holds the compaction lock.
    """
    done = _committed(lake)
    tally = _Tally()
    waiting: list[Path] = []
    for path in files:
        if path.stem in done:
            path.unlink()
        else:
            waiting.append(path)
    spans.begin(waiting)
    while waiting:
        _one_commit(lake, keyring, log, waiting, tally, spans)
    _lone_events(lake, keyring, spans, tally)
    return CompactionReport(
        tally.events,
        tally.duplicate,
        tally.conflicting,
        tally.account_records,
        tally.segments,
        tuple(tally.damaged),
    )


def _lone_events(lake: Lake, keyring: Keyring, spans: SpanJoin, tally: _Tally) -> None:
    """Stores what waited for a span that did not come."""
    lone = spans.lone_events()
    if lone is not None:
        writer = SegmentWriter(lake, keyring)
        writer.add(lone)
        lake.commit(LakeChange(add=writer.finish({})))
        tally.events += writer.rows
        tally.segments += writer.segments
    spans.finish()


def _one_commit(
    lake: Lake, keyring: Keyring, log: IngestLog, waiting: list[Path], tally: _Tally, spans: SpanJoin
) -> None:
    writer = SegmentWriter(lake, keyring)
    accounts = AccountMerge(lake)
    taken: list[Path] = []
    damaged: set[Path] = set()
    while waiting and writer.rows < _ROWS_PER_COMMIT:
        path = waiting.pop(0)
        taken.append(path)
        if not _take(path, keyring, writer, accounts, spans):
            damaged.add(path)
    marks = {_LOGS_MARK: " ".join(path.stem for path in taken)}
    change = LakeChange(add=writer.finish(marks), replace=accounts.finish(marks))
    if change.add or change.replace:
        lake.commit(change)
    for path in taken:
        if path in damaged:
            log.set_aside(path)
            tally.damaged.append(path)
        else:
            path.unlink()
    tally.events += writer.rows
    tally.duplicate += writer.duplicate
    tally.conflicting += writer.conflicting
    tally.segments += writer.segments
    tally.account_records += accounts.rows


def _take(path: Path, keyring: Keyring, writer: SegmentWriter, accounts: AccountMerge, spans: SpanJoin) -> bool:
    """Hands over the rows of one log file; False when bytes between its frames were damaged."""
    whole = True
    position = 0
    for frame in read_frames(path, keyring, PURPOSE):
        whole = whole and frame.start == position
        position = frame.end
        if frame.kind == KIND_EVENTS:
            writer.add(spans.filled(from_ipc(frame.payload)))
        elif frame.kind == KIND_ACCOUNTS:
            accounts.add(from_ipc(frame.payload))
    return whole


def _committed(lake: Lake) -> set[str]:
    files: list[LakeFile] = [file for table in _MARKED_TABLES for file in lake.files(table)]
    return {name for file in files for name in file.marks.get(_LOGS_MARK, "").split()}

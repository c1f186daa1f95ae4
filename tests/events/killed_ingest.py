"""A process that ingests a file into a home and dies by SIGKILL at a named point: arguments home, file, point."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from stormwatch.events import frames, ingest, seen, store
from stormwatch.events.splitting import Pieces, split_records
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake


def die(*_args: Any, **_more: Any) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def after(count: int, real: Any) -> Any:
    """The real thing `count` times, then death."""
    calls = iter(range(count))
    return lambda *args, **more: real(*args, **more) if next(calls, None) is not None else die()


def half_a_frame(real: Any) -> Any:
    calls = iter(range(2))

    def write(self: frames.FrameWriter, frame: bytes) -> int:
        if next(calls, None) is not None:
            return int(real(self, frame))
        os.write(self.fileno(), frame[: len(frame) // 2])
        die()

    return write


POINTS = {
    "before-log": lambda: setattr(frames.FrameWriter, "write", after(2, frames.FrameWriter.write)),
    "half-a-frame": lambda: setattr(frames.FrameWriter, "write", half_a_frame(frames.FrameWriter.write)),
    "between-log-and-index": lambda: setattr(seen.SeenIndex, "add", after(2, seen.SeenIndex.add)),
    "before-sealing": lambda: setattr(store, "compact_logs", die),
    "between-lake-files": lambda: setattr(Lake, "write", after(2, Lake.write)),
    "before-lake-commit": lambda: setattr(Lake, "commit", die),
    "before-log-removal": lambda: setattr(Path, "unlink", die),
    "nowhere": lambda: None,
}


def by_the_hundred(chunks: Iterator[bytes], max_bytes: int) -> Iterator[Pieces]:
    """Blocks of a hundred records, so that a small file makes several batches."""
    pieces = split_records(chunks, max_bytes)
    while held := tuple(itertools.islice(pieces, 100)):
        yield Pieces(held)


def main(home: Path, file: Path, point: str) -> None:
    ingest.BATCH_ROWS = 100  # type: ignore[misc]
    ingest.split_blocks = by_the_hundred  # type: ignore[assignment]
    POINTS[point]()
    opened = store.EventStore(home, Keyring(b"k" * 32), Lake(home / "lake"), max_record_bytes=1 << 20)
    report = ingest.ingest_file(opened, file, collector="gateway")
    opened.compact()
    sys.stdout.write(f"{report.accepted} {report.duplicate}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])

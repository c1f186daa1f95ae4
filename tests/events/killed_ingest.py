"""A process that forks others, each of which ingests a file into a home and dies by SIGKILL at a named point.

Reads lines of JSON (lists of home, file, point), starts a child for each and writes, as a line, how each ended and what
it said. Forking spares each of the many children its start; they are processes like any other. With the arguments home
and file it ingests by itself, for whoever kills it from outside.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from stormwatch.events import frames, ingest, seen, store
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


def ingested(home: Path, file: Path, point: str) -> str:
    store.BATCH_ROWS = ingest.BATCH_ROWS = 100  # type: ignore[misc]
    POINTS[point]()
    opened = store.EventStore(home, Keyring(b"k" * 32), Lake(home / "lake"), max_record_bytes=1 << 20)
    report = ingest.ingest_file(opened, file, collector="gateway")
    opened.compact()
    return f"{report.accepted} {report.duplicate}"


def fork(home: str, file: str, point: str) -> tuple[int, int]:
    """Starts a child; gives its process id and the end of a pipe that its words are read from."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    try:
        said, code = ingested(Path(home), Path(file), point), 0
    except BaseException:  # noqa: BLE001 - told, and by the exit code
        said, code = traceback.format_exc(), 1
    os.write(writing, said.encode())
    os._exit(code)


def main() -> None:
    for line in sys.stdin:
        ended = []
        for child, reading in [fork(*task) for task in json.loads(line)]:
            with os.fdopen(reading) as told:
                said = told.read()
            ended.append([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said])
        sys.stdout.write(json.dumps(ended) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.stdout.write(ingested(Path(sys.argv[1]), Path(sys.argv[2]), "nowhere"))
    else:
        main()

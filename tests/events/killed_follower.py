"""A process that follows a file into a home: arguments home, collector, format, file. SIGTERM ends it."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from stormwatch.events import follow, followed_file
from stormwatch.events.readers.choice import shipped_formats
from stormwatch.events.store import EventStore
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake


def main(home: Path, collector: str, form: str, files: list[Path]) -> None:
    followed_file.CHUNK_BYTES = 4096  # type: ignore[misc]
    follow._POLL_SECONDS = 0.01  # type: ignore[misc]
    follow._COMMIT_SECONDS = 0.02  # type: ignore[misc]
    store = EventStore(home, Keyring(b"k" * 32), Lake(home / "lake"), max_record_bytes=1 << 20)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def note(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    reports = follow.follow_files(
        store,
        files,
        collector=collector,
        format=form,
        formats=shipped_formats(),
        following=follow.Following(stop, note, lambda *_: None),
    )
    print(sum(report.accepted for report in reports.values()), sum(report.rejected for report in reports.values()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], [Path(argument) for argument in sys.argv[4:]])

"""The most memory that this process and those it started held at one time, while something ran."""

from __future__ import annotations

import re
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_SECONDS: Final = 0.1
_KIBIBYTE: Final = 1024
_MEGABYTE: Final = 1_000_000
_RESIDENT: Final = re.compile(rb"VmRSS:\s+(\d+) kB")
_HIGHEST: Final = re.compile(rb"VmHWM:\s+(\d+) kB")


class PeakMemory:
    """The peak in MB (10^6 bytes), once the watch is over."""

    megabytes: float = 0.0


@contextmanager
def peak_memory() -> Iterator[PeakMemory]:
    """Watches resident memory, looking ten times a second; this process's own peak is exact (proc(5), VmHWM).

    Pages that processes share count for each of them. Where the system tells nothing of the kind, it is the highest
    this process ever had.
    """
    peak, over = PeakMemory(), threading.Event()
    _forget_highest()
    watcher = threading.Thread(target=_watch, args=(peak, over), daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()
        peak.megabytes = max(peak.megabytes, _own_highest() * _KIBIBYTE / _MEGABYTE)


def _watch(peak: PeakMemory, over: threading.Event) -> None:
    while not over.wait(_SECONDS):
        held = sum(_told(pid, _RESIDENT) for pid in ("self", *_descendants("self")))
        peak.megabytes = max(peak.megabytes, held * _KIBIBYTE / _MEGABYTE)


def _descendants(pid: str) -> Iterator[str]:
    for task in (_PROC / pid / "task").glob("*/children"):
        try:
            children = task.read_text(encoding="ascii").split()
        except OSError:  # the task has ended
            continue
        for child in children:
            yield child
            yield from _descendants(child)


def _told(pid: str, figure: re.Pattern[bytes]) -> int:
    """A figure of a process's status in KiB; 0 when the process or the figure is not there."""
    try:
        found = figure.search((_PROC / pid / "status").read_bytes())
    except OSError:
        return 0
    return int(found[1]) if found else 0


def _forget_highest() -> None:
    """Begins this process's peak anew, so that a second world is not charged with the first (proc(5), clear_refs)."""
    try:
        (_PROC / "self" / "clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def _own_highest() -> int:
    return _told("self", _HIGHEST) or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

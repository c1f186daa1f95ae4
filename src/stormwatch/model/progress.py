"""Progress of long work, as whoever does it tells whoever waits for it."""

from __future__ import annotations

from typing import Protocol


class ProgressReport(Protocol):
    """How long work says how far it is: a step's name, what is done, and of how much (None: unknown)."""

    def __call__(self, step: str, done: int, total: int | None, /) -> None:
        """Reports progress of one step."""
        ...

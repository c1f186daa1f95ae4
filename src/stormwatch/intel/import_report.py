"""What an import took in and what it passed over, with countable reasons: nothing disappears silently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_EXAMPLES: Final = 10


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Counts of one imported file.

    `indicators` to `techniques` count what the file held and is stored now; `unchanged` of those were there before.
    `skipped` entries were passed over, by `reasons`; `examples` gives the first place of each reason.
    `remarks` counts what was taken in after an adjustment.
    """

    file: str
    format: str
    indicators: int = 0
    actors: int = 0
    relationships: int = 0
    lists: int = 0
    techniques: int = 0
    unchanged: int = 0
    skipped: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    remarks: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[str, ...] = ()


@dataclass(slots=True)
class Tally:
    """Counts while an import runs."""

    taken: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def skip(self, reason: str, where: str) -> None:
        """Passes an entry over; `where` is its line or id."""
        if reason not in self.skipped and len(self.examples) < _EXAMPLES:
            self.examples.append(f"{where}: {reason}")
        self.skipped[reason] += 1

    def report(self, file: str, file_format: str) -> ImportReport:
        """The counts as a report."""
        return ImportReport(
            file=file,
            format=file_format,
            indicators=self.taken["indicators"],
            actors=self.taken["actors"],
            relationships=self.taken["relationships"],
            lists=self.taken["lists"],
            techniques=self.taken["techniques"],
            unchanged=self.taken["unchanged"],
            skipped=self.skipped.total(),
            reasons=dict(self.skipped.most_common()),
            remarks=dict(self.remarks.most_common()),
            examples=tuple(self.examples),
        )

"""The whole report as one typed value: what HTML and JSON are both made from, and what is read back to check it."""

from __future__ import annotations

from typing import Final

import msgspec

from stormwatch.ledger.checkpoint import Checkpoint
from stormwatch.model.errors import IntegrityError
from stormwatch.model.times import parse_rfc3339
from stormwatch.reports.figures import Figure, Period, commitment

FORMAT: Final = "stormwatch-transparency-report/1"


class Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Words of others that the report must carry: an accused party's response, a dissent, a correction."""

    by: str
    text: str
    date: str = ""
    source: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A transparency report, suppression applied; `commitments` belong to the figures in the same order."""

    format: str
    provider: str
    software: str
    period_from: str
    period_to: str
    built_time: str
    minimum_count: int
    calibrated_on: tuple[str, ...]
    figures: tuple[Figure, ...]
    commitments: tuple[str, ...]
    checkpoint: Checkpoint
    method: tuple[str, ...]
    blind_spots: tuple[str, ...]
    summary: str = ""
    responses: tuple[Statement, ...] = ()
    dissents: tuple[Statement, ...] = ()
    corrections: tuple[Statement, ...] = ()

    @property
    def period(self) -> Period:
        """The time it is about."""
        return Period(parse_rfc3339(self.period_from), parse_rfc3339(self.period_to))


def to_json(report: Report) -> bytes:
    """The report as JSON, indented, one trailing newline."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def from_json(raw: bytes, where: str) -> Report:
    """Reads a report back; IntegrityError when it is none, or when a figure does not match its commitment."""
    try:
        report = msgspec.json.decode(raw, type=Report)
        period = report.period
    except (msgspec.DecodeError, ValueError) as error:
        raise IntegrityError(f"this is no transparency report: {error}", where=where) from error
    expected = tuple(commitment(figure, period) for figure in report.figures)
    if expected != report.commitments or report.format != FORMAT:
        raise IntegrityError("a figure does not match its commitment", where=where, remedy="build the report again")
    return report

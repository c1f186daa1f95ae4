"""CSV rows into indicators: kind, value, valid_from, valid_until, confidence, actor, tlp, source."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection

from stormwatch.intel.import_report import Tally
from stormwatch.intel.indicators import load_origins, replace_origins, unusable_in_bulk
from stormwatch.intel.kinds import kind_of
from stormwatch.model.errors import InvalidInput
from stormwatch.model.ids import derived_id
from stormwatch.model.intel import TLP, Indicator
from stormwatch.model.normal_form import observable_of
from stormwatch.model.observable import Observable
from stormwatch.model.times import parse_rfc3339

REQUIRED: Final = ("kind", "value")
OPTIONAL: Final = ("valid_from", "valid_until", "confidence", "actor", "tlp", "source")


@dataclass(frozen=True, slots=True)
class CsvDefaults:
    """What a row means that leaves a column out."""

    source: str
    tlp: TLP


def import_csv(connection: Connection, content: bytes, where: str, defaults: CsvDefaults, tally: Tally) -> None:
    """Stores the rows; a bad one is passed over with its line. InvalidInput when the file is no such table."""
    by_id: dict[str, Indicator] = {}
    for line, row in _rows(content, where):
        try:
            indicator = _indicator(row, defaults)
        except ValueError as error:
            tally.skip(str(error), f"line {line}")
            continue
        before = by_id.get(indicator.indicator_id)
        if before is not None:
            tally.remarks["rows on the same thing from the same source: joined"] += 1
            indicator = replace(indicator, actors=tuple(dict.fromkeys((*before.actors, *indicator.actors))))
        by_id[indicator.indicator_id] = indicator
    stored = load_origins(connection, by_id)
    changed = {origin: [one] for origin, one in by_id.items() if stored.get(origin) != _comparable(one)}
    replace_origins(connection, changed)
    tally.taken["indicators"] += len(by_id)
    tally.taken["unchanged"] += len(by_id) - len(changed)


def observables_in_csv(content: bytes, where: str) -> list[Observable]:
    """What the rows of a table name, for a lead; here a bad row stops all, for the person is at hand to correct it."""
    found = []
    for line, row in _rows(content, where):
        try:
            found.append(observable_of(kind_of(row["kind"]), row.get("value", "")))
        except ValueError as error:
            raise InvalidInput(str(error), where=f"{where}, line {line}", remedy="correct that line") from error
    return found


def _comparable(indicator: Indicator) -> Indicator:
    return replace(indicator, actors=tuple(sorted(indicator.actors)))


def _rows(content: bytes, where: str) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput("not UTF-8 text", where=f"{where}, line {line}", remedy="save it as UTF-8") from error
    reader = csv.reader(io.StringIO(text), strict=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            if not any(cells) or cells[0].startswith("#"):
                continue
            if header is None:
                header = _header(cells, where)
            elif len(cells) > len(header):
                raise InvalidInput(
                    f"{len(cells)} cells under {len(header)} columns",
                    where=f"{where}, line {reader.line_num}",
                    remedy="quote cells that contain a comma",
                )
            else:
                yield reader.line_num, dict(zip(header, (cell.strip() for cell in cells), strict=False))
    except csv.Error as error:
        raise InvalidInput(
            f"not readable as CSV: {error}", where=f"{where}, line {reader.line_num}", remedy="correct that line"
        ) from error


def _header(cells: list[str], where: str) -> list[str]:
    header = [cell.strip().lower() for cell in cells]
    missing = [name for name in REQUIRED if name not in header]
    unknown = [name for name in header if name not in (*REQUIRED, *OPTIONAL)]
    if missing or unknown or len(set(header)) != len(header):
        raise InvalidInput(
            "the first line must name the columns kind and value, and any of " + ", ".join(OPTIONAL) + ", each once",
            where=f"{where}, line 1",
            remedy="correct the header",
        )
    return header


def _indicator(row: dict[str, str], defaults: CsvDefaults) -> Indicator:
    observable = observable_of(kind_of(row["kind"]), row.get("value", ""))
    problem = unusable_in_bulk(observable)
    if problem is not None:
        raise ValueError(problem)
    source = row.get("source") or defaults.source
    valid_from = _time(row, "valid_from")
    valid_until = _time(row, "valid_until")
    if valid_until is not None and valid_until <= (valid_from or 0):
        raise ValueError("valid_until is not after valid_from")
    actor = " ".join(row.get("actor", "").split())
    if not actor.isprintable() or not source.isprintable():
        raise ValueError("actor or source holds control characters")
    return Indicator(
        indicator_id=derived_id("indicator", "csv", observable.kind, observable.value, source),
        observable=observable,
        valid_from_us=valid_from or 0,
        valid_until_us=valid_until,
        confidence=_confidence(row.get("confidence", "")),
        actors=(actor,) if actor else (),
        source=source,
        tlp=_tlp(row.get("tlp", ""), defaults.tlp),
    )


def _time(row: dict[str, str], column: str) -> int | None:
    text = row.get(column, "")
    if not text:
        return None
    try:
        return parse_rfc3339(f"{text}T00:00:00Z" if len(text) == len("2026-01-01") else text)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{column} is no date and no time with an offset") from error


def _confidence(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 3 or int(text) > 100:
        raise ValueError("confidence is no whole number from 0 to 100")
    return int(text)


def _tlp(text: str, otherwise: TLP) -> TLP:
    if not text:
        return otherwise
    word = text.lower().removeprefix("tlp:")
    try:
        return TLP.CLEAR if word == "white" else TLP(word)
    except ValueError as error:
        raise ValueError(f"tlp {text[:20]!r} is none of {', '.join(TLP)}") from error

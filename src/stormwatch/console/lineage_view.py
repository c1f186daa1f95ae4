"""Turns the fingerprints of a case's accounts into programs that went from account to account, version by version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from stormwatch.attribution.handed_on import handed_on
from stormwatch.cases.queue import get_case
from stormwatch.console.lake_query import lake_query
from stormwatch.console.lineage_drawing import LineageDrawing, draw_lineage
from stormwatch.detections.fingerprints.blocks import BlockKind
from stormwatch.detections.fingerprints.lineage import BY_TEXT, Step, fragments_of, lineage
from stormwatch.detections.fingerprints.shared_fingerprints import FEWEST_SHARED, FREQUENCY_CAP
from stormwatch.model.case import Case
from stormwatch.runtime import Runtime

MOST_FRAGMENTS: Final = 3_000
STEPS_SHOWN: Final = 200
_PROGRAMS_SHOWN: Final = 20
_ELSEWHERE_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Version:
    """One step: who had it when, the number of the version it grew from, and the shares that stayed and that are new.

    `kept` is of the earlier version, `fresh` of this one; both are None for the first. `handed` says that another
    account had the earlier one.
    """

    number: int
    account_id: str
    event_id: str
    time_us: int
    tokens: int
    parent: int | None
    kept: float | None
    fresh: float | None
    handed: bool


@dataclass(frozen=True, slots=True)
class Program:
    """One program (or document) in its versions; `in_turn` says that account after account took it over, none twice."""

    is_code: bool
    versions: tuple[Version, ...]
    total: int
    accounts: tuple[str, ...]
    in_turn: bool
    drawing: LineageDrawing | None

    @property
    def handovers(self) -> int:
        """How often one account went on with what another had."""
        return sum(version.handed for version in self.versions)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An account outside the case, and how many rare passages it has in common with it."""

    account_id: str
    passages: int


@dataclass(frozen=True, slots=True)
class LineageView:
    """Everything that the lineage page of a case shows; `alone` counts programs that one account kept to itself."""

    case: Case
    programs: tuple[Program, ...]
    more: int
    alone: int
    elsewhere: tuple[Elsewhere, ...]
    cut_off: bool


def lineage_view(runtime: Runtime, case_id: str) -> LineageView:
    """The programs that went through the accounts of a case, those of most accounts first; NotFound without a case."""
    case = get_case(runtime.database, case_id)
    accounts = list(case.account_ids)
    held = pc.field("account_id").isin(pa.array(accounts, pa.string())) & pc.field("kind").isin(list(BY_TEXT))
    rows = runtime.lake.read("fingerprints", where=held).sort_by([("time_us", "ascending"), ("event_id", "ascending")])
    with lake_query(runtime, ("fingerprints",)) as query:
        frequency = {row["hash"]: row["accounts"] for row in query.rows("lineage_frequency", accounts=accounts)}
        limits = {"cap": FREQUENCY_CAP, "fewest": FEWEST_SHARED, "rows": _ELSEWHERE_SHOWN}
        others = query.rows("lineage_elsewhere", accounts=accounts, **limits)
    lines = lineage(fragments_of(rows.slice(0, MOST_FRAGMENTS), frequency))
    histories = [line for line in lines if len(line) > 1]
    shared = [line for line in histories if len(_accounts(line)) > 1]
    shared.sort(key=lambda line: (-len(_accounts(line)), -len(line), line[0].fragment.time_us))
    return LineageView(
        case=case,
        programs=tuple(_program(line) for line in shared[:_PROGRAMS_SHOWN]),
        more=max(0, len(shared) - _PROGRAMS_SHOWN),
        alone=len(histories) - len(shared),
        elsewhere=tuple(Elsewhere(**row) for row in others),
        cut_off=rows.num_rows > MOST_FRAGMENTS,
    )


def _accounts(line: Sequence[Step]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(step.fragment.account_id for step in line))


def _program(line: Sequence[Step]) -> Program:
    numbers = {id(step.fragment): number for number, step in enumerate(line, 1)}
    versions = tuple(
        _version(number, step, numbers[id(step.parent)] if step.parent else None) for number, step in enumerate(line, 1)
    )
    is_code = line[0].fragment.kind != BlockKind.DOCUMENT.value
    accounts = _accounts(line)
    return Program(
        is_code=is_code,
        versions=versions[:STEPS_SHOWN],
        total=len(versions),
        accounts=accounts,
        in_turn=is_code and handed_on([step.fragment for step in line]) is not None,
        drawing=draw_lineage(accounts, [(one.account_id, one.parent) for one in versions]),
    )


def _version(number: int, step: Step, parent: int | None) -> Version:
    fragment, shared = step.fragment, step.similarity.shared
    earlier = step.parent
    return Version(
        number=number,
        account_id=fragment.account_id,
        event_id=fragment.event_id,
        time_us=fragment.time_us,
        tokens=fragment.tokens,
        parent=parent,
        kept=shared / len(earlier.hashes) if earlier else None,
        fresh=(len(fragment.hashes) - shared) / len(fragment.hashes) if earlier else None,
        handed=earlier is not None and earlier.account_id != fragment.account_id,
    )

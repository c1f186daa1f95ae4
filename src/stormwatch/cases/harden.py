"""A case that was acted on to a draft rule: what it teaches, without a sentence that anybody wrote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from stormwatch.access.acting import confirmed_person
from stormwatch.cases.draft_rule import DraftFacts, draft_of, hits
from stormwatch.cases.findings import rows_where
from stormwatch.cases.phrases import Spoken, characteristic
from stormwatch.cases.queue import case_row
from stormwatch.cases.said import said
from stormwatch.cases.states import require_state
from stormwatch.detections.rulebook.lint import lint
from stormwatch.detections.rulebook.rule_tests import run_tests
from stormwatch.ledger.log import Ledger
from stormwatch.model.case import CaseState
from stormwatch.model.errors import InvalidInput, NotFound
from stormwatch.model.principal import Principal, Role
from stormwatch.model.times import from_us, now_us
from stormwatch.storage.database import Database
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake
from stormwatch.storage.texts import read_rows

_MOST_CASE_REQUESTS: Final = 1_000
_MOST_OTHER_REQUESTS: Final = 4_000
_MOST_PHRASES: Final = 8
_RAREST_SHARE: Final = 0.005
_LEAST_BITS: Final = 4.0
_PLACE: Final = ("account_id", "time_us", "event_id", "segment", "text_chunk", "text_row")


@dataclass(frozen=True, slots=True)
class HardenReport:
    """The files of a draft, what it found in the case and elsewhere, and the ledger entry about the reading."""

    rule: Path
    tests: Path
    phrases: int
    case_requests: int
    case_hits: int
    other_requests: int
    other_hits: int
    ledger_sequence: int


@dataclass(frozen=True, slots=True)
class _Read:
    """Texts of the case and of others."""

    case: Sequence[Spoken]
    others: Sequence[str]


def harden(
    database: Database,
    ledger: Ledger,
    lake: Lake,
    keyring: Keyring,
    by: Principal,
    case_id: str,
    *,
    folder: Path,
    reason: str,
    techniques: Sequence[str] = (),
) -> HardenReport:
    """Writes a draft rule with its tests into `folder`; for analysts and approvers, on a case that was acted on.

    A program counts phrases in the case's texts, and nobody is shown any; that they were opened is on the ledger with
    the reason before the first is read. Raises FactorNeeded while a second factor has to be given anew, Conflict in
    another state, NotFound where nothing sets the case apart.
    """
    stated = said(reason, "reading the texts of a case needs a reason")
    with database.write() as connection:
        person = confirmed_person(connection, by, Role.ANALYST, Role.APPROVER)
        require_state(connection, case_id, CaseState.ACTED, remedy="a draft is made of a case that was acted on")
        accounts = case_row(connection, case_id).account_ids
        entry = ledger.append(
            connection, "text.counted", person.person_id, case_id, {"purpose": "draft rule", "reason": stated}
        )
    read = _Read(
        list(_texts(lake, keyring, _of_case(lake, accounts))),
        [spoken.text for spoken in _texts(lake, keyring, _of_others(lake, accounts))],
    )
    phrases = characteristic(
        read.case, read.others, most=_MOST_PHRASES, rarest_share=_RAREST_SHARE, least_bits=_LEAST_BITS
    )
    if not phrases:
        raise NotFound("no phrase sets this case apart from the rest", where=case_id, remedy="write the rule by hand")
    texts = [spoken.text for spoken in read.case]
    words = {phrase.words for phrase in phrases}
    facts = DraftFacts(
        case_id=case_id,
        techniques=tuple(techniques) or _techniques(lake, accounts),
        case_requests=len(texts),
        case_hits=hits(texts, words),
        other_requests=len(read.others),
        other_hits=hits(read.others, words),
        artefact_kinds=_shared_artefacts(lake, accounts),
        today=date.fromisoformat(from_us(now_us()).date().isoformat()),
    )
    rule, tests = draft_of(phrases, texts, facts).write(folder)
    _require_sound(rule)
    return HardenReport(
        rule,
        tests,
        len(phrases),
        facts.case_requests,
        facts.case_hits,
        facts.other_requests,
        facts.other_hits,
        entry.sequence,
    )


def _of_case(lake: Lake, accounts: Collection[str]) -> pa.Table:
    theirs = pc.field("account_id").isin(pa.array(sorted(accounts), pa.string()))
    return _newest(lake.read("events", list(_PLACE), where=theirs), _MOST_CASE_REQUESTS)


def _of_others(lake: Lake, accounts: Collection[str]) -> pa.Table:
    theirs = pc.field("account_id").isin(pa.array(sorted(accounts), pa.string()))
    return _newest(lake.read("events", list(_PLACE), where=~theirs), _MOST_OTHER_REQUESTS)


def _newest(table: pa.Table, most: int) -> pa.Table:
    order = pc.sort_indices(table, sort_keys=[("time_us", "descending"), ("event_id", "ascending")])
    return table.take(order[:most])


def _texts(lake: Lake, keyring: Keyring, places: pa.Table) -> Iterator[Spoken]:
    rows = sorted(places.to_pylist(), key=lambda row: (row["segment"], row["text_chunk"], row["text_row"]))
    for segment, group in groupby(rows, key=lambda row: row["segment"]):
        at = {(row["text_chunk"], row["text_row"]): row["account_id"] for row in group}
        for place, text in read_rows(lake, keyring, segment, at):
            yield Spoken(at[place], text.prompt)


def _techniques(lake: Lake, accounts: Collection[str]) -> tuple[str, ...]:
    """The LLM techniques that rules saw most in the case, as Sigma tags."""
    seen: Counter[str] = Counter()
    for row in rows_where(lake, "detections", "account_id", accounts, ["techniques", "shadow"]):
        if not row["shadow"]:
            seen.update(name for name in row["techniques"] or () if name.startswith("LLM-"))
    found = tuple(name.lower().replace("-", ".") for name, _ in seen.most_common(3))
    if not found:
        raise InvalidInput("no rule saw a technique in this case", remedy="name one with --technique, such as llm.07")
    return found


def _shared_artefacts(lake: Lake, accounts: Collection[str]) -> Mapping[str, int]:
    """How many artefacts of each kind two or more of the accounts pasted."""
    holders: dict[tuple[str, str], set[str]] = {}
    for row in rows_where(lake, "observables", "account_id", accounts, ["kind", "value", "account_id"]):
        holders.setdefault((row["kind"], row["value"]), set()).add(row["account_id"])
    return Counter(kind for (kind, _), held in holders.items() if len(held) > 1)


def _require_sound(path: Path) -> None:
    report = lint([path])
    results = run_tests([checked.rule for checked in report.rules])
    told = [str(problem) for problem in report.errors]
    told += [str(problem) for result in results for problem in (*result.problems, *result.failures)]
    if told:
        raise InvalidInput(
            f"the draft does not pass its own check: {told[0]}", where=str(path), remedy="edit it by hand"
        )

"""A draft rule into force: a detection engineer takes it over into the rules of the installation, on the record."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stormwatch.access.acting import acting_person
from stormwatch.detections.rulebook.lint import lint
from stormwatch.detections.rulebook.rule_tests import run_tests, tests_path
from stormwatch.detections.rulebook.rules import load_rules
from stormwatch.detections.sigma.rule import Rule
from stormwatch.ledger.canonical import JSON
from stormwatch.ledger.log import Ledger
from stormwatch.model.errors import Conflict, InvalidInput
from stormwatch.model.principal import Principal, Role
from stormwatch.storage.database import Database


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A rule that was taken over: where it lies now, and the ledger entry."""

    rule: Rule
    path: Path
    ledger_sequence: int


def accept(
    database: Database, ledger: Ledger, by: Principal, draft: Path, *, known: Sequence[Path], target: Path, reason: str
) -> Acceptance:
    """Copies a draft with its tests into `target`; for detection engineers alone.

    It must hold one rule that passes check and tests, with an id that none of the rules below `known` has. The ledger
    keeps hash and version of what was accepted. Raises InvalidInput, Conflict, Forbidden.
    """
    if not reason.strip():
        raise InvalidInput("accepting a rule needs a reason", remedy="give it with --reason")
    rule, tests = _sound(draft)
    if any(other.rule_id == rule.rule_id for other in load_rules(known)):
        raise Conflict("a rule with this id is in force already", where=rule.rule_id, remedy="give the draft its own")
    places = target / draft.name, target / tests.name
    if any(place.exists() for place in places):
        raise Conflict("a file of this name is there already", where=str(target), remedy="rename the draft")
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (draft, tests)]
    with database.write() as connection:
        person = acting_person(connection, by, Role.DETECTION_ENGINEER)
        body: dict[str, JSON] = {
            "version": rule.rule_version,
            "shadow": rule.shadow,
            "rule_sha256": digests[0],
            "tests_sha256": digests[1],
            "reason": reason.strip(),
        }
        entry = ledger.append(connection, "rule.accepted", person.person_id, rule.rule_id, body)
        _copy((draft, tests), places)  # inside the transaction: what cannot be written is not on the record either
    return Acceptance(rule, places[0], entry.sequence)


def _sound(draft: Path) -> tuple[Rule, Path]:
    report = lint([draft])
    told = [str(problem) for problem in report.errors]
    results = run_tests([checked.rule for checked in report.rules])
    told += [str(problem) for result in results for problem in (*result.problems, *result.failures)]
    if told:
        raise InvalidInput(
            f"the draft does not pass: {told[0]}", where=str(draft), remedy="see `stormwatch rules test`"
        )
    if len(report.rules) != 1:
        raise InvalidInput(
            f"{len(report.rules)} rules are in this file", where=str(draft), remedy="name a file with one"
        )
    rule = report.rules[0].rule
    tests = tests_path(rule)
    if tests is None:
        raise InvalidInput("the draft has no test events", where=str(draft), remedy=f"write {draft.stem}.tests.yaml")
    return rule, tests


def _copy(sources: Sequence[Path], places: Sequence[Path]) -> None:
    try:
        places[0].parent.mkdir(parents=True, exist_ok=True)
        # The tests first: a hunt that comes in between sees no rule without its tests.
        for source, place in reversed(list(zip(sources, places, strict=True))):
            shutil.copyfile(source, place)
    except OSError as error:
        raise InvalidInput(
            f"cannot write: {error.strerror}", where=str(places[0].parent), remedy="check the folder of rules"
        ) from error

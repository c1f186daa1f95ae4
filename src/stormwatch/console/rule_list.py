"""Turns the rules in force and what the lake recorded of each into the lines of the rules page, filtered and sorted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from stormwatch.config import shipped
from stormwatch.console.lake_query import lake_query
from stormwatch.detections.correlations.correlation import Correlation
from stormwatch.detections.detectors.finding import RULE_PREFIX, Detector
from stormwatch.detections.detectors.run import registry
from stormwatch.detections.detectors.settings import detector_settings
from stormwatch.detections.rulebook.rules import RulePack
from stormwatch.detections.rulebook.rules_now import rules_now
from stormwatch.detections.sigma.rule import LEVEL_SCORES, Rule
from stormwatch.model.detection import DetectionKind
from stormwatch.runtime import Runtime

Entry = Rule | Correlation
LEVELS: Final = tuple(reversed(LEVEL_SCORES))
KINDS: Final = tuple(DetectionKind)
# What is recorded under ids of the software's own, which stand in no file.
_BUILT_IN: Final = frozenset({DetectionKind.INDICATOR, DetectionKind.ARTEFACT, DetectionKind.JUDGE})


class Standing(StrEnum):
    """What the hits of a rule count for."""

    ACTIVE = "active"
    SHADOW = "shadow"
    STEP = "step"
    GONE = "not in force"


class Order(StrEnum):
    """What comes first: what fired most, what hit most accounts, what fired last, or the titles in their order."""

    EVENTS = "events"
    ACCOUNTS = "accounts"
    LAST = "last"
    TITLE = "title"


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule, correlation or detector, and what it hit; `recorded_version` made its latest hit, None: it has none."""

    rule_id: str
    title: str
    kind: str
    level: str
    status: str
    standing: Standing
    techniques: tuple[str, ...]
    topic: str | None
    version: str
    recorded_version: str | None
    events: int
    accounts: int
    last_us: int | None

    @property
    def changed(self) -> bool:
        """Whether what is recorded was found by another version than the one in force."""
        return self.standing is not Standing.GONE and self.recorded_version not in (None, self.version)


@dataclass(frozen=True, slots=True)
class RuleQuery:
    """What the address of the rules page asks for; an empty text asks nothing."""

    words: str = ""
    level: str = ""
    kind: str = ""
    standing: str = ""
    technique: str = ""
    fired: str = ""
    order: Order = Order.EVENTS

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> RuleQuery:
        """The query of an address's parameters; what it does not know asks nothing."""
        order = asked.get("order", "")
        fired = asked.get("fired", "")
        return cls(
            asked.get("q", "").strip()[:200],
            asked.get("level", ""),
            asked.get("kind", ""),
            asked.get("standing", ""),
            asked.get("technique", ""),
            fired if fired in ("yes", "no") else "",
            Order(order) if order in set(Order) else Order.EVENTS,
        )

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of an address that asks the same, without those that ask nothing."""
        given = {
            "q": self.words,
            "level": self.level,
            "kind": self.kind,
            "standing": self.standing,
            "technique": self.technique,
            "fired": self.fired,
            "order": "" if self.order is Order.EVENTS else self.order.value,
        }
        return {name: value for name, value in given.items() if value}

    def admits(self, line: RuleLine) -> bool:
        """Whether a line is among those asked for."""
        asked = (
            (self.level, line.level),
            (self.kind, line.kind),
            (self.standing, line.standing.value),
            (self.fired, "yes" if line.events else "no"),
        )
        said = " ".join((line.title, line.rule_id, line.topic or "", *line.techniques)).casefold()
        return (
            all(wanted in ("", found) for wanted, found in asked)
            and self.technique in ("", *line.techniques)
            and self.words.casefold() in said
        )


_RANK: Final[Mapping[Order, Callable[[RuleLine], int]]] = {
    Order.EVENTS: lambda line: line.events,
    Order.ACCOUNTS: lambda line: line.accounts,
    Order.LAST: lambda line: line.last_us or 0,
    Order.TITLE: lambda _: 0,
}


def key_of(line: RuleLine, order: Order) -> tuple[int, str, str]:
    """Where a line stands in an order: the highest first, then by title."""
    return -_RANK[order](line), line.title.casefold(), line.rule_id


def rules_in_force(runtime: Runtime) -> RulePack:
    """The rules that the next hunt takes: the shipped ones and those of the settings, as their files are now."""
    return rules_now(rule_folders(runtime))


def rule_folders(runtime: Runtime) -> tuple[Path, ...]:
    """Where the rules in force lie; a folder of the settings that is not there yet holds none."""
    return (shipped("rules"), *(folder for folder in runtime.settings.rules if folder.exists()))


def detectors_in_force() -> Mapping[str, Detector]:
    """The detectors by the id under which they are recorded."""
    return {f"{RULE_PREFIX}{one.name}": one for one in registry(detector_settings())}


def rule_lines(runtime: Runtime) -> tuple[RuleLine, ...]:
    """Every rule, correlation and detector in force, and whatever else was recorded, each with what it hit."""
    with lake_query(runtime, ("detections",)) as query:
        fired = {row["rule_id"]: row for row in query.rows("rules_fired")}
    lines = [_entry_line(one, fired.pop(one.rule_id, None)) for one in rules_in_force(runtime).entries]
    lines += [_detector_line(name, one, fired.pop(name, None)) for name, one in detectors_in_force().items()]
    lines += [_recorded_line(row) for row in fired.values()]
    return tuple(lines)


def chosen(lines: Sequence[RuleLine], query: RuleQuery) -> tuple[RuleLine, ...]:
    """The lines that a query asks for, in its order."""
    return tuple(sorted(filter(query.admits, lines), key=lambda line: key_of(line, query.order)))


def techniques_of(lines: Sequence[RuleLine]) -> Iterator[str]:
    """Every technique that a line stands for, in order."""
    yield from sorted({technique for line in lines for technique in line.techniques})


def standing_of(entry: Entry) -> Standing:
    """What the hits of a rule or correlation count for."""
    if isinstance(entry, Rule) and entry.component_of:
        return Standing.STEP
    return Standing.SHADOW if entry.shadow else Standing.ACTIVE


def _entry_line(entry: Entry, row: Mapping[str, Any] | None) -> RuleLine:
    kind = DetectionKind.RULE if isinstance(entry, Rule) else DetectionKind.CORRELATION
    return RuleLine(
        rule_id=entry.rule_id,
        title=entry.title,
        kind=kind.value,
        level=entry.level,
        status=entry.status,
        standing=standing_of(entry),
        techniques=entry.techniques,
        topic=entry.topic,
        version=entry.rule_version,
        **_hits(row),
    )


def _detector_line(rule_id: str, detector: Detector, row: Mapping[str, Any] | None) -> RuleLine:
    return RuleLine(
        rule_id=rule_id,
        title=detector.name.replace("-", " ").capitalize(),
        kind=DetectionKind.DETECTOR.value,
        level="",
        status="",
        standing=Standing.ACTIVE,
        techniques=detector.settings.techniques,
        topic=None,
        version=detector.settings.version,
        **_hits(row),
    )


def _recorded_line(row: Mapping[str, Any]) -> RuleLine:
    """What is recorded and stands in no file: a match with indicators, a judge's word, or a rule taken out since."""
    built_in = row["kind"] in _BUILT_IN
    return RuleLine(
        rule_id=row["rule_id"],
        title=row["rule_id"],
        kind=row["kind"],
        level="",
        status="",
        standing=Standing.ACTIVE if built_in else Standing.GONE,
        techniques=tuple(row["techniques"] or ()),
        topic=None,
        version=row["rule_version"],
        **_hits(row),
    )


def _hits(row: Mapping[str, Any] | None) -> dict[str, Any]:
    names = {"recorded_version": "rule_version", "events": "events", "accounts": "accounts", "last_us": "last_us"}
    if row is None:
        return {"recorded_version": None, "events": 0, "accounts": 0, "last_us": None}
    return {name: row[column] for name, column in names.items()}

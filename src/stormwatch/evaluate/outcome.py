"""What a hunt put out, as the exported tables say it, kept to what is scored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stormwatch.detections.detectors.finding import RULE_PREFIX
from stormwatch.hunt.exports.accounts import account_rows
from stormwatch.hunt.exports.clusters import cluster_rows
from stormwatch.hunt.exports.detections import detection_rows
from stormwatch.hunt.exports.rows import AccountRow, ClusterRow, DetectionRow
from stormwatch.model.times import parse_rfc3339
from stormwatch.runtime import Runtime

_INDICATOR = "indicator:"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was said of an account: its risk, when it went over the case threshold, and the subject it is judged in."""

    risk: float
    flagged_us: int | None
    subject_id: str | None


@dataclass(frozen=True, slots=True)
class Subject:
    """A living cluster, or an account with a case that stands alone; the odds of each hypothesis, highest first."""

    subject_id: str
    account_ids: tuple[str, ...]
    odds: tuple[tuple[str, float], ...]

    @property
    def leading(self) -> str | None:
        """The most probable hypothesis; None when it was not assessed."""
        return self.odds[0][0] if self.odds else None

    def probability(self, hypotheses: Iterable[str]) -> float:
        """The probability of all these hypotheses together."""
        wanted = set(hypotheses)
        return sum(probability for name, probability in self.odds if name in wanted)


@dataclass(frozen=True, slots=True)
class Hits:
    """Detections per account: matches of indicators, whether anything was hit at all, the loudest rule."""

    indicators: Mapping[str, int]
    hit: frozenset[str]
    loudest: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The public outcome of a hunt over a world."""

    verdicts: Mapping[str, Verdict]
    subjects: Sequence[Subject]
    hits: Hits
    threshold: float

    @property
    def subject_of(self) -> Mapping[str, Subject]:
        """The subject that each account is judged in."""
        return {account: subject for subject in self.subjects for account in subject.account_ids}


def read_outcome(runtime: Runtime) -> Outcome:
    """The tables `accounts` (all), `clusters` and `detections`, from the same rows that `export` writes."""
    with runtime.engine() as engine:
        accounts = account_rows(
            engine, runtime.lake, runtime.database, threshold=runtime.settings.case_threshold, everyone=True
        )
        verdicts = {row.account_id: _verdict(row) for row in accounts}
    living = [row for row in cluster_rows(runtime.lake, runtime.database) if row.merged_into is None]
    return Outcome(
        verdicts,
        [_subject(row) for row in living],
        count_hits(detection_rows(runtime.lake)),
        runtime.settings.case_threshold,
    )


def _verdict(row: AccountRow) -> Verdict:
    flagged = None if row.flagged_time is None else parse_rfc3339(row.flagged_time)
    return Verdict(row.risk, flagged, row.cluster_id or (row.account_id if row.case_id else None))


def _subject(row: ClusterRow) -> Subject:
    odds = sorted(((h.hypothesis, h.probability) for h in row.hypotheses), key=lambda one: (-one[1], one[0]))
    return Subject(row.cluster_id, tuple(row.account_ids), tuple(odds))


def count_hits(rows: Iterable[DetectionRow]) -> Hits:
    """Detections by account. What detectors say of conduct over many events counts as no hit of one."""
    indicators: dict[str, int] = {}
    hit: set[str] = set()
    loudest: dict[str, float] = {}
    for row in rows:
        if row.rule_id.startswith(RULE_PREFIX):
            continue
        hit.add(row.account_id)
        if row.rule_id.startswith(_INDICATOR):
            indicators[row.account_id] = indicators.get(row.account_id, 0) + 1
        else:
            loudest[row.account_id] = max(loudest.get(row.account_id, 0.0), row.score)
    return Hits(indicators, frozenset(hit), loudest)

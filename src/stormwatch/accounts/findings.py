"""Evidence from detectors: each finding weighed by how many accounts of this population show the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stormwatch.accounts.odds import weight_from_rates
from stormwatch.accounts.weights import FindingWeight
from stormwatch.model.evidence import Evidence
from stormwatch.storage.lake import Lake

_INTRUSIONS: Final = frozenset({"key-misuse"})
_COLUMNS = ("detector", "account_id", "event_id", "time_us", "summary", "innocent_explanation")


@dataclass(frozen=True, slots=True)
class AccountFinding:
    """What a detector said of an account, as the lake keeps it."""

    detector: str
    account_id: str
    event_id: str
    time_us: int
    summary: str
    innocent_explanation: str


def read_findings(lake: Lake) -> Sequence[AccountFinding]:
    """The findings of the last run of the detectors."""
    return [AccountFinding(**row) for row in lake.read("findings", _COLUMNS).to_pylist()]


def victims_of_intruders(findings: Sequence[AccountFinding]) -> frozenset[str]:
    """The accounts of which a detector says that somebody else uses what is theirs."""
    return frozenset(finding.account_id for finding in findings if finding.detector in _INTRUSIONS)


def finding_evidence(
    findings: Sequence[AccountFinding], weights: Mapping[str, FindingWeight], *, population: int
) -> Iterator[Evidence]:
    """One piece of evidence a finding; `population` is the number of accounts that sent anything."""
    showing = Counter(finding.detector for finding in findings)
    for finding in findings:
        weight = weights.get(finding.detector)
        if weight is None:
            continue
        frequency = showing[finding.detector] / population if population else 0.0
        yield Evidence(
            account_id=finding.account_id,
            kind=finding.detector,
            group=weight.group,
            weight_bits=weight_from_rates(weight.shown, frequency, population, weight.cap_bits),
            summary=finding.summary,
            innocent_explanation=finding.innocent_explanation,
            innocent_frequency=frequency,
            event_time_us=finding.time_us,
            event_ids=(finding.event_id,) if finding.event_id else (),
        )

"""The grounds of an assessment (evidence, habits, prior) to its hypotheses, and to the lake and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from stormwatch.attribution.base_rates import BaseRates
from stormwatch.attribution.hypotheses import Habits, hypotheses
from stormwatch.attribution.profiles import Profile
from stormwatch.attribution.risk import decided_risk
from stormwatch.attribution.speaking import spoken_bits
from stormwatch.model.assessment import Hypothesis
from stormwatch.model.evidence import Evidence
from stormwatch.storage.lake import Lake
from stormwatch.storage.schemas import ASSESSMENT_GROUNDS


@dataclass(frozen=True, slots=True)
class Grounds:
    """What an assessment of one subject was made of: every piece of evidence, what tells actors apart, the prior."""

    subject_id: str
    account_ids: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    habits: Habits
    prior: float
    threshold: float


def ranked(grounds: Grounds, profiles: Sequence[Profile], rates: BaseRates) -> tuple[Hypothesis, ...]:
    """The hypotheses that these grounds give, most probable first."""
    pieces, accounts = grounds.evidence, len(grounds.account_ids)
    risk = decided_risk(pieces, grounds.prior, grounds.threshold, rates, accounts)
    spoken = spoken_bits(pieces, rates, accounts, raising_only=False)
    return hypotheses(risk, grounds.habits, profiles, rates, spoken)


def grounds_table(grounds: Sequence[Grounds]) -> pa.Table:
    """Grounds as rows of the lake."""
    rows = [{**asdict(one), "habits": msgspec.json.encode(one.habits).decode()} for one in grounds]
    return pa.Table.from_pylist(rows, schema=ASSESSMENT_GROUNDS)


def read_grounds(lake: Lake, subject_id: str) -> Grounds | None:
    """The grounds of the last assessment of a subject; None when the last hunt assessed it no more."""
    rows = lake.read("assessment_grounds", where=pc.field("subject_id") == subject_id).to_pylist()
    return _grounds(rows[0]) if rows else None


def _grounds(row: Mapping[str, Any]) -> Grounds:
    return Grounds(
        subject_id=row["subject_id"],
        account_ids=tuple(row["account_ids"]),
        evidence=tuple(msgspec.convert(piece, Evidence) for piece in row["evidence"]),
        habits=msgspec.json.decode(row["habits"], type=Habits),
        prior=row["prior"],
        threshold=row["threshold"],
    )

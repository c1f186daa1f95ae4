"""What the hunt left in the lake about some accounts, read back as typed values."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from stormwatch.model.assessment import Confidence, Hypothesis, HypothesisKind
from stormwatch.model.evidence import Evidence, Link, LinkEvidence
from stormwatch.storage.lake import Lake

_IN_MANY_FILES: Final = frozenset({"events", "detections", "observables"})


@dataclass(frozen=True, slots=True)
class Finding:
    """An assessment as the hunt wrote it, with the evidence of the subject as a whole."""

    subject_id: str
    account_ids: tuple[str, ...]
    risk: float
    hypotheses: tuple[Hypothesis, ...]
    likelihood: str
    confidence: Confidence
    calibrated_on: str
    flagged_us: int | None
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Subject:
    """Who an assessment is about and how high the risk: what the queue needs of the many that are read.

    `also` are other assessments that speak of these accounts, where people put several into one case.
    """

    subject_id: str
    account_ids: tuple[str, ...]
    risk: float
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lineage:
    """A cluster's earlier ids, and the cluster that took it over."""

    previous_ids: tuple[str, ...]
    merged_into: str | None


def rows_where(
    lake: Lake, table: str, column: str, values: Collection[str], columns: Sequence[str] | None = None
) -> list[Mapping[str, Any]]:
    """Rows of a lake table whose column holds one of the values, in stored order."""
    if not values:
        return []
    found: list[Mapping[str, Any]] = lake.read(
        table, columns, where=_holds(column, values), key=column if table in _IN_MANY_FILES else None
    ).to_pylist()
    return found


def distinct_where(
    lake: Lake, table: str, column: str, values: Collection[str], columns: Sequence[str]
) -> set[tuple[Any, ...]]:
    """The different combinations of `columns` in the rows whose column holds one of the values."""
    if not values:
        return set()
    distinct = lake.read(table, columns, where=_holds(column, values)).group_by(list(columns)).aggregate([])
    return set(zip(*(distinct[name].to_pylist() for name in columns), strict=True))


def _holds(column: str, values: Collection[str]) -> pc.Expression:
    return pc.field(column).isin(pa.array(sorted(values), pa.string()))


def subjects(lake: Lake) -> tuple[Subject, ...]:
    """Everyone who was assessed."""
    rows = lake.read("assessments", ["subject_id", "account_ids", "risk"]).to_pylist()
    return tuple(Subject(row["subject_id"], tuple(sorted(row["account_ids"])), row["risk"]) for row in rows)


def finding(lake: Lake, subject_id: str) -> Finding | None:
    """The assessment of one subject; None when the last hunt assessed it no more."""
    return findings(lake, [subject_id]).get(subject_id)


def findings(lake: Lake, subject_ids: Collection[str]) -> Mapping[str, Finding]:
    """The assessments of these subjects, by subject id."""
    return {row["subject_id"]: _finding(row) for row in rows_where(lake, "assessments", "subject_id", subject_ids)}


def about_together(assessed: Finding | None, of_accounts: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """The evidence of an assessment that is about the accounts together and not among that on single ones."""
    known = {(piece.kind, piece.group, piece.summary) for piece in of_accounts}
    pieces = assessed.evidence if assessed else ()
    return tuple(piece for piece in pieces if (piece.kind, piece.group, piece.summary) not in known)


def hypotheses_of(lake: Lake, subject_ids: Collection[str]) -> Mapping[str, tuple[Hypothesis, ...]]:
    """The hypotheses about each subject in falling order, by subject id."""
    rows = rows_where(lake, "assessments", "subject_id", subject_ids, ["subject_id", "hypotheses"])
    return {row["subject_id"]: _hypotheses(row) for row in rows}


def account_evidence(lake: Lake, account_ids: Collection[str]) -> tuple[Evidence, ...]:
    """All evidence on these accounts, by account and then heaviest first."""
    found = (
        _evidence(row, row["account_id"]) for row in rows_where(lake, "account_evidence", "account_id", account_ids)
    )
    return tuple(sorted(found, key=lambda e: (e.account_id, -e.weight_bits, e.kind, e.group, e.summary)))


def links_among(lake: Lake, account_ids: Collection[str]) -> tuple[Link, ...]:
    """The links whose both ends are among these accounts, strongest first."""
    known = set(account_ids)
    rows = rows_where(lake, "links", "account_id_a", account_ids)
    found = [_link(row) for row in rows if row["account_id_b"] in known]
    return tuple(sorted(found, key=lambda link: (-link.match_weight, link.account_id_a, link.account_id_b)))


def lineages(lake: Lake) -> Mapping[str, Lineage]:
    """Every cluster's lineage, by cluster id."""
    rows = lake.read("clusters", ["cluster_id", "previous_ids", "merged_into"]).to_pylist()
    return {row["cluster_id"]: Lineage(tuple(row["previous_ids"] or ()), row["merged_into"]) for row in rows}


def _finding(row: Mapping[str, Any]) -> Finding:
    return Finding(
        subject_id=row["subject_id"],
        account_ids=tuple(sorted(row["account_ids"])),
        risk=row["risk"],
        hypotheses=_hypotheses(row),
        likelihood=row["likelihood"],
        confidence=Confidence(row["confidence"]),
        calibrated_on=row["calibrated_on"],
        flagged_us=row["flagged_us"],
        evidence=tuple(_evidence(piece, row["subject_id"]) for piece in row["evidence"] or ()),
    )


def _hypotheses(row: Mapping[str, Any]) -> tuple[Hypothesis, ...]:
    found = (Hypothesis(h["hypothesis"], HypothesisKind(h["kind"]), h["probability"]) for h in row["hypotheses"] or ())
    return tuple(sorted(found, key=lambda h: (-h.probability, h.hypothesis)))


def _evidence(row: Mapping[str, Any], account_id: str) -> Evidence:
    return Evidence(
        account_id=account_id,
        kind=row["kind"],
        group=row["group"],
        weight_bits=row["weight_bits"],
        summary=row["summary"],
        innocent_explanation=row["innocent_explanation"],
        innocent_frequency=row["innocent_frequency"],
        event_time_us=row["event_time_us"],
        actors=tuple(row["actors"] or ()),
        event_ids=tuple(row["event_ids"] or ()),
        sources=tuple(row.get("sources") or ()),
    )


def _link(row: Mapping[str, Any]) -> Link:
    parts = (
        LinkEvidence(
            piece["identifier_kind"],
            tuple(piece["shared_values"] or ()),
            piece["weight_bits"],
            piece["innocent_explanation"],
        )
        for piece in row["evidence"] or ()
    )
    return Link(row["account_id_a"], row["account_id_b"], row["match_weight"], row["probability"], tuple(parts))

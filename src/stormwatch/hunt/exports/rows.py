"""Shapes of the exported rows (spec: exports, version 1); times as RFC 3339 UTC. Fields are added, never renamed."""

from __future__ import annotations

import msgspec


class EvidenceRow(msgspec.Struct, frozen=True):
    """A piece of evidence as exported."""

    kind: str
    weight_bits: float
    summary: str
    innocent_explanation: str


class AccountRow(msgspec.Struct, frozen=True):
    """A row of the table `accounts`."""

    account_id: str
    event_count: int
    risk: float
    risk_rank: int
    first_event_time: str | None
    last_event_time: str | None
    flagged_time: str | None
    evidence: list[EvidenceRow]
    cluster_id: str | None
    case_id: str | None


class LinkEvidenceRow(msgspec.Struct, frozen=True):
    """A part of a match weight as exported."""

    identifier_kind: str
    shared_values: list[str]
    weight_bits: float
    innocent_explanation: str


class LinkRow(msgspec.Struct, frozen=True):
    """A row of the table `links`."""

    account_id_a: str
    account_id_b: str
    match_weight: float
    probability: float
    evidence: list[LinkEvidenceRow]


class HypothesisRow(msgspec.Struct, frozen=True):
    """A hypothesis as exported."""

    hypothesis: str
    kind: str
    probability: float


class ClusterRow(msgspec.Struct, frozen=True):
    """A row of the table `clusters`; a former cluster keeps its id and says what it was merged into."""

    cluster_id: str
    previous_ids: list[str]
    merged_into: str | None
    account_ids: list[str]
    first_event_time: str | None
    last_event_time: str | None
    risk: float | None
    hypotheses: list[HypothesisRow]
    likelihood: str | None
    confidence: str | None
    calibrated_on: str | None


class DetectionRow(msgspec.Struct, frozen=True):
    """A row of the table `detections`; a match on a sign-up has no event."""

    event_id: str | None
    account_id: str
    time: str | None
    rule_id: str
    rule_version: str
    techniques: list[str]
    score: float


class CaseRow(msgspec.Struct, frozen=True):
    """A row of the table `cases`; `actions` are the ids of rows of the table `actions`."""

    case_id: str
    state: str
    opened_time: str
    account_ids: list[str]
    cluster_id: str | None
    hypotheses: list[HypothesisRow]
    actions: list[str]


class ActionRow(msgspec.Struct, frozen=True):
    """A row of the table `actions`: an action on one account."""

    action_id: str
    case_id: str
    account_id: str
    kind: str
    proposed_by: str
    proposed_time: str
    approved_by: str | None
    approved_time: str | None
    evidence_hash: str
    acknowledged_time: str | None
    verified_time: str | None
    reversed_time: str | None

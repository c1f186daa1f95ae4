"""The analyst's work unit and what is done to accounts: cases, proposals, approvals, actions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CaseState(StrEnum):
    """Where a case stands; the allowed moves are in the cases room."""

    OPEN = "open"
    IN_REVIEW = "in-review"
    PROPOSED = "proposed"
    ACTED = "acted"
    CLEARED = "cleared"
    CLOSED = "closed"


class ActionKind(StrEnum):
    """Graduated actions on an account; this version enforces limit and suspend at the decision endpoint."""

    WATCH = "watch"
    LIMIT = "limit"
    SUSPEND = "suspend"


class DecisionState(StrEnum):
    """What a gateway is told about an account."""

    ALLOW = "allow"
    LIMIT = "limit"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Case:
    """A cluster or account above the threshold, as the queue shows it.

    `version` counts its changes. `leading` is the first-ranked hypothesis. The accounts of a curated case were chosen
    by people, who merged or split it.
    """

    case_id: str
    subject_id: str
    state: CaseState
    opened_us: int
    updated_us: int
    account_ids: tuple[str, ...]
    cluster_id: str | None
    risk: float
    title: str
    assignee: str | None = None
    queue: str = "general"
    due_us: int | None = None
    version: int = 1
    leading: str | None = None
    curated: bool = False
    merged_into: str | None = None
    split_from: str | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """One action on one account, from proposal to reversal; people are given by their pseudonymous ids."""

    action_id: str
    case_id: str
    account_id: str
    kind: ActionKind
    proposed_by: str
    proposed_us: int
    evidence_hash: str
    reason_code: str
    approved_by: str | None = None
    approved_us: int | None = None
    acknowledged_us: int | None = None
    verified_us: int | None = None
    reversed_us: int | None = None
    reversed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer for one account at the decision endpoint."""

    account_id: str
    state: DecisionState
    reason_code: str | None = None
    appeal_url: str | None = None
    until_us: int | None = None

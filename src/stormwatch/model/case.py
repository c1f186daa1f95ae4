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
    """Graduated actions on an account, the mildest first; a rotated key stands apart, for it takes nothing away."""

    WATCH = "watch"  # nothing changes for the holder
    VERIFY = "verify"  # limited until the holder has shown who they are
    LIMIT = "limit"
    SUSPEND = "suspend"
    TERMINATE = "terminate"  # a suspension that is meant to stay, so it has no end
    ROTATE_KEY = "rotate-key"  # the keys become useless, the account goes on with new ones


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
    """One action on one account, from proposal to reversal; people are given by their pseudonymous ids.

    `effective_us` is None while an embargo holds an approved action back until `not_before_us`; `ended_us` says when it
    was over by itself: its end `until_us` had come, or nothing spoke for it any more when its embargo ended.
    """

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
    until_us: int | None = None
    effective_us: int | None = None
    ended_us: int | None = None

    @property
    def stands(self) -> bool:
        """Whether it was approved and is neither reversed nor over; an embargo may still hold it back."""
        return self.approved_us is not None and self.reversed_us is None and self.ended_us is None

    @property
    def in_force(self) -> bool:
        """Whether it stands and no embargo holds it back (any more)."""
        return self.stands and self.effective_us is not None


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer for one account at the decision endpoint."""

    account_id: str
    state: DecisionState
    reason_code: str | None = None
    appeal_url: str | None = None
    until_us: int | None = None

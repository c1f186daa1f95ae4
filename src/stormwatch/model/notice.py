"""What account holders and third parties are told, and what they answer: notices and appeals as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class NoticeKind(StrEnum):
    """Why somebody is written to."""

    STATEMENT = "statement-of-reasons"
    REINSTATEMENT = "reinstatement"
    APPEAL_UPHELD = "appeal-upheld"
    APPEAL_REVERSED = "appeal-reversed"
    KEY_OWNER = "key-owner"
    TARGET = "named-target"
    HOST = "host"

    @property
    def to_third_party(self) -> bool:
        """Whether a person writes it from a template and another lets it leave."""
        return self in (NoticeKind.KEY_OWNER, NoticeKind.TARGET, NoticeKind.HOST)


class NoticeState(StrEnum):
    """Where a notice stands. `dead`: it was tried often and nobody took it."""

    DRAFT = "draft"
    WAITING = "waiting"
    SENT = "sent"
    WITHDRAWN = "withdrawn"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice without its words. `commitment` (hex) is that of the words, as the ledger has it."""

    notice_id: str
    kind: NoticeKind
    state: NoticeState
    case_id: str
    account_id: str | None
    action_id: str | None
    language: str
    commitment: str
    made_us: int
    made_by: str
    decided_us: int | None = None
    decided_by: str | None = None
    attempts: int = 0
    last_error: str | None = None
    sent_us: int | None = None
    appeal_until_us: int | None = None


@dataclass(frozen=True, slots=True)
class NoticeWords:
    """What a notice says, and whom the operator's mail system shall bring it to."""

    recipient: str
    subject: str
    text: str
    direction: str = "ltr"


class AppealState(StrEnum):
    """Where an appeal stands. `reversing`: decided for the holder, and not carried out yet."""

    WAITING = "waiting"
    UPHELD = "upheld"
    REVERSING = "reversing"
    REVERSED = "reversed"


class AppealDecision(StrEnum):
    """What a reviewer can decide: the measure stands, or it is undone."""

    UPHOLD = "uphold"
    REVERSE = "reverse"


@dataclass(frozen=True, slots=True)
class Appeal:
    """An account holder's objection to one action, without its words; `due_us` is when an answer is owed."""

    appeal_id: str
    notice_id: str
    action_id: str
    case_id: str
    account_id: str
    language: str
    state: AppealState
    commitment: str
    received_us: int
    due_us: int
    decided_us: int | None = None
    decided_by: str | None = None
    settled_us: int | None = None

    def is_late(self, now_us: int) -> bool:
        """Whether an answer is overdue."""
        return self.decided_us is None and now_us > self.due_us

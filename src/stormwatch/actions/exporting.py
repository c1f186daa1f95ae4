"""Rows of the public table `actions` (exports, version 1): people by pseudonymous ids, times as RFC 3339."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from stormwatch.actions.execution import list_actions
from stormwatch.model.times import format_rfc3339
from stormwatch.storage.database import Database


class ActionRow(msgspec.Struct, frozen=True):
    """An action on one account, as outside evaluation reads it."""

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


def action_rows(database: Database) -> Iterator[ActionRow]:
    """Every action that was approved, oldest first."""
    for action in reversed(list_actions(database)):
        yield ActionRow(
            action_id=action.action_id,
            case_id=action.case_id,
            account_id=action.account_id,
            kind=action.kind.value,
            proposed_by=action.proposed_by,
            proposed_time=format_rfc3339(action.proposed_us),
            approved_by=action.approved_by,
            approved_time=_time(action.approved_us),
            evidence_hash=action.evidence_hash,
            acknowledged_time=_time(action.acknowledged_us),
            verified_time=_time(action.verified_us),
            reversed_time=_time(action.reversed_us),
        )


def _time(time_us: int | None) -> str | None:
    return None if time_us is None else format_rfc3339(time_us)

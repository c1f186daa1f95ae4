"""Rows of the table `actions`: people by pseudonymous ids, times as RFC 3339."""

from __future__ import annotations

from collections.abc import Iterator

from stormwatch.actions.execution import list_actions
from stormwatch.hunt.exports.rows import ActionRow
from stormwatch.model.times import format_rfc3339, optional_rfc3339
from stormwatch.storage.database import Database


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
            approved_time=optional_rfc3339(action.approved_us),
            evidence_hash=action.evidence_hash,
            acknowledged_time=optional_rfc3339(action.acknowledged_us),
            verified_time=optional_rfc3339(action.verified_us),
            reversed_time=optional_rfc3339(action.reversed_us),
        )

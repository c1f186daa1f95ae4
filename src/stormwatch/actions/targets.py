"""Which accounts of a case an action is for: those that are not under it, or under a graver one, already."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, select

from stormwatch.actions.execution import read_actions, standing_actions
from stormwatch.model.case import Action, ActionKind, Case
from stormwatch.model.errors import Conflict
from stormwatch.storage.tables.actions import actions

# A rotated key is not in this row: it goes beside any of them.
_GRADES: Final = (
    ActionKind.WATCH,
    ActionKind.VERIFY,
    ActionKind.LIMIT,
    ActionKind.SUSPEND,
    ActionKind.TERMINATE,
)


def targets(
    connection: Connection, case: Case, kind: ActionKind, account_ids: Collection[str] | None
) -> tuple[str, ...]:
    """The accounts to be acted on: those named, or all of the case that it is not done to yet.

    Raises Conflict when an account that was named is held already, or when none is left.
    """
    wanted = case.account_ids if account_ids is None else tuple(sorted(set(account_ids)))
    held = _held(connection, wanted, kind)
    left = tuple(account_id for account_id in wanted if account_id not in held)
    if not left or (account_ids is not None and held):
        named = f"{min(held)} is" if held else "no account is named that is not"
        raise Conflict(f"{named} under this or a graver action already", where=case.case_id)
    return left


def _held(connection: Connection, account_ids: Collection[str], kind: ActionKind) -> frozenset[str]:
    if kind is ActionKind.ROTATE_KEY:
        under_way = _rotations_under_way(connection, account_ids)
        return frozenset(action.account_id for action in under_way)
    return frozenset(action.account_id for action in standing_actions(connection, account_ids) if _covers(action, kind))


def _covers(action: Action, kind: ActionKind) -> bool:
    """Whether nothing is left to ask for: what an embargo holds back covers its own kind alone."""
    if action.kind is kind or action.kind not in _GRADES:
        return action.kind is kind
    return action.in_force and _GRADES.index(action.kind) > _GRADES.index(kind)


def _rotations_under_way(connection: Connection, account_ids: Collection[str]) -> tuple[Action, ...]:
    query = select(actions).where(
        actions.c.account_id.in_(sorted(account_ids)),
        actions.c.kind == ActionKind.ROTATE_KEY.value,
        actions.c.reversed_us.is_(None),
        actions.c.verified_us.is_(None),
    )
    return read_actions(connection, query)

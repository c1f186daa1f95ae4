"""How far each action came, account by account: what a list of many shows, and what of it failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, select, true

from stormwatch.actions.execution import read_actions
from stormwatch.actions.outbox import APPLY, WaitingOrder, orders_of
from stormwatch.model.case import Action, ActionKind
from stormwatch.storage.database import Database
from stormwatch.storage.tables.actions import actions, proposals


class Stage(StrEnum):
    """Where an action stands; `failing` is tried again by itself, `given-up` waits for a person."""

    EMBARGO = "under-embargo"
    REQUESTED = "requested"
    ACKNOWLEDGED = "acknowledged"
    VERIFIED = "verified"
    FAILING = "failing"
    GIVEN_UP = "given-up"
    UNDOING = "being-undone"
    REVERSED = "reversed"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Standing:
    """One action, where it stands, and the order that is still under way for it, if one is."""

    action: Action
    proposal_id: str
    not_before_us: int | None
    order: WaitingOrder | None

    @property
    def stage(self) -> Stage:
        """The stage, the worst first: what failed is shown even where the decision list has changed long since."""
        order = self.order
        if order is not None and order.dead_us is not None:
            return Stage.GIVEN_UP
        if order is not None and order.attempts:
            return Stage.FAILING
        if order is not None and order.purpose != APPLY:
            return Stage.UNDOING
        return self._settled()

    def _settled(self) -> Stage:
        action = self.action
        if action.reversed_us is not None:
            return Stage.REVERSED
        if action.effective_us is None:
            return Stage.EMBARGO if action.ended_us is None else Stage.OVER
        if action.ended_us is not None and action.kind is not ActionKind.ROTATE_KEY:
            return Stage.OVER
        if action.verified_us is not None:
            return Stage.VERIFIED
        return Stage.ACKNOWLEDGED if action.acknowledged_us is not None else Stage.REQUESTED


@dataclass(frozen=True, slots=True)
class Progress:
    """How many actions stand where."""

    counts: Mapping[Stage, int]

    @property
    def total(self) -> int:
        """All that were approved."""
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """Those of which nothing is under way any more."""
        return sum(self.counts.get(stage, 0) for stage in (Stage.VERIFIED, Stage.REVERSED, Stage.OVER))

    @property
    def failed(self) -> int:
        """Those that a gateway did not take, or did not do, so far."""
        return self.counts.get(Stage.FAILING, 0) + self.counts.get(Stage.GIVEN_UP, 0)

    @property
    def words(self) -> str:
        """The counts as a sentence's end, such as `4 verified, 1 failing`."""
        return ", ".join(f"{number:,} {stage.value}" for stage, number in sorted(self.counts.items()) if number)


def standings(
    database: Database, *, case_id: str | None = None, proposal_id: str | None = None
) -> tuple[Standing, ...]:
    """Actions with where they stand, the newest first, of a case or of a proposal."""
    wanted: list[ColumnElement[bool]] = [true()]
    wanted += [] if case_id is None else [actions.c.case_id == case_id]
    wanted += [] if proposal_id is None else [actions.c.proposal_id == proposal_id]
    query = (
        select(actions).where(*wanted).order_by(actions.c.approved_us.desc(), actions.c.account_id, actions.c.action_id)
    )
    terms = (
        select(actions.c.action_id, proposals.c.proposal_id, proposals.c.not_before_us)
        .join(proposals, proposals.c.proposal_id == actions.c.proposal_id)
        .where(*wanted)
    )
    with database.read() as connection:
        found = read_actions(connection, query)
        held = {row.action_id: row for row in connection.execute(terms)}
        under_way = orders_of(connection, case_id)
    return tuple(
        Standing(
            action,
            held[action.action_id].proposal_id,
            held[action.action_id].not_before_us,
            under_way.get(action.action_id),
        )
        for action in found
    )


def progress_of(found: Sequence[Standing]) -> Progress:
    """The counts over some actions."""
    return Progress(Counter(standing.stage for standing in found))

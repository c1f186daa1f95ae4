"""Figures about what account holders were told and what they answered: notices, appeals, how they ended, how fast."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, select

from stormwatch.model.notice import AppealState, NoticeKind
from stormwatch.model.times import DAY
from stormwatch.reports.figures import Figure, Meaning, Period, overlapping, partition, tally
from stormwatch.reports.sources import Sources
from stormwatch.storage.tables.notices import appeals, notices

_BANDS: Final = ((DAY, "under a day"), (7 * DAY, "under a week"), (14 * DAY, "under two weeks"))
_LONGEST: Final = "two weeks or more"
_ENDS: Final = {AppealState.UPHELD: "measure upheld", AppealState.REVERSED: "measure reversed"}

_NOTICES: Final = Meaning(
    name="notices-sent",
    title="Notices sent",
    unit="notices",
    derivation="appeals.notices_sent/1",
    definition="Notices that were handed over to be sent in the period, by why somebody was written to.",
)
_RECEIVED: Final = Meaning(
    name="appeals-received",
    title="Appeals received",
    unit="appeals",
    derivation="appeals.received/1",
    definition="Appeals of account holders that arrived in the period. One action can be appealed against once.",
)
_DECIDED: Final = Meaning(
    name="appeals-decided",
    title="Appeals decided",
    unit="appeals",
    derivation="appeals.decided/1",
    definition="Appeals that were settled in the period, by how they ended. Nobody who proposed, approved or examined "
    "the measure decides on the appeal against it.",
)
_SPEED: Final = Meaning(
    name="time-to-appeal-decision",
    title="Time from appeal to decision",
    unit="appeals",
    derivation="appeals.time_to_decision/1",
    definition="The same appeals by the time from their arrival to the decision.",
)


def appeal_figures(sources: Sources, period: Period) -> tuple[Figure, ...]:
    """The figures of the period about notices and appeals, nothing suppressed yet."""
    return (
        notices_sent(sources, period),
        appeals_received(sources, period),
        appeals_decided(sources, period),
        time_to_decision(sources, period),
    )


def notices_sent(sources: Sources, period: Period) -> Figure:
    """Notices by kind."""
    query = select(notices.c.kind).where(_within(notices.c.sent_us, period))
    with sources.database.read() as connection:
        observed = list(connection.execute(query).scalars())
    return partition(_NOTICES, tally([kind.value for kind in NoticeKind], observed))


def appeals_received(sources: Sources, period: Period) -> Figure:
    """How many appeals came."""
    query = select(appeals.c.appeal_id).where(_within(appeals.c.received_us, period))
    with sources.database.read() as connection:
        return overlapping(_RECEIVED, {"appeals": len(connection.execute(query).all())})


def appeals_decided(sources: Sources, period: Period) -> Figure:
    """Settled appeals by their end."""
    query = select(appeals.c.state).where(_within(appeals.c.settled_us, period))
    with sources.database.read() as connection:
        observed = [_ENDS[AppealState(state)] for state in connection.execute(query).scalars()]
    return partition(_DECIDED, tally(tuple(_ENDS.values()), observed))


def time_to_decision(sources: Sources, period: Period) -> Figure:
    """Settled appeals by how long the decision took."""
    query = select(appeals.c.received_us, appeals.c.decided_us).where(_within(appeals.c.settled_us, period))
    with sources.database.read() as connection:
        observed = [_band(row.decided_us - row.received_us) for row in connection.execute(query)]
    return partition(_SPEED, tally((*(name for _, name in _BANDS), _LONGEST), observed))


def _band(elapsed_us: int) -> str:
    return next((name for limit, name in _BANDS if elapsed_us < limit), _LONGEST)


def _within(column: ColumnElement[int | None], period: Period) -> ColumnElement[bool]:
    return (column >= period.from_us) & (column < period.to_us)

"""Ban as found, or all at once: what either would do to a case, from what its accounts did so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from stormwatch.actions.case_activity import WEEK_DAYS, CaseActivity, case_activity
from stormwatch.actions.execution import read_actions
from stormwatch.cases.findings import account_evidence, rows_where
from stormwatch.cases.queue import case_row
from stormwatch.model.case import Action
from stormwatch.model.intel import PAP
from stormwatch.model.times import DAY, now_us, span_words
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake
from stormwatch.storage.tables.actions import actions, proposals
from stormwatch.storage.tables.cases import case_accounts
from stormwatch.storage.tables.intel import indicators

FINDING_DAYS: Final = 14
_DEFAULT_EMBARGO: Final = 7 * DAY
_SILENT_DAYS: Final = 2
_NEAR_SHOWN: Final = 12
_QUIET_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class FoundOn:
    """How many accounts joined the case after its opening on a day (days since the epoch)."""

    day: int
    accounts: int


@dataclass(frozen=True, slots=True)
class Clock:
    """An approved embargo that runs: what it holds back, and until when."""

    proposal_id: str
    not_before_us: int
    accounts: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The two ways beside each other, as sentences with their figures; which to take is for people to judge.

    Paces are those of the last week (requests) and the last fortnight (accounts found), carried on to `until_us`. They
    are no forecast: an operator who notices does something else.
    """

    case_id: str
    until_us: int
    accounts: int
    with_own_evidence: int
    acted_on: int
    found_on: tuple[FoundOn, ...]
    near: tuple[str, ...]
    near_total: int
    requests_last_week: int
    hits_last_week: int
    as_found: tuple[str, ...]
    all_at_once: tuple[str, ...]
    signs: tuple[str, ...]
    clocks: tuple[Clock, ...]


def plan(database: Database, lake: Lake, case_id: str, *, until_us: int | None = None) -> Plan:
    """The plan of a case for an embargo until `until_us` (None: a week from now); NotFound for an unknown case."""
    now = now_us()
    end = now + _DEFAULT_EMBARGO if until_us is None else until_us
    with database.read() as connection:
        case = case_row(connection, case_id)
        joined = _joined_since(connection, case_id, case.opened_us)
        done = read_actions(connection, select(actions).where(actions.c.case_id == case_id))
        clocks = _clocks(connection, case_id)
        activity = case_activity(lake, case.account_ids)
        forbidden = _noticeable(connection, activity.indicators)
    near = _linked_outside(lake, case.account_ids)
    own = {piece.account_id for piece in account_evidence(lake, case.account_ids)}
    week = activity.last_day - WEEK_DAYS + 1
    requests = activity.requests(week, activity.last_day + 1)
    hits = sum(1 for moment in activity.hit_events.values() if moment // DAY >= week)
    recent = [day for day in joined if day > now // DAY - FINDING_DAYS]
    standing = [action for action in done if action.in_force]
    return Plan(
        case_id=case_id,
        until_us=end,
        accounts=len(case.account_ids),
        with_own_evidence=len(own & set(case.account_ids)),
        acted_on=len({action.account_id for action in standing}),
        found_on=tuple(FoundOn(day, number) for day, number in sorted(Counter(recent).items())),
        near=near[:_NEAR_SHOWN],
        near_total=len(near),
        requests_last_week=requests,
        hits_last_week=hits,
        as_found=_as_found(activity, len(case.account_ids), requests, len(near)),
        all_at_once=_all_at_once(max(end - now, 0), requests, hits, len(recent)),
        signs=_signs(activity, standing, forbidden),
        clocks=clocks,
    )


def _as_found(activity: CaseActivity, accounts: int, requests: int, near: int) -> tuple[str, ...]:
    spared, late = activity.after_first_sign(), activity.came_after_first_sign_of_another()
    total = activity.requests(0, activity.last_day + 1)
    found = [
        f"It ends what the {_some(accounts, 'account')} known now do: {_some(requests, 'request')} in the last week."
    ]
    if near:
        found.append(
            f"{_some(near, 'linked account')} outside the case would go on, and their operator can see the ban."
        )
    found.append(
        f"Looking back, a ban at each account's first sign would have spared at most {spared:,} of "
        f"{_some(total, 'request')}."
    )
    found.append(
        f"{_some(late, 'account')} of the case came after the first of them could have been banned: "
        + ("whoever runs them replaces accounts." if late else "nothing shows that banned accounts are replaced.")
    )
    return tuple(found)


def _all_at_once(span: int, requests: int, hits: int, recent: int) -> tuple[str, ...]:
    share = span / (WEEK_DAYS * DAY)
    more = round(recent * span / (FINDING_DAYS * DAY))
    joins = (
        f"At the pace of the last {FINDING_DAYS} days about {_some(more, 'account')} more would be found meanwhile; "
        "each needs a proposal of its own."
        if recent
        else f"No account joined the case in the last {FINDING_DAYS} days, so waiting may bring none."
    )
    return (
        f"Meanwhile ({span_words(span)}) the known accounts go on: about {_some(round(requests * share), 'request')} "
        f"at last week's pace, {round(hits * share):,} of which rules would hit.",
        joins,
        "What two people have approved by then goes out together; until then gateways are told nothing.",
    )


def _signs(activity: CaseActivity, standing: Sequence[Action], forbidden: int) -> tuple[str, ...]:
    """Whatever speaks for the operator knowing already, or being about to."""
    end = activity.last_day + 1
    week = end - WEEK_DAYS
    found = []
    if standing:
        acted = len({action.account_id for action in standing})
        since = min(action.effective_us or 0 for action in standing)
        found.append(
            f"{_some(acted, 'account')} of the case {_are(acted)} under an action already, which can be noticed."
        )
        later = sum(1 for seen in activity.first_seen_us.values() if seen > since)
        if later:
            found.append(f"{_some(later, 'account')} asked for the first time after the first of these actions.")
    if blocked := activity.blocked(week, end):
        found.append(f"{_some(blocked, 'request')} of theirs {_were(blocked)} turned away in the last week.")
    before = activity.requests(week - 1, end - 1) / WEEK_DAYS
    today = activity.requests(end - 1, end)
    if before and today < before * _QUIET_SHARE:
        found.append(f"They asked {today:,} times on the last day, against {before:,.0f} a day in the week before it.")
    silent = activity.active(week, end - _SILENT_DAYS) - activity.active(end - _SILENT_DAYS, end)
    if silent:
        found.append(f"{_some(len(silent), 'account')} fell silent in the last {_SILENT_DAYS} days.")
    if forbidden:
        found.append(
            f"{_some(forbidden, 'indicator')} behind this case came under PAP amber or red: their source asks that "
            "nothing be done that the actor could notice, and a ban can be noticed."
        )
    return tuple(found)


def _joined_since(connection: Connection, case_id: str, opened_us: int) -> list[int]:
    query = select(case_accounts.c.joined_us).where(
        case_accounts.c.case_id == case_id, case_accounts.c.joined_us > opened_us
    )
    return [joined // DAY for joined in connection.execute(query).scalars()]


def _clocks(connection: Connection, case_id: str) -> tuple[Clock, ...]:
    query = (
        select(proposals.c.proposal_id, proposals.c.not_before_us, actions.c.account_id)
        .join(actions, actions.c.proposal_id == proposals.c.proposal_id)
        .where(actions.c.case_id == case_id, actions.c.effective_us.is_(None))
        .where(actions.c.reversed_us.is_(None), actions.c.ended_us.is_(None))
    )
    held = Counter((row.proposal_id, row.not_before_us) for row in connection.execute(query))
    return tuple(Clock(proposal_id, until, number) for (proposal_id, until), number in sorted(held.items()))


def _noticeable(connection: Connection, met: Collection[str]) -> int:
    """How many of the indicators that were met forbid what their actor could notice."""
    query = select(indicators.c.indicator_id).where(
        indicators.c.indicator_id.in_(sorted(met)), indicators.c.pap.in_([PAP.AMBER.value, PAP.RED.value])
    )
    return len(set(connection.execute(query).scalars()))


def _linked_outside(lake: Lake, account_ids: Collection[str]) -> tuple[str, ...]:
    """Accounts that a link ties to the case's and that are none of it, the firmest link first."""
    inside = set(account_ids)
    ends = ("account_id_a", "account_id_b")
    best: dict[str, float] = {}
    for here, there in (ends, ends[::-1]):
        for row in rows_where(lake, "links", here, inside, [*ends, "probability"]):
            if row[there] not in inside:
                best[row[there]] = max(row["probability"], best.get(row[there], 0.0))
    return tuple(sorted(best, key=lambda account: (-best[account], account)))


def _some(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"

"""Scored worlds by hand: accounts as (class, risk, more), campaigns from the accounts that name them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stormwatch.evaluate.answers import Answer
from stormwatch.evaluate.naive import NAIVE_RULES
from stormwatch.evaluate.outcome import Subject
from stormwatch.evaluate.pairs import pairs_by_campaign
from stormwatch.evaluate.route import Cost
from stormwatch.evaluate.scored import ScoredAccount, ScoredCampaign, ScoredWorld
from stormwatch.evaluate.worlds import TrueAccount, TrueCampaign

THRESHOLD = 0.5


@dataclass(frozen=True)
class Made:
    """An account to be: its class, its risk, and what else matters to a test."""

    category: str
    risk: float
    campaign_id: str = ""
    kind: str = "ordinary"
    group_id: str = ""
    isolated: bool = False
    told_as_victim: bool = False
    naive: float = 0.0
    subject: Subject | None = None
    actor: str = "benign"


def world(
    accounts: Sequence[Made],
    clusters: Sequence[Sequence[int]] = (),
    *,
    name: str = "w",
    answers: dict[str, Answer] | None = None,
    delays: dict[str, float] | None = None,
    actors: dict[str, str] | None = None,
) -> ScoredWorld:
    """A world of these accounts, called a0, a1 and so on; clusters name them by number."""
    scored = [_account(number, made) for number, made in enumerate(accounts)]
    groups = [tuple(f"a{number}" for number in cluster) for cluster in clusters]
    members: dict[str, list[str]] = {}
    for one in scored:
        if one.truth.category == "planted":
            members.setdefault(one.truth.campaign_id, []).append(one.truth.account_id)
    pairs = pairs_by_campaign(groups, members)
    campaigns = [
        ScoredCampaign(
            truth=TrueCampaign(campaign, "made", (actors or {}).get(campaign, "unknown-actor"), tuple(ids)),
            accounts_over_threshold=sum(one.over_threshold for one in scored if one.truth.account_id in ids),
            pairs=pairs[campaign],
            answer=(answers or {}).get(campaign),
            events_until_flagged=(delays or {}).get(campaign),
        )
        for campaign, ids in members.items()
    ]
    return ScoredWorld(name, scored, campaigns, groups, Cost(1.0, 2.0, 3.0, 0))


def _account(number: int, made: Made) -> ScoredAccount:
    truth = TrueAccount(
        f"a{number}", made.category, made.kind, made.group_id, made.campaign_id, made.actor, made.isolated
    )
    naive = dict.fromkeys(NAIVE_RULES, made.naive)
    return ScoredAccount(truth, made.risk, made.risk >= THRESHOLD, made.told_as_victim, naive, made.subject)

"""A world's truth beside what was said of it: one value per account and per campaign, which all figures come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stormwatch.evaluate.answers import Answer, answer_of
from stormwatch.evaluate.delay import events_until_flagged
from stormwatch.evaluate.naive import NAIVE_RULES
from stormwatch.evaluate.outcome import Outcome, Subject
from stormwatch.evaluate.pairs import Pairs, pairs_by_campaign
from stormwatch.evaluate.route import Cost
from stormwatch.evaluate.seen import Seen
from stormwatch.evaluate.swap import Swap
from stormwatch.evaluate.worlds import PLANTED, TrueAccount, TrueCampaign, World
from stormwatch.model.assessment import COMPROMISED_ACCOUNT


@dataclass(frozen=True, slots=True)
class ScoredAccount:
    """An account's truth, its risk, and how each naive rule scores it.

    `told_as_victim`: the holder of a stolen key whose leading hypothesis says just that, which accuses nobody.
    """

    truth: TrueAccount
    risk: float
    over_threshold: bool
    told_as_victim: bool
    naive: Mapping[str, float]
    subject: Subject | None

    @property
    def accused(self) -> bool:
        """Whether it is over the case threshold as somebody to be acted against."""
        return self.over_threshold and not self.told_as_victim


@dataclass(frozen=True, slots=True)
class ScoredCampaign:
    """A campaign's truth and what became of it. `events_until_flagged` is None where it never worked on its goal."""

    truth: TrueCampaign
    accounts_over_threshold: int
    pairs: Pairs
    answer: Answer | None
    events_until_flagged: float | None


@dataclass(frozen=True, slots=True)
class ScoredWorld:
    """A world that was played and compared with its truth."""

    name: str
    accounts: Sequence[ScoredAccount]
    campaigns: Sequence[ScoredCampaign]
    clusters: Sequence[Sequence[str]]
    cost: Cost
    swap: Swap | None = None

    @property
    def right(self) -> Mapping[str, frozenset[str]]:
        """The right answers of each campaign."""
        return {one.truth.campaign_id: one.truth.right for one in self.campaigns}


def score_world(world: World, outcome: Outcome, seen: Seen, rates: Mapping[str, float], cost: Cost) -> ScoredWorld:
    """Puts the outcome beside the truth. `rates` are the product's odds without evidence, for comparison."""
    naive = {name: rule(seen, outcome.hits) for name, rule in NAIVE_RULES.items()}
    subjects = outcome.subject_of
    accounts = [
        _account(truth, outcome, subjects, {name: scores.get(truth.account_id, 0.0) for name, scores in naive.items()})
        for truth in world.accounts
    ]
    clusters = [subject.account_ids for subject in outcome.subjects if len(subject.account_ids) > 1]
    pairs = pairs_by_campaign(clusters, {one.campaign_id: one.account_ids for one in world.campaigns})
    over = {one.truth.account_id for one in accounts if one.over_threshold}
    campaigns = [
        ScoredCampaign(
            truth=campaign,
            accounts_over_threshold=len(over & set(campaign.account_ids)),
            pairs=pairs[campaign.campaign_id],
            answer=answer_of(
                campaign, [subjects[one] for one in campaign.account_ids if one in over and one in subjects], rates
            ),
            events_until_flagged=_delay(campaign, outcome, seen),
        )
        for campaign in world.campaigns
    ]
    return ScoredWorld(world.name, accounts, campaigns, clusters, cost)


def _account(
    truth: TrueAccount, outcome: Outcome, subjects: Mapping[str, Subject], naive: Mapping[str, float]
) -> ScoredAccount:
    verdict, subject = outcome.verdicts.get(truth.account_id), subjects.get(truth.account_id)
    risk = verdict.risk if verdict else 0.0
    victim = truth.stolen_from and subject is not None and subject.leading == COMPROMISED_ACCOUNT
    return ScoredAccount(truth, risk, risk >= outcome.threshold, victim, naive, subject)


def _delay(campaign: TrueCampaign, outcome: Outcome, seen: Seen) -> float | None:
    began = campaign.first_on_goal_us
    if began is None:
        return None
    verdicts = [outcome.verdicts[account] for account in campaign.account_ids if account in outcome.verdicts]
    flagged = min((one.flagged_us for one in verdicts if one.flagged_us is not None), default=None)
    times = [moment for account in campaign.account_ids for moment in seen.times_us.get(account, ())]
    return events_until_flagged(began, flagged, times)


def timed_accounts(world: World) -> frozenset[str]:
    """The accounts whose events' times the score needs."""
    return frozenset(one.account_id for one in world.accounts if one.category == PLANTED)

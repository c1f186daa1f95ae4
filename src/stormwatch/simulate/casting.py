"""How many accounts of each kind a world has, and all of them in one random order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stormwatch.simulate.campaigns import Campaign, Campaigns, campaign_kinds
from stormwatch.simulate.cast import Account
from stormwatch.simulate.dice import Dice
from stormwatch.simulate.knobs import Knobs
from stormwatch.simulate.network import Internet
from stormwatch.simulate.population import Population, kinds
from stormwatch.simulate.stolen_keys import cast_owners
from stormwatch.simulate.texts import library

_DAYS: Final = 28
_PLANTED_AT_MOST: Final = 0.05
_KEY_OWNERS: Final = 2


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody in a world, the campaigns' plans, and the internet that they share."""

    accounts: tuple[Account, ...]
    campaigns: tuple[Campaign, ...]
    internet: Internet


def assemble(accounts: int, seed: int, knobs: Knobs) -> Cast:
    """Exactly `accounts` accounts: campaigns, their twins, look-alikes by share, ordinary people for the rest."""
    dice, internet = Dice(seed, "cast"), Internet()
    population = Population(Dice(seed, "population"), internet, knobs.start_us, _DAYS)
    planner = Campaigns(Dice(seed, "campaigns"), internet, library(), knobs)
    everybody: list[Account] = []
    campaigns = []
    for number, (name, size) in enumerate(_campaign_sizes(accounts, knobs, dice)):
        plan = planner.plan(f"c{number:02d}-{seed}", name, size)
        campaigns.append(plan)
        everybody += planner.cast(plan, size)
        for twin in range(round(knobs.infra_twins)):
            everybody += planner.cast_infra_twin(plan, twin, size)
        for twin in range(round(knobs.content_twins)):
            everybody += planner.cast_content_twin(plan, twin, size)
        if plan.kind.pattern == "stolen-key":
            everybody += cast_owners(plan, population, dice, _KEY_OWNERS)
    for name, count in _look_alikes(accounts, len(everybody), knobs):
        everybody += population.cast(name, count)
    order = dice.numbers.permutation(len(everybody))
    return Cast(tuple(everybody[int(index)] for index in order), tuple(campaigns), internet)


def _campaign_sizes(accounts: int, knobs: Knobs, dice: Dice) -> list[tuple[str, int]]:
    """Each kind of campaign in turn, as many as small worlds can bear: planted accounts stay below 5 %."""
    budget = max(3, int(accounts * _PLANTED_AT_MOST))
    wanted = round(knobs.copies) * len(campaign_kinds())
    names = dice.some(tuple(campaign_kinds()), len(campaign_kinds()))
    sizes = []
    for number in range(wanted):
        size = min(budget, max(3, round(knobs.campaign_size * (0.75 + 0.5 * dice.real()))))
        if size < 3:
            break
        sizes.append((names[number % len(names)], size))
        budget -= size
    return sizes


def _look_alikes(accounts: int, taken: int, knobs: Knobs) -> list[tuple[str, int]]:
    """Accounts of each kind of the population; ordinary people take what the shares leave."""
    left = max(0, accounts - taken)
    ordinary, *others = kinds()
    shares = {name: knobs.share(name, kinds()[name].share) for name in others}
    scale = min(1.0, left / accounts / max(sum(shares.values()), 1e-9))
    wanted = {name: int(accounts * share * scale) for name, share in shares.items()}
    return [*wanted.items(), (ordinary, left - sum(wanted.values()))]

"""Victims: owners of keys that a campaign stole, who go on working while strangers use their account."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from stormwatch.simulate import clients
from stormwatch.simulate.campaigns import Campaign
from stormwatch.simulate.cast import Account, Persona, Role, Voice
from stormwatch.simulate.dice import Choice, Dice
from stormwatch.simulate.population import Population

_THIEF_SHARE = 0.4


def cast_owners(campaign: Campaign, population: Population, dice: Dice, count: int) -> Iterator[Account]:
    """Accounts of `count` innocent API clients whose keys the campaign also uses, from its servers."""
    role = Role("confounder", "stolen-key-owner", "benign", f"stolen-{campaign.campaign_id}")
    for victim in population.cast("api-client", count):
        own = victim.personas[0]
        software = clients.library(dice, own.client.api_key_id)
        voice = Voice(Choice({"en": 1.0}), Choice({"everyday": 1.0}), campaign.goal, 0.9)
        thief = Persona(
            software, campaign.servers[:-1], "clock", campaign.utc_offset, voice, _THIEF_SHARE, refused=0.05
        )
        yield replace(victim, role=role, personas=(own, thief), minimum=8)

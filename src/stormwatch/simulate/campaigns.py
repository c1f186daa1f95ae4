"""Planted campaigns and the innocent twins of their infrastructure, cast from campaigns.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Final

import msgspec

from stormwatch.model.times import DAY, HOUR
from stormwatch.simulate import clients
from stormwatch.simulate.cast import Account, Goal, Persona, Record, Role, Voice
from stormwatch.simulate.clients import Client, browser, rare_fingerprint
from stormwatch.simulate.dice import Choice, Dice
from stormwatch.simulate.identities import Identities, SignUp
from stormwatch.simulate.knobs import Knobs
from stormwatch.simulate.network import Address, Internet
from stormwatch.simulate.programs import versions
from stormwatch.simulate.texts import Library

_DAYS: Final = 28


class CampaignKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of campaign, as campaigns.yaml describes it."""

    actor: str
    names: tuple[str, ...]
    families: dict[str, float]
    native: str
    utc_offset: float
    exits: tuple[str, ...]
    claims: tuple[str, ...]
    pattern: str
    also_accept: tuple[str, ...] = ()


@cache
def campaign_kinds() -> dict[str, CampaignKind]:
    """All kinds of campaign by name."""
    raw = resources.files("stormwatch.simulate").joinpath("campaigns.yaml").read_bytes()
    return msgspec.yaml.decode(raw, type=dict[str, CampaignKind])


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign's plan: its servers, domains, pools of devices and payments, hours, languages and goal."""

    campaign_id: str
    name: str
    kind: CampaignKind
    start_us: int
    utc_offset: float
    servers: tuple[Address, ...]
    domains: tuple[str, ...]
    hosts: tuple[str, ...]
    devices: tuple[str, ...]
    payments: tuple[str, ...]
    mail: str
    tls: str
    vpn_firm: int
    languages: Mapping[str, float]
    goal: Goal
    scripts: tuple[tuple[str, ...], ...] = ()

    @property
    def throw_away(self) -> bool:
        """Whether each account lives for a day or two."""
        return self.kind.pattern == "throw-away"


class Campaigns:
    """Plans campaigns and casts their accounts."""

    def __init__(self, dice: Dice, internet: Internet, library: Library, knobs: Knobs) -> None:
        self._dice = dice
        self._internet = internet
        self._library = library
        self._knobs = knobs
        self._identities = Identities(dice)

    def plan(self, campaign_id: str, name: str, size: int) -> Campaign:
        """A campaign of about `size` accounts that begins in the world's first two weeks."""
        dice, kind, made = self._dice, campaign_kinds()[name], self._identities
        native = self._knobs.native_language if kind.native != "en" else 0.0
        languages = {kind.native: native, "en": 1.0 - native} if native else {"en": 1.0}
        servers = tuple(self._internet.server(dice.pick(kind.exits)) for _ in range(2 + size // 6))
        domains = tuple(made.domain() for _ in range(2))
        hosts = (servers[-1].ip, self._internet.quoted())
        return Campaign(
            campaign_id=campaign_id,
            name=name,
            kind=kind,
            start_us=self._knobs.start_us + int((1 + dice.real() * 12) * DAY),
            utc_offset=kind.utc_offset + self._knobs.shift_hours,
            servers=servers,
            domains=domains,
            hosts=hosts,
            devices=tuple(made.device() for _ in range(max(1, round(size / 3)))),
            payments=tuple(made.payment() for _ in range(max(1, round(size / 3)))),
            mail=made.domain() if dice.chance(0.5) else made.disposable_domain(),
            tls=rare_fingerprint(dice),
            vpn_firm=self._internet.vpn_firm(dice),
            languages=languages,
            goal=self._goal(kind, languages, domains, hosts),
            scripts=self._scripts(size) if kind.pattern == "throw-away" else (),
        )

    def _goal(
        self, kind: CampaignKind, languages: Mapping[str, float], domains: tuple[str, ...], hosts: tuple[str, ...]
    ) -> Goal:
        narrowed = {}
        for family in kind.families:
            for language in languages:
                for topic in self._library.of(family, language):
                    narrowed[topic.name] = {slot: self._dice.some(topic.slots[slot], 2) for slot in topic.narrow}
        chance = self._knobs.kept(self._knobs.reuse_artefact)
        own = {"domain": domains, "host": hosts}
        return Goal(Choice(kind.families), Choice(dict(languages)), narrowed, own, artefact_chance=chance)

    def _scripts(self, size: int) -> tuple[tuple[str, ...], ...]:
        said = versions(self._library, self._dice, 2 * size)
        return tuple(said[2 * number : 2 * number + 2] for number in range(size))

    def cast(self, campaign: Campaign, size: int) -> Iterator[Account]:
        """The accounts that the campaign's people run."""
        role = Role("planted", campaign.name, campaign.kind.actor, campaign.campaign_id, campaign.campaign_id)
        for number in range(size):
            script = campaign.scripts[number] if campaign.scripts else ()
            yield self._account(campaign, role, number, replace(campaign.goal, script=script))

    def cast_infra_twin(self, campaign: Campaign, number: int, size: int) -> Iterator[Account]:
        """Innocents with the campaign's pattern of shared things, none of its values and none of its texts."""
        other = self.plan(f"it-{campaign.campaign_id}-{number}", campaign.name, size)
        role = Role("confounder", "infra-twin", "benign", other.campaign_id)
        for index in range(size):
            yield self._account(other, role, index, None)

    def cast_content_twin(self, campaign: Campaign, number: int, size: int) -> Iterator[Account]:
        """Innocents who ask the same kind of thing, each alone, each about matters of their own."""
        role = Role("confounder", "content-twin", "benign", f"ct-{campaign.campaign_id}-{number}")
        for _ in range(size):
            plan = self.plan(role.group_id, campaign.name, 2)
            goal = replace(plan.goal, artefact_chance=0.0, script=plan.scripts[0] if plan.scripts else ())
            yield self._loner(plan, role, goal)

    def _account(self, plan: Campaign, role: Role, number: int, goal: Goal | None) -> Account:
        dice, knobs = self._dice, self._knobs
        home = self._own_address(plan)
        on_servers = dice.chance(knobs.kept(knobs.reuse_address))
        addresses = (*dice.some(plan.servers[:-1], 2), home) if on_servers else (home, self._own_address(plan))
        client = self._client(plan)
        created = self._created(plan, number)
        record = self._identities.record(
            SignUp(
                created_us=created,
                programme=dice.pick(("free", "free", "paid")),
                address=home,
                claimed=dice.pick(plan.kind.claims),
                mail_domain=self._mail(plan),
                payment=dice.pick(plan.payments) if dice.chance(knobs.kept(knobs.reuse_payment)) else None,
                device_id=client.device_id,
            )
        )
        persona = Persona(client, addresses, "office", plan.utc_offset, self._voice(plan, goal), refused=0.03)
        return self._staged(role, record, persona, created, throw_away=plan.throw_away)

    def _loner(self, plan: Campaign, role: Role, goal: Goal) -> Account:
        dice = self._dice
        place = dice.pick(plan.kind.claims)
        address = self._internet.home(place, dice)
        client = browser(dice)
        created = self._identities.created(self._knobs.start_us)
        record = self._identities.record(
            SignUp(created, dice.pick(("free", "paid")), address, claimed=place, device_id=client.device_id)
        )
        voice = self._voice(plan, goal)
        persona = Persona(client, (address,), "private", plan.kind.utc_offset, voice, refused=0.02)
        return self._staged(role, record, persona, created, throw_away=False)

    def _staged(self, role: Role, record: Record, persona: Persona, created: int, *, throw_away: bool) -> Account:
        end = self._knobs.start_us + _DAYS * DAY
        start = max(created, self._knobs.start_us)
        return Account(
            role=role,
            record=record,
            personas=(persona,),
            language=persona.voice.languages.draw(self._dice),
            activity=0.12 if throw_away else 1.0,
            minimum=3 if throw_away else 5,
            from_us=start,
            until_us=min(end, start + 2 * DAY) if throw_away else end,
        )

    def _voice(self, plan: Campaign, goal: Goal | None) -> Voice:
        diet = Choice({"coding": 30.0, "work": 25.0, "everyday": 20.0, "sideline": 25.0})
        if goal is None:
            diet = Choice({"coding": 20.0, "work": 30.0, "everyday": 40.0, "study": 10.0})
        return Voice(Choice(dict(plan.languages)), diet, goal, self._knobs.on_goal)

    def _own_address(self, plan: Campaign) -> Address:
        if self._dice.chance(0.5):
            return self._internet.vpn(plan.vpn_firm, self._dice)
        return self._internet.home(self._dice.pick(plan.kind.claims), self._dice)

    def _client(self, plan: Campaign) -> Client:
        if plan.kind.pattern == "stolen-key":
            return clients.library(self._dice)
        shared = self._dice.chance(self._knobs.kept(self._knobs.reuse_device))
        made = browser(self._dice, self._dice.pick(plan.devices) if shared else None)
        if shared and self._dice.chance(self._knobs.kept(0.5)):
            return replace(made, tls_fingerprint=plan.tls)
        return made

    def _mail(self, plan: Campaign) -> str | None:
        if plan.kind.pattern == "throw-away":
            return self._identities.disposable_domain()
        return plan.mail if self._dice.chance(self._knobs.kept(0.4)) else None

    def _created(self, plan: Campaign, number: int) -> int:
        """Throw-away accounts one after the other, teams mostly within two days, the rest around that."""
        dice = self._dice
        latest = self._knobs.start_us + (_DAYS - 2) * DAY
        if plan.throw_away:
            return min(latest, plan.start_us + number * 30 * HOUR + int(dice.real() * 6 * HOUR))
        if dice.chance(0.6):
            return plan.start_us + int(dice.real() * 40 * HOUR)
        return min(latest, plan.start_us + int((dice.real() * 20 - 8) * DAY))

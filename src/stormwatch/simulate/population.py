"""The provider's innocent users, its look-alikes and its ordinary abusers, cast from population.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources

import msgspec

from stormwatch.model.times import DAY, HOUR
from stormwatch.simulate import clients
from stormwatch.simulate.cast import Account, Goal, Persona, Role, Voice
from stormwatch.simulate.clients import Client, browser
from stormwatch.simulate.dice import Choice, Dice
from stormwatch.simulate.identities import Identities, SignUp
from stormwatch.simulate.network import Address, Internet
from stormwatch.simulate.places import Place, places, usual_places
from stormwatch.simulate.programs import Program
from stormwatch.simulate.texts import library


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of user, as population.yaml describes it."""

    category: str
    network: str
    programme: dict[str, float]
    rhythm: str
    diet: dict[str, float]
    actor: str = "benign"
    share: float = 0.0
    group: tuple[int, int] = (1, 1)
    shared: tuple[str, ...] = ()
    goal: dict[str, float] = {}
    goal_share: float = 0.0
    activity: float = 1.0
    verified: float = 0.0
    mail: str = ""
    days: int = 0
    api: bool = False
    foreign: bool = False
    refused: float = 0.01
    artefact: float = 0.0


@cache
def kinds() -> dict[str, Kind]:
    """All kinds by name; the first is the ordinary user."""
    raw = resources.files("stormwatch.simulate").joinpath("population.yaml").read_bytes()
    return msgspec.yaml.decode(raw, type=dict[str, Kind])


class _Group(msgspec.Struct, frozen=True):
    """What the accounts of one group have in common."""

    group_id: str
    place: Place
    founded_us: int
    exits: tuple[Address, ...]
    vpn_firm: int
    org_id: str | None
    mail: str | None
    payments: tuple[str, ...]
    devices: tuple[str, ...]
    goal: Goal | None


class Population:
    """Casts accounts of a kind, group by group."""

    def __init__(self, dice: Dice, internet: Internet, start_us: int, days: int) -> None:
        self._dice = dice
        self._internet = internet
        self._identities = Identities(dice)
        self._start_us = start_us
        self._end_us = start_us + days * DAY

    def cast(self, name: str, count: int) -> Iterator[Account]:
        """`count` accounts of a kind."""
        kind = kinds()[name]
        programme, diet = Choice(kind.programme), Choice(kind.diet)
        left = count
        while left > 0:
            size = min(left, self._dice.between(*kind.group))
            group = self._group(name, kind)
            for _ in range(size):
                yield self._account(name, kind, group, programme.draw(self._dice), diet)
            left -= size

    def _group(self, name: str, kind: Kind) -> _Group:
        dice, made = self._dice, self._identities
        place = places()[usual_places().draw(dice)]
        exits = {"office": 1, "campus": 3, "servers": 2}.get(kind.network, 0)
        if kind.network == "servers":
            addresses = tuple(self._internet.server(place.code) for _ in range(exits))
        else:
            addresses = tuple(self._internet.office(place.code) for _ in range(exits))
        pool = 4 if "pool" in kind.shared else 1
        return _Group(
            group_id=f"{name}_{dice.token()}" if kind.group[1] > 1 else "",
            place=place,
            founded_us=self._founded(kind),
            exits=addresses,
            vpn_firm=self._internet.vpn_firm(dice),
            org_id=made.org() if "org" in kind.shared else None,
            mail=made.domain() if "mail" in kind.shared else None,
            payments=tuple(made.payment() for _ in range(pool)) if "payment" in kind.shared else (),
            devices=tuple(made.device() for _ in range(pool)) if "device" in kind.shared else (),
            goal=self._goal(kind),
        )

    def _founded(self, kind: Kind) -> int:
        """Groups that sign up together do so lately; firms and schools were there long before."""
        if "lockstep" in kind.shared:
            return self._identities.created(self._start_us, new=0.6, days=20)
        return self._identities.created(self._start_us, new=0.0) - 120 * DAY

    def _goal(self, kind: Kind) -> Goal | None:
        if not kind.goal:
            return None
        own: dict[str, tuple[str, ...]] = {}
        if kind.artefact:
            own = {"domain": (self._identities.domain(),), "host": (self._internet.quoted(),)}
        if "handout" in kind.shared:
            own = {"code": (Program(library(), self._dice, 6).text,)}
        return Goal(Choice(kind.goal), Choice({"en": 1.0}), artefacts=own, artefact_chance=kind.artefact)

    def _account(self, name: str, kind: Kind, group: _Group, programme: str, diet: Choice[str]) -> Account:
        dice = self._dice
        place = group.place if group.exits else places()[usual_places().draw(dice)]
        created = self._created(kind, group)
        addresses = self._addresses(kind, group, place)
        language = place.languages.draw(dice)
        if kind.foreign and language == "en":
            language = dice.pick(("ru", "fa", "zh", "ko", "ar", "uk", "es"))
        client = self._client(kind, group)
        record = self._identities.record(
            SignUp(
                created_us=created,
                programme=programme,
                address=addresses[0],
                mail_domain=group.mail or (self._identities.disposable_domain() if kind.mail else None),
                payment=dice.pick(group.payments) if group.payments and dice.chance(0.8) else None,
                device_id=client.device_id,
                org_id=group.org_id,
                verified=dice.chance(kind.verified),
            )
        )
        voice = Voice(Choice({language: 4.0, "en": 1.0}), diet, group.goal, kind.goal_share)
        offset = place.utc_offset
        first = Persona(client, addresses, kind.rhythm, offset, voice, 1.0, _tools(kind, dice), kind.refused)
        return Account(
            role=Role(kind.category, name, kind.actor, group.group_id),
            record=record,
            personas=(first, *self._second(kind, first, place)),
            language=language,
            activity=kind.activity,
            minimum=1,
            from_us=max(created, self._start_us),
            until_us=min(self._end_us, created + kind.days * DAY) if kind.days else self._end_us,
        )

    def _created(self, kind: Kind, group: _Group) -> int:
        if kind.days:
            return self._identities.created(self._start_us, new=1.0)
        if "lockstep" in kind.shared:
            return group.founded_us + int(self._dice.real() * 6 * HOUR)
        if group.org_id or kind.group[1] > 1:
            created = group.founded_us + int(self._dice.real() * 200 * DAY)
            return min(created, self._end_us - DAY)
        return self._identities.created(self._start_us)

    def _addresses(self, kind: Kind, group: _Group, place: Place) -> tuple[Address, ...]:
        dice, net = self._dice, self._internet
        if group.exits:
            return dice.some(group.exits, 2)
        if kind.network == "carrier":
            return tuple(net.carrier(place.code, dice) for _ in range(3))
        if kind.network == "vpn":
            return (*(net.vpn(group.vpn_firm, dice) for _ in range(3)), net.home(place.code, dice))
        return tuple(net.home(place.code, dice) for _ in range(1 + dice.chance(0.3)))

    def _client(self, kind: Kind, group: _Group) -> Client:
        if kind.api:
            return clients.library(self._dice)
        shared = self._dice.pick(group.devices) if group.devices and self._dice.chance(0.6) else None
        return browser(self._dice, shared)

    def _second(self, kind: Kind, first: Persona, place: Place) -> tuple[Persona, ...]:
        """A phone on the way home: a third of the people have one."""
        if kind.api or kind.days or not self._dice.chance(0.3):
            return ()
        phone = browser(self._dice)
        address = self._internet.carrier(place.code, self._dice)
        return (Persona(phone, (address,), "private", first.utc_offset, first.voice, 0.25),)


def _tools(kind: Kind, dice: Dice) -> tuple[str, ...]:
    if kind.api and kind.rhythm == "clock" and dice.chance(0.4):
        return ("search_orders", "get_customer", "send_mail", "create_ticket")
    return ()

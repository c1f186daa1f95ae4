"""Who acts in a world: accounts with their roles, their clients and addresses, and what they talk about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from stormwatch.simulate.clients import Client
from stormwatch.simulate.dice import Choice
from stormwatch.simulate.network import Address

NONE: Mapping[str, tuple[str, ...]] = {}


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """An AccountRecord, version 1, in the form it is written."""

    account_id: str
    org_id: str | None = None
    created_time: str | None = None
    signup_ip: str | None = None
    signup_country: str | None = None
    claimed_country: str | None = None
    email_domain: str | None = None
    email_hash: str | None = None
    phone_prefix: str | None = None
    payment_fingerprint: str | None = None
    device_id: str | None = None
    programme: str | None = None
    verified_researcher: bool = False
    status: str = "active"


@dataclass(frozen=True, slots=True)
class Role:
    """The truth about an account. `actor` is the right answer: a tracked group's id or a residual hypothesis."""

    category: str
    kind: str
    actor: str
    group_id: str = ""
    campaign_id: str = ""


@dataclass(frozen=True, slots=True)
class Goal:
    """What a group works at: families of texts, its languages, its own narrowed words and its artefacts.

    `narrowed` maps a topic's name to the slots that the group fills from few values (its targets);
    `artefacts` fills {domain}, {host} and {package}; `script`, where there is one, is said in order instead.
    """

    families: Choice[str]
    languages: Choice[str]
    narrowed: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    artefacts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    artefact_chance: float = 0.0
    script: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Voice:
    """What somebody talks about, in which languages, and how much of it serves a goal."""

    languages: Choice[str]
    diet: Choice[str]
    goal: Goal | None = None
    goal_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Persona:
    """One way in which an account is used: software, addresses (the first most often), hours, voice."""

    client: Client
    addresses: tuple[Address, ...]
    rhythm: str
    utc_offset: float
    voice: Voice
    share: float = 1.0
    tools: tuple[str, ...] = ()
    refused: float = 0.01


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the world: role, record, ways of use, how active it is and between which times."""

    role: Role
    record: Record
    personas: tuple[Persona, ...]
    language: str
    activity: float
    minimum: int
    from_us: int
    until_us: int

    @property
    def account_id(self) -> str:
        """The id that events and records carry."""
        return self.record.account_id

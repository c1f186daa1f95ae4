"""A world's folder to what is true of it, checked whole before anything is done with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from stormwatch.model.errors import InvalidInput
from stormwatch.model.times import parse_rfc3339

PLANTED: Final = "planted"
BENIGN_CLASS: Final = "benign"
CONFOUNDER: Final = "confounder"
NON_STATE: Final = "non-state-abuse"
CLASSES: Final = (PLANTED, BENIGN_CLASS, CONFOUNDER, NON_STATE)
STOLEN_KEY_OWNER: Final = "stolen-key-owner"

EVENTS_FILE: Final = "events.ndjson.zst"
ACCOUNTS_FILE: Final = "accounts.ndjson.zst"
INTEL_FILE: Final = "intel.stix.json"
TRUTH_FILE: Final = "truth.parquet"
CAMPAIGNS_FILE: Final = "campaigns.json"
_FILES: Final = (EVENTS_FILE, ACCOUNTS_FILE, INTEL_FILE, TRUTH_FILE, CAMPAIGNS_FILE)
_TEXTS: Final = ("account_id", "class", "kind", "group_id", "campaign_id", "actor")
_REMEDY: Final = "name a folder that `stormwatch simulate` wrote, or one of the same layout"


class TrueAccount(msgspec.Struct, frozen=True):
    """What is true of an account. `isolated`: nothing can link it to its campaign."""

    account_id: str
    category: str = msgspec.field(name="class")
    kind: str
    group_id: str
    campaign_id: str
    actor: str
    isolated: bool

    @property
    def innocent(self) -> bool:
        """Whether accusing it of working for a state is a false accusation."""
        return self.category in {BENIGN_CLASS, CONFOUNDER}

    @property
    def stolen_from(self) -> bool:
        """Whether its holder is the victim of a stolen key."""
        return self.kind == STOLEN_KEY_OWNER


class TrueCampaign(msgspec.Struct, frozen=True):
    """A planted campaign; `actor` and `also_accept` are the right answers to who is behind it."""

    campaign_id: str
    type: str
    actor: str
    account_ids: tuple[str, ...]
    also_accept: tuple[str, ...] = ()
    false_flag: bool = False
    imitated_actor: str | None = None
    first_on_goal_time: str | None = None

    @property
    def right(self) -> frozenset[str]:
        """Hypotheses that count as the right answer."""
        return frozenset((self.actor, *self.also_accept))

    @property
    def first_on_goal_us(self) -> int | None:
        """When it first worked for its goal, in microseconds; None when it never did."""
        return None if self.first_on_goal_time is None else parse_rfc3339(self.first_on_goal_time)


class _Campaigns(msgspec.Struct):
    campaigns: tuple[TrueCampaign, ...]


@dataclass(frozen=True, slots=True)
class World:
    """A world that carries its truth: its folder, and what only scoring may look at."""

    name: str
    path: Path
    accounts: Sequence[TrueAccount]
    campaigns: Sequence[TrueCampaign]

    @property
    def by_id(self) -> Mapping[str, TrueAccount]:
        """The accounts by their ids."""
        return {account.account_id: account for account in self.accounts}


def given_files(world: World) -> list[Path]:
    """What the product gets to see: account records, events, partners' bundle, then the lists of what many share."""
    lists = sorted(world.path.glob("shared-*.json"))
    return [world.path / ACCOUNTS_FILE, world.path / EVENTS_FILE, world.path / INTEL_FILE, *lists]


def read_worlds(paths: Sequence[Path]) -> Sequence[World]:
    """All the worlds, or InvalidInput about the first that cannot be scored."""
    worlds = [read_world(path) for path in paths]
    twice = [name for name, count in Counter(world.name for world in worlds).items() if count > 1]
    if twice:
        remedy = "name each world once, in folders of different names"
        raise InvalidInput(f"two worlds are called {twice[0]}", remedy=remedy)
    return worlds


def read_world(path: Path) -> World:
    """One world; InvalidInput says which file is missing, cannot be read, or contradicts another."""
    if not path.is_dir():
        raise InvalidInput("there is no such folder", where=str(path), remedy=_REMEDY)
    for name in _FILES:
        if not (path / name).is_file():
            lack = "it carries no truth" if name in {TRUTH_FILE, CAMPAIGNS_FILE} else "this is no whole world"
            raise InvalidInput(f"{lack}: {name} is missing", where=str(path), remedy=_REMEDY)
    accounts = _accounts(path / TRUTH_FILE)
    world = World(path.resolve().name, path, accounts, _campaigns(path / CAMPAIGNS_FILE))
    _check(world)
    return world


def _accounts(path: Path) -> Sequence[TrueAccount]:
    try:
        schema = pq.read_schema(path)
        columns = [*_TEXTS, "isolated"]
        missing = [name for name in columns if name not in schema.names]
        if missing:
            raise InvalidInput(f"the truth lacks the column {missing[0]}", where=str(path), remedy=_REMEDY)
        rows = pq.read_table(path, columns=columns).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise InvalidInput(f"the truth cannot be read: {error}", where=str(path), remedy=_REMEDY) from error
    try:
        return msgspec.convert(rows, tuple[TrueAccount, ...])
    except msgspec.ValidationError as error:
        raise InvalidInput(f"the truth does not fit: {error}", where=str(path), remedy=_REMEDY) from error


def _campaigns(path: Path) -> Sequence[TrueCampaign]:
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_Campaigns).campaigns
        for campaign in found:
            _ = campaign.first_on_goal_us
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidInput(f"the campaigns cannot be read: {error}", where=str(path), remedy=_REMEDY) from error
    return found


def _check(world: World) -> None:
    truth = str(world.path / TRUTH_FILE)
    if not world.accounts:
        raise InvalidInput("the truth is empty", where=truth, remedy=_REMEDY)
    known = world.by_id
    if len(known) != len(world.accounts):
        raise InvalidInput("an account is in the truth twice", where=truth, remedy=_REMEDY)
    strange = next((account for account in world.accounts if account.category not in CLASSES), None)
    if strange is not None:
        what = f"account {strange.account_id} has the class {strange.category!r}"
        raise InvalidInput(what, where=truth, remedy=f"classes are {', '.join(CLASSES)}")
    for campaign in world.campaigns:
        for account in campaign.account_ids:
            if account not in known or known[account].campaign_id != campaign.campaign_id:
                what = f"campaign {campaign.campaign_id} claims {account}, of which the truth says otherwise"
                raise InvalidInput(what, where=str(world.path / CAMPAIGNS_FILE), remedy=_REMEDY)
    campaigns = {campaign.campaign_id for campaign in world.campaigns}
    for one in world.accounts:
        if one.category == PLANTED and one.campaign_id not in campaigns:
            what = f"account {one.account_id} is of the campaign {one.campaign_id!r}, which is not listed"
            raise InvalidInput(what, where=truth, remedy=_REMEDY)

"""A world to one in which some accounts are of other countries and hours, and how far that moved anybody's risk.

Who somebody is must not be evidence (docs/concepts.md). A country becomes another wherever the account's records name
it, so that what it claims and what it does contradict each other no more and no less than before; a day's work is moved
as a whole, sign-up and all. Languages stay: a text cannot be put into another by rule.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from stormwatch.evaluate.outcome import Outcome
from stormwatch.evaluate.streams import read_stream, write_stream
from stormwatch.evaluate.worlds import ACCOUNTS_FILE, EVENTS_FILE, World, given_files
from stormwatch.model.times import HOUR, format_rfc3339, parse_rfc3339

_SEED: Final = 2024
_ONE_IN: Final = 10
# Back alone: days that went on after the others' last would make those others look silent.
_HOURS: Final = (-9, -6, -3)
_COUNTRIES: Final = ("country", "signup_country", "claimed_country")
_TIMES: Final = ("time", "created_time")
# Sums of floating point that come about in another order differ by less.
_SAME: Final = 1e-9

_Record = dict[str, Any]


class Swap(msgspec.Struct, frozen=True):
    """What became of risks: of accounts that were swapped, of the others, and how many crossed the case threshold."""

    swapped: int
    swapped_changed: int
    others_changed: int
    largest_change: float
    crossed_threshold: int

    def __add__(self, other: Swap) -> Swap:
        return Swap(
            self.swapped + other.swapped,
            self.swapped_changed + other.swapped_changed,
            self.others_changed + other.others_changed,
            max(self.largest_change, other.largest_change),
            self.crossed_threshold + other.crossed_threshold,
        )


@dataclass(frozen=True, slots=True)
class _Exchange:
    """Which accounts are moved, by how many hours, and which country becomes which."""

    hours: Mapping[str, int]
    countries: Mapping[str, str]

    def apply(self, record: _Record) -> _Record:
        moved = self.hours.get(record["account_id"])
        if moved is None:
            return record
        for name in _COUNTRIES:
            if record.get(name):
                record[name] = self.countries.get(record[name], record[name])
        for name in _TIMES:
            if record.get(name):
                record[name] = format_rfc3339(parse_rfc3339(record[name]) + moved * HOUR)
        return record


def swapped_world(world: World, folder: Path) -> tuple[World, frozenset[str]]:
    """Writes below `folder` the world with one account in ten moved; the same each time. Gives it and who was moved."""
    dice = random.Random(_SEED)  # noqa: S311 - a sample, no secret
    accounts = sorted(account.account_id for account in world.accounts)
    moved = dice.sample(accounts, max(1, len(accounts) // _ONE_IN))
    exchange = _Exchange({account: dice.choice(_HOURS) for account in moved}, _exchanged(world, dice))
    other = replace(world, name=f"{world.name}-swapped", path=folder / f"{world.name}-swapped")
    other.path.mkdir()
    for file in given_files(world):
        if file.name in {EVENTS_FILE, ACCOUNTS_FILE}:
            rows: Iterator[_Record] = read_stream(file, _Record)
            write_stream(other.path / file.name, map(exchange.apply, rows))
        else:
            shutil.copyfile(file, other.path / file.name)
    return other, frozenset(moved)


def _exchanged(world: World, dice: random.Random) -> Mapping[str, str]:
    """Each country of the world to the next in a drawn order, so that none stays."""
    files = (world.path / EVENTS_FILE, world.path / ACCOUNTS_FILE)
    records = (record for file in files for record in read_stream(file, _Record))
    named = sorted({record[name] for record in records for name in _COUNTRIES if record.get(name)})
    dice.shuffle(named)
    return dict(zip(named, [*named[1:], *named[:1]], strict=True))


def compare(before: Outcome, after: Outcome, moved: frozenset[str]) -> Swap:
    """How far the risks of both outcomes differ."""
    risks = {account: (one.risk, after.verdicts[account].risk) for account, one in before.verdicts.items()}
    changed = {account for account, (was, now) in risks.items() if abs(was - now) > _SAME}
    threshold = before.threshold
    return Swap(
        swapped=len(moved),
        swapped_changed=len(changed & moved),
        others_changed=len(changed - moved),
        largest_change=max((abs(was - now) for was, now in risks.values()), default=0.0),
        crossed_threshold=sum((was >= threshold) != (now >= threshold) for was, now in risks.values()),
    )

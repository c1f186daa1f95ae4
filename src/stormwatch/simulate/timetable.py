"""From accounts to the order of events: who, when, in which way, on goal or not, as columns sorted by time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stormwatch.simulate.cast import Account, Persona
from stormwatch.simulate.dice import Dice
from stormwatch.simulate.rhythm import Rhythms


@dataclass(frozen=True, slots=True)
class Timetable:
    """One row per event in rising time: time (µs), index of the account, of its persona, session number, goal flag."""

    time_us: npt.NDArray[np.int64]
    account: npt.NDArray[np.int32]
    persona: npt.NDArray[np.int8]
    session: npt.NDArray[np.int32]
    on_goal: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.time_us)


def counts(accounts: Sequence[Account], events: int, dice: Dice) -> npt.NDArray[np.int64]:
    """Events of each account, together `events`: its minimum, and the rest by activity with a long tail."""
    least = np.array([account.minimum for account in accounts], dtype=np.int64)
    weight = np.array([account.activity for account in accounts]) * dice.numbers.lognormal(0.0, 1.1, len(accounts))
    spare = events - int(least.sum())
    exact = weight / weight.sum() * spare
    whole = np.floor(exact).astype(np.int64)
    missing = spare - int(whole.sum())
    whole[np.argsort(exact - whole)[::-1][:missing]] += 1
    total: npt.NDArray[np.int64] = least + whole
    return total


def timetable(accounts: Sequence[Account], number: npt.NDArray[np.int64], dice: Dice) -> Timetable:
    """The events of all accounts, sorted by time (equal times in the order of accounts)."""
    total = int(number.sum())
    time_us = np.empty(total, dtype=np.int64)
    who = np.repeat(np.arange(len(accounts), dtype=np.int32), number)
    persona = np.empty(total, dtype=np.int8)
    session = np.empty(total, dtype=np.int32)
    on_goal = np.zeros(total, dtype=np.bool_)
    rhythms = Rhythms(dice.numbers)
    at = 0
    for account, count in zip(accounts, number.tolist(), strict=True):
        first_session = 0
        for index, some in _split(account.personas, count, dice):
            way = account.personas[index]
            here = slice(at, at + some)
            times, sessions = rhythms.times(some, way.rhythm, way.utc_offset, account.from_us, account.until_us)
            time_us[here], session[here], persona[here] = times, sessions + first_session, index
            on_goal[here] = _goals(way, some, dice)
            first_session += int(sessions[-1]) + 1
            at += some
    order = np.lexsort((who, time_us))
    return Timetable(time_us[order], who[order], persona[order], session[order], on_goal[order])


def _split(personas: tuple[Persona, ...], count: int, dice: Dice) -> list[tuple[int, int]]:
    """The account's events by way of use: (index of the persona, events), those without events left out."""
    if len(personas) == 1:
        return [(0, count)]
    shares = np.array([persona.share for persona in personas])
    parts = dice.numbers.multinomial(count, shares / shares.sum()).tolist()
    return [(index, some) for index, some in enumerate(parts) if some]


def _goals(way: Persona, count: int, dice: Dice) -> npt.NDArray[np.bool_]:
    goal = way.voice.goal
    flags = np.zeros(count, dtype=np.bool_)
    if goal is None:
        return flags
    if goal.script:
        flags[np.sort(dice.numbers.permutation(count)[: len(goal.script)])] = True
        return flags
    flags[:] = dice.numbers.random(count) < way.voice.goal_share
    if not flags.any() and way.voice.goal_share >= 0.2:
        flags[dice.below(count)] = True
    return flags

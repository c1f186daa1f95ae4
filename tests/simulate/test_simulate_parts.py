"""Chance repeats, counts add up, knobs are read or refused, and the text library is whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormwatch.model.errors import InvalidInput
from stormwatch.model.times import DAY, HOUR
from stormwatch.simulate.campaigns import campaign_kinds
from stormwatch.simulate.casting import assemble
from stormwatch.simulate.dice import Choice, Dice
from stormwatch.simulate.knobs import Knobs, numbers, parse_knobs
from stormwatch.simulate.population import kinds
from stormwatch.simulate.rhythm import Rhythms
from stormwatch.simulate.texts import BUILT_IN, compiled, fill, library
from stormwatch.simulate.timetable import counts
from stormwatch.simulate.usage import event_id

DOCS = Path(__file__).parents[2] / "docs"


@given(st.integers(0, 10_000), st.integers(1, 50))
def test_dice_repeat_and_stay_in_range(key: int, bound: int) -> None:
    one, two = Dice("test", key), Dice("test", key)
    draws = [one.below(bound) for _ in range(50)]
    assert draws == [two.below(bound) for _ in range(50)]
    assert all(0 <= draw < bound for draw in draws)


def test_a_choice_follows_its_weights() -> None:
    choice, dice = Choice({"often": 9.0, "seldom": 1.0, "never": 0.0}), Dice("weights")
    drawn = [choice.draw(dice) for _ in range(5_000)]
    assert drawn.count("never") == 0
    assert drawn.count("often") / 5_000 == pytest.approx(0.9, abs=0.03)


@given(st.integers(0, 2**63 - 1))
def test_event_ids_differ(seed: int) -> None:
    assert len({event_id(seed, index) for index in range(500)}) == 500


@pytest.mark.parametrize("accounts", [60, 61, 100, 333, 1_000, 5_000])
def test_a_cast_has_exactly_as_many_accounts(accounts: int) -> None:
    cast = assemble(accounts, 7, Knobs())
    assert len(cast.accounts) == accounts
    assert len({account.account_id for account in cast.accounts}) == accounts


def test_a_world_of_some_thousands_has_every_kind() -> None:
    found = {account.role.kind for account in assemble(5_000, 1, Knobs()).accounts}
    assert set(campaign_kinds()) | set(kinds()) | {"infra-twin", "content-twin", "stolen-key-owner"} == found


@given(st.integers(1_500, 20_000), st.integers(0, 50))
def test_counts_add_up_and_respect_minima(events: int, seed: int) -> None:
    accounts = assemble(100, 1, Knobs()).accounts
    number = counts(accounts, events, Dice(seed))
    assert number.sum() == events
    assert all(number >= np.array([account.minimum for account in accounts]))


@given(st.integers(1, 200), st.sampled_from(["office", "private", "study", "clock", "machine"]), st.floats(-11, 12))
def test_times_lie_in_the_window_in_order(count: int, rhythm: str, offset: float) -> None:
    start, end = 19_737 * DAY, 19_740 * DAY
    times, sessions = Rhythms(np.random.default_rng(1)).times(count, rhythm, offset, start, end)
    assert len(times) == len(sessions) == count
    assert all(times[:-1] <= times[1:])
    assert times[0] >= start
    assert times[-1] < end


def test_an_office_sleeps_at_night() -> None:
    times, _ = Rhythms(np.random.default_rng(1)).times(4_000, "office", 8.0, 19_737 * DAY, 19_765 * DAY)
    hours = (times + 8 * HOUR) // HOUR % 24
    assert np.isin(hours, range(7, 19)).mean() > 0.9


def test_knobs_are_read() -> None:
    knobs = parse_knobs(["evasion=0.5", "start=2025-03-03", "share.vpn-user=0.2"], kinds())
    assert knobs.evasion == 0.5
    assert knobs.share("vpn-user", 0.06) == 0.2
    assert knobs.start_us % DAY == 0


@pytest.mark.parametrize(
    "pair", ["evasion", "evasion=much", "evasion=2", "evasion=nan", "magic=1", "start=soon", "share.martians=0.1"]
)
def test_knobs_that_make_no_sense_are_refused(pair: str) -> None:
    with pytest.raises(InvalidInput):
        parse_knobs([pair], kinds())


def test_a_share_changes_the_cast() -> None:
    cast = assemble(1_000, 1, Knobs(shares=(("vpn-user", 0.3),)))
    assert sum(account.role.kind == "vpn-user" for account in cast.accounts) > 200


def test_every_family_that_is_spoken_has_texts() -> None:
    spoken = {family for kind in kinds().values() for family in (*kind.diet, *kind.goal)}
    spoken |= {family for kind in campaign_kinds().values() for family in kind.families}
    for family in spoken:
        assert library().of(family, "en")


def test_every_slot_can_be_filled() -> None:
    dice = Dice("slots")
    own = dict.fromkeys(("domain", "host", "package", "document", "code"), ("x",))
    for topic in library().topics:
        for template in (*topic.templates, *topic.attached, *topic.artefact):
            said = fill(template, topic.slots, own, dice)
            assert said
            assert not [slot for _, slot in template if slot and slot not in {*topic.slots, *BUILT_IN, *own}]


def test_many_languages_are_spoken() -> None:
    assert len({topic.language for topic in library().topics}) >= 12


def test_a_slot_says_the_same_twice() -> None:
    assert fill(compiled("{a} and {a}"), {"a": ("x", "y", "z")}, {}, Dice(1)).split(" and ") in [[v, v] for v in "xyz"]


def test_the_documentation_names_every_knob_and_kind() -> None:
    page = (DOCS / "simulate.md").read_text()
    for name in [*(row[0] for row in numbers()), *kinds(), *campaign_kinds()]:
        assert f"`{name}`" in page, name

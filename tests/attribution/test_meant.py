"""Whom a source means by an address that many share: whoever of them the rest speaks against, not the passers-by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormwatch.attribution.meant import Setting, Suspect, meant_by_sources
from stormwatch.model.evidence import Evidence

SETTING = Setting(population=10_000, prior=0.001, behind_an_address=3)
FINDING = "connected or signed up from 203.0.113.7, which a source ties to Emerald Sleet; 80 accounts here match it"
BYSTANDERS = 74


def piece(account_id: str, *, bits: float = 3.0, summary: str = FINDING, actor: str = "emerald-sleet") -> Evidence:
    """A match of an address that a source ties to an actor."""
    return Evidence(account_id, "indicator-hit", "indicators", bits, summary, "somebody else's", 0.008, 0, (actor,))


def suspect(name: str, users: int, others: int, risk: float, **more: object) -> Suspect:
    """So many accounts that use the address, and so many that do not."""
    accounts = tuple(f"{name}-{n}" for n in range(users + others))
    return Suspect(name, accounts, tuple(piece(one, **more) for one in accounts[:users]), risk)  # type: ignore[arg-type]


def bystanders(risk: float = 0.003) -> list[Suspect]:
    """Accounts that pass through the same exit and have nothing else against them."""
    return [suspect(f"bystander-{n}", 1, 0, risk) for n in range(BYSTANDERS)]


def believed(*suspects: Suspect) -> dict[str, float]:
    """By subject, how likely it is that the source means it."""
    return {name: of.get(FINDING, 0.0) for name, of in meant_by_sources(suspects, SETTING).items()}


def test_of_all_behind_an_exit_the_one_that_hides_is_meant() -> None:
    found = believed(suspect("ring", 3, 3, 0.9), *bystanders())
    assert found["ring"] > 20 * max(share for name, share in found.items() if name != "ring")


def test_nobody_is_meant_while_nothing_else_speaks_against_anybody() -> None:
    found = believed(suspect("friends", 3, 0, 0.003), *bystanders())
    assert max(found.values()) < 0.01


def test_one_account_of_many_on_the_exit_is_a_passer_by() -> None:
    assert believed(suspect("ring", 1, 10, 0.99), *bystanders())["ring"] < 0.001


def test_two_campaigns_behind_one_exit_share_the_suspicion() -> None:
    alone = believed(suspect("ring", 3, 2, 0.95), *bystanders())["ring"]
    both = believed(suspect("ring", 3, 2, 0.95), suspect("other", 4, 0, 0.95), *bystanders())
    assert both["ring"] == pytest.approx(both["other"])
    assert both["ring"] < alone


def test_accounts_linked_by_the_exit_speak_no_louder_than_one() -> None:
    few = believed(suspect("twins", 2, 0, 0.1), *bystanders())["twins"]
    many = believed(suspect("twins", 30, 0, 0.1), *bystanders())["twins"]
    assert many < few * 2, "more of them make the exit more common and the match less telling, not more"


def test_a_name_that_may_mean_several_means_nobody() -> None:
    of_two = Evidence("a", "indicator-hit", "indicators", 3.0, FINDING, "", 0.008, 0, ("emerald-sleet", "kimsuky"))
    assert meant_by_sources([Suspect("a", ("a",), (of_two,), 0.9), *bystanders()], SETTING).get("a", {}) == {}


def test_where_few_share_an_address_the_match_says_it_all_itself() -> None:
    assert meant_by_sources([suspect("pair", 2, 0, 0.9)], SETTING) == {}


@given(
    rings=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 10), st.floats(0.0, 1.0)), min_size=1, max_size=6),
    bits=st.floats(0.1, 12.0),
)
def test_all_together_are_meant_no_more_than_the_source_is_believed(
    rings: list[tuple[int, int, float]], bits: float
) -> None:
    suspects = [suspect(f"ring-{n}", *ring, bits=bits) for n, ring in enumerate(rings)]
    found = believed(*suspects, *bystanders())
    assert all(0.0 <= share <= 1.0 for share in found.values())
    assert sum(found.values()) <= 1.0


@given(st.floats(0.01, 0.98), st.floats(0.001, 0.02))
def test_more_against_an_account_never_makes_it_less_the_one_that_is_meant(risk: float, more: float) -> None:
    lower = believed(suspect("ring", 2, 2, risk), *bystanders())["ring"]
    higher = believed(suspect("ring", 2, 2, risk + more), *bystanders())["ring"]
    assert higher > lower

"""A program that goes from account to account in turn is told from one that colleagues, or readers, have in common."""

from hypothesis import given
from hypothesis import strategies as st

from stormwatch.attribution.handed_on import handed_on
from stormwatch.detections.fingerprints.lineage import Fragment


def versions(*accounts: str) -> list[Fragment]:
    """Versions of one growing program, written by these accounts in this order."""
    return [
        Fragment(account, f"event-{at}", at, "code-text", 100 + at, frozenset(range(20 + at)))
        for at, account in enumerate(accounts)
    ]


def test_three_accounts_that_take_over_from_one_another_hand_a_program_on() -> None:
    found = handed_on(versions("a", "a", "b", "b", "c", "c"))
    assert found is not None
    assert (found.account_ids, found.versions, found.event_time_us) == (("a", "b", "c"), 6, 4)


def test_colleagues_who_come_back_to_it_do_not() -> None:
    assert handed_on(versions("a", "b", "a", "c", "b", "c")) is None


def test_two_accounts_are_one_person_at_home_and_at_work() -> None:
    assert handed_on(versions("a", "a", "a", "b", "b", "b")) is None


def test_readers_who_paste_one_published_program_once_each_hand_nothing_on() -> None:
    assert handed_on(versions("a", "b", "c", "d")) is None


@given(st.lists(st.sampled_from("abcde"), max_size=12))
def test_nobody_has_two_turns_and_everybody_named_wrote_a_version(accounts: list[str]) -> None:
    found = handed_on(versions(*accounts))
    if found is not None:
        assert len(set(found.account_ids)) == len(found.account_ids) >= 3
        assert set(found.account_ids) <= set(accounts)
        assert found.versions > len(found.account_ids)

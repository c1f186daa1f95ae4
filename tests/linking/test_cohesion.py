"""Groups hold together: a coincidence joins nobody, a chain does not reach its far end, and order changes nothing."""

import itertools

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from stormwatch.linking.cohesion import cohesive_groups
from stormwatch.linking.comparisons import load_comparisons
from stormwatch.model.evidence import Link

SHIPPED = load_comparisons()
ACCOUNTS = [f"a{number:02d}" for number in range(12)]
LINKS = st.dictionaries(
    st.sampled_from(list(itertools.combinations(ACCOUNTS, 2))), st.floats(0.0, 40.0, allow_nan=False), max_size=30
)


def link(a: str, b: str, weight: float = 20.0, probability: float = 0.9) -> Link:
    return Link(a, b, weight, probability, ())


def groups(links: list[Link], largest: int = 40) -> list[tuple[str, ...]]:
    return list(cohesive_groups(links, msgspec.structs.replace(SHIPPED, largest_cluster=largest)))


def everybody(*accounts: str) -> list[Link]:
    return [link(a, b) for a, b in itertools.combinations(accounts, 2)]


def test_linked_accounts_come_together_and_doubtful_pairs_do_not() -> None:
    links = [link("a", "b"), link("b", "c"), link("d", "e"), link("c", "d", probability=0.3)]
    assert groups(links) == [("a", "b", "c"), ("d", "e")]


def test_one_coincidence_between_two_groups_joins_nobody() -> None:
    one, other = ("a", "b", "c", "d"), ("w", "x", "y", "z")
    assert groups([*everybody(*one), *everybody(*other), link("d", "w")]) == [one, other]


def test_two_groups_with_much_between_them_become_one() -> None:
    between = [link(a, b) for a, b in zip("abcd", "wxyz", strict=True)]
    assert groups([*everybody("a", "b", "c", "d"), *everybody("w", "x", "y", "z"), *between]) == [tuple("abcdwxyz")]


def test_a_chain_does_not_reach_its_far_end() -> None:
    chain = [link(f"a{number:02d}", f"a{number + 1:02d}") for number in range(60)]
    assert all(len(group) < 20 for group in groups(chain))


def test_no_group_is_larger_than_the_largest() -> None:
    assert all(len(group) <= 3 for group in groups(everybody(*ACCOUNTS), largest=3))


@given(LINKS, st.randoms(use_true_random=False))
def test_every_account_is_in_one_group_at_most_whatever_the_order(
    weights: dict[tuple[str, str], float], random: object
) -> None:
    links = [link(a, b, weight, 0.9 if weight > 13 else 0.1) for (a, b), weight in weights.items()]
    found = groups(links)
    shuffled = list(links)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    members = [account for group in found for account in group]
    assert len(members) == len(set(members))
    assert groups(shuffled) == found
    linked = {account for one in links if one.probability > 0.5 for account in (one.account_id_a, one.account_id_b)}
    assert set(members) <= linked

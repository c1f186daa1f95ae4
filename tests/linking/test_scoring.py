"""Match weights follow the rarity of what is shared, count each group once, and are explained."""

import pytest

from stormwatch.linking.comparisons import load_comparisons
from stormwatch.linking.scoring import SharedValue, score_pairs
from stormwatch.model.evidence import Link

COMPARISONS = load_comparisons()


def score(*shared: tuple[str, str, int], listed: tuple[str, ...] = ()) -> Link:
    values = [SharedValue("a", "b", kind, value, accounts) for kind, value, accounts in shared]
    found = list(score_pairs(values, COMPARISONS, population=10_000, listed=lambda _kind, _value: listed))
    assert len(found) == 1
    return found[0]


def test_probability_of_one_shared_identifier_is_what_its_innocent_share_leaves() -> None:
    assert score(("payment", "p", 2)).probability == pytest.approx(0.9)
    assert score(("address", "192.0.2.1", 2)).probability == pytest.approx(0.65)


def test_an_address_that_many_have_joins_nobody_even_beside_a_fairly_rare_browser() -> None:
    assert score(("address", "192.0.2.1", 90), ("client", "c", 12)).probability < 0.3


def test_pasted_texts_join_nobody_alone() -> None:
    assert score(("artefact", "domain c2.example", 2), ("code-program", "40 passages", 2)).probability < 0.5


@pytest.mark.parametrize("kind", COMPARISONS.comparisons)
def test_the_more_accounts_share_a_value_the_less_it_says(kind: str) -> None:
    most = COMPARISONS.comparisons[kind].corroborates_up_to
    weights = [COMPARISONS.weight(kind, n, population=10_000, listed=False) for n in range(2, most + 1)]
    assert weights == sorted(weights, reverse=True)


def test_kinds_of_one_group_do_not_add_up() -> None:
    both = score(("client", "c", 2), ("device", "d", 2))
    assert both.match_weight == score(("device", "d", 2)).match_weight
    assert [part.identifier_kind for part in both.evidence] == ["device"]


def test_independent_groups_add_up() -> None:
    both = score(("address", "192.0.2.1", 2), ("payment", "p", 2))
    parts = score(("address", "192.0.2.1", 2)).match_weight + score(("payment", "p", 2)).match_weight
    assert both.match_weight == pytest.approx(parts)
    assert both.probability > 0.99


def test_listed_infrastructure_is_discounted_and_named() -> None:
    listed = score(("address", "192.0.2.1", 2), listed=("Example relay",))
    assert listed.match_weight < score(("address", "192.0.2.1", 2)).match_weight
    assert "Example relay" in listed.evidence[0].innocent_explanation


def test_each_part_has_an_innocent_explanation() -> None:
    assert all(comparison.explanation for comparison in COMPARISONS.comparisons.values())

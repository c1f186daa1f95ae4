"""Clusters keep their ids from hunt to hunt, and former ones say where they went."""

from hypothesis import given
from hypothesis import strategies as st

from stormwatch.linking.cluster_ids import Cluster, inherit_ids

ACCOUNTS = st.sampled_from([f"a{number:02d}" for number in range(20)])
GROUPS = st.lists(st.sets(ACCOUNTS, min_size=2, max_size=6), max_size=5)


def disjoint(groups: list[set[str]]) -> list[tuple[str, ...]]:
    seen: set[str] = set()
    kept = []
    for group in groups:
        left = group - seen
        seen |= left
        if len(left) > 1:
            kept.append(tuple(sorted(left)))
    return kept


@given(GROUPS)
def test_the_same_groups_keep_their_ids(groups: list[set[str]]) -> None:
    first = inherit_ids(disjoint(groups), [], {})
    again = inherit_ids(disjoint(groups), first, {})
    assert list(again) == list(first)


@given(GROUPS, GROUPS)
def test_each_account_is_in_one_living_cluster_and_ids_are_unique(
    before: list[set[str]], after: list[set[str]]
) -> None:
    clusters = inherit_ids(disjoint(after), inherit_ids(disjoint(before), [], {}), {})
    living = [cluster for cluster in clusters if cluster.merged_into is None]
    members = [account for cluster in living for account in cluster.account_ids]
    assert len(members) == len(set(members))
    assert len({cluster.cluster_id for cluster in clusters}) == len(clusters)
    assert {tuple(cluster.account_ids) for cluster in living} == set(disjoint(after))


def test_a_merged_cluster_takes_the_id_of_the_larger_part_and_the_other_says_where_it_went() -> None:
    before = inherit_ids([("a", "b", "c"), ("d", "e")], [], {"a": 5, "d": 1})
    large, small = before
    after = inherit_ids([("a", "b", "c", "d", "e")], before, {"a": 5, "d": 1})
    assert after[0] == Cluster(large.cluster_id, ("a", "b", "c", "d", "e"), (small.cluster_id,))
    assert after[1].merged_into == large.cluster_id


def test_of_two_equal_predecessors_the_one_with_the_earliest_event_hands_on_its_id() -> None:
    before = inherit_ids([("a", "b"), ("c", "d")], [], {})
    after = inherit_ids([("a", "b", "c", "d")], before, {"a": 9, "b": 9, "c": 1, "d": 9})
    assert after[0].cluster_id == before[1].cluster_id

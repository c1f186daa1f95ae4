"""An account belongs to its cluster as firmly as its strongest link inside it."""

from stormwatch.linking.cluster_ids import Cluster
from stormwatch.linking.membership import membership
from stormwatch.model.evidence import Link


def link(a: str, b: str, probability: float) -> Link:
    return Link(a, b, 20.0, probability, ())


def test_the_strongest_link_inside_the_cluster_counts_and_none_to_the_outside() -> None:
    clusters = [Cluster("one", ("a", "b", "c")), Cluster("two", ("x", "y")), Cluster("old", ("a", "x"), (), "one")]
    links = [link("a", "b", 0.99), link("a", "c", 0.2), link("b", "c", 0.55), link("c", "x", 0.9), link("x", "y", 0.7)]
    assert membership(clusters, links) == {"a": 0.99, "b": 0.99, "c": 0.55, "x": 0.7, "y": 0.7}

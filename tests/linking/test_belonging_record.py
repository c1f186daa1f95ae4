"""What conduct settled about who belongs to a cluster stands in the lake: accounts, how firmly, links that say why."""

from pathlib import Path

import pytest

from stormwatch.linking.belonging_record import read_membership, record_belonging
from stormwatch.linking.cluster_ids import Cluster
from stormwatch.linking.link import clusters_table, links_table
from stormwatch.model.evidence import Belonging, Link, LinkEvidence
from stormwatch.storage.lake import Lake

PAIR = Cluster("one", ("b", "c"))
FORMER = Cluster("gone", ("x", "y"), (), "one")
LIVES = {"a": (5, 50), "b": (10, 20), "c": (11, 30)}
WHY = (LinkEvidence("shared-goal", ("LLM-22",), 3.0, "somebody else with the same interest"),)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(tmp_path)
    links = [Link("a", "b", 5.0, 0.2, ()), Link("b", "c", 14.0, 0.65, ())]
    made.replace("links", links_table(links))
    made.replace("clusters", clusters_table([PAIR, FORMER], LIVES, links))
    return made


def test_who_joins_is_of_the_cluster_from_then_on_and_the_link_takes_the_weaker_ones_place(lake: Lake) -> None:
    joining = Belonging("one", "a", 0.9, Link("a", "b", 16.0, 0.9, WHY))
    clusters = record_belonging(lake, [PAIR, FORMER], [Belonging("one", "b", 0.8), joining], LIVES)
    assert clusters == [Cluster("one", ("b", "c", "a")), FORMER]
    assert read_membership(lake) == {"a": 0.9, "b": 0.8, "c": 0.65}
    row, former = lake.read("clusters").to_pylist()
    assert (row["account_ids"], row["first_event_us"], row["last_event_us"]) == (["b", "c", "a"], 5, 50)
    assert (former["merged_into"], former["account_ids"]) == ("one", ["x", "y"])
    links = [
        (link["account_id_a"], link["account_id_b"], link["probability"]) for link in lake.read("links").to_pylist()
    ]
    assert links == [("a", "b", 0.9), ("b", "c", 0.65)]


def test_where_nothing_was_settled_everything_stays(lake: Lake) -> None:
    before = lake.read("clusters"), lake.read("links")
    assert record_belonging(lake, [PAIR, FORMER], [], LIVES) == [PAIR, FORMER]
    assert (lake.read("clusters"), lake.read("links")) == before

"""Which assessments become cases, and how a case follows its subject over hunts."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from review_floor import MOMENT, Floor
from stormwatch.cases import joining, opening, review
from stormwatch.cases.queue import cases_of_account, get_case, history_of, list_cases
from stormwatch.model.case import CaseState
from stormwatch.storage import database
from stormwatch.storage.tables.cases import outcomes


def test_a_case_is_opened_for_each_subject_at_or_above_the_threshold(floor: Floor) -> None:
    floor.suspect("cluster-1", ["a", "b"], risk=0.9)
    floor.suspect("c", ["c"], risk=0.5)
    floor.suspect("d", ["d"], risk=0.49)
    assert floor.hunt() == 2
    cluster, alone = list_cases(floor.runtime.database)
    assert (cluster.account_ids, cluster.cluster_id, cluster.state) == (("a", "b"), "cluster-1", CaseState.OPEN)
    assert (alone.account_ids, alone.cluster_id) == (("c",), None)
    assert [entry.kind for entry in floor.runtime.ledger.entries(kind="case.opened")] == ["case.opened"] * 2


def test_a_second_hunt_over_the_same_opens_nothing_and_touches_nothing(floor: Floor) -> None:
    floor.suspect("cluster-1", ["a", "b"])
    floor.hunt()
    before = floor.case()
    assert floor.hunt(MOMENT + 1) == 0
    assert floor.case() == before


def test_an_open_case_follows_its_subject_also_below_the_threshold(floor: Floor) -> None:
    floor.suspect("cluster-1", ["a", "b"])
    floor.hunt()
    floor.suspect("cluster-1", ["a", "c"], risk=0.2)
    floor.hunt()
    case = floor.case()
    assert (case.account_ids, case.risk, case.state) == (("a", "c"), 0.2, CaseState.OPEN)


def test_a_case_follows_the_inherited_id_of_a_cluster(floor: Floor) -> None:
    floor.suspect("cluster-1", ["a", "b"])
    floor.hunt()
    del floor.subjects["cluster-1"], floor.lineage["cluster-1"]
    floor.lineage["cluster-2"] = (["cluster-1"], None)
    floor.suspect("cluster-2", ["a", "b", "c"])
    assert floor.hunt() == 0
    (case,) = list_cases(floor.runtime.database)
    assert (case.cluster_id, case.account_ids) == ("cluster-2", ("a", "b", "c"))


def test_merged_clusters_leave_one_case_and_a_closed_one_that_says_so(floor: Floor) -> None:
    floor.suspect("cluster-1", ["a", "b", "c"], risk=0.9)
    floor.suspect("cluster-2", ["d", "e"], risk=0.8)
    floor.hunt()
    survivor, other = list_cases(floor.runtime.database)
    del floor.subjects["cluster-2"]
    floor.lineage["cluster-2"] = ([], "cluster-1")
    floor.suspect("cluster-1", ["a", "b", "c", "d", "e"])
    assert floor.hunt() == 0
    assert get_case(floor.runtime.database, survivor.case_id).account_ids == ("a", "b", "c", "d", "e")
    assert get_case(floor.runtime.database, other.case_id).state is CaseState.CLOSED
    assert survivor.case_id in history_of(floor.runtime.database, other.case_id)[-1].reason
    assert floor.hunt(MOMENT + 1) == 0


def test_a_lone_account_that_joins_a_cluster_keeps_its_case(floor: Floor) -> None:
    floor.suspect("a", ["a"])
    floor.hunt()
    del floor.subjects["a"]
    floor.suspect("cluster-1", ["a", "b"])
    assert floor.hunt() == 0
    (case,) = list_cases(floor.runtime.database)
    assert (case.cluster_id, case.account_ids) == ("cluster-1", ("a", "b"))
    assert cases_of_account(floor.runtime.database, "b") == (case,)


def _cleared(floor: Floor) -> str:
    floor.suspect("cluster-1", ["a", "b"])
    floor.hunt()
    case_id = floor.case().case_id
    review.clear(floor.runtime.database, floor.runtime.ledger, floor.runtime.lake, floor.analyst, case_id, "a class")
    return case_id


def test_a_cleared_case_is_not_reopened_by_the_same_evidence(floor: Floor) -> None:
    case_id = _cleared(floor)
    floor.evidence["a"][0]["weight_bits"] += 0.4  # the base rate was measured afresh
    assert floor.hunt() == 0
    assert get_case(floor.runtime.database, case_id).state is CaseState.CLEARED
    with floor.runtime.database.read() as connection:
        kept = connection.execute(select(outcomes.c.account_id, outcomes.c.outcome)).all()
    assert sorted(map(tuple, kept)) == [("a", "cleared"), ("b", "cleared")]


@pytest.mark.parametrize("change", ["kind", "weight", "account", "actor"])
def test_a_cleared_case_reopens_on_new_evidence(floor: Floor, change: str) -> None:
    case_id = _cleared(floor)
    if change == "kind":
        floor.add_evidence("a", kind="return-after-ban", group="ban")
    elif change == "weight":
        floor.evidence["a"][0]["weight_bits"] += 1.0
    elif change == "actor":
        floor.add_evidence("b", actors=["charcoal-typhoon"])
    else:
        floor.suspect("cluster-1", ["a", "b", "c"])
    assert floor.hunt() == 1
    assert get_case(floor.runtime.database, case_id).state is CaseState.OPEN
    assert floor.hunt() == 0


def test_evidence_about_the_accounts_together_is_new_evidence_too(floor: Floor) -> None:
    case_id = _cleared(floor)
    piece = {**floor.evidence["a"][0], "kind": "shared-technique", "summary": "both draft mails", "weight_bits": 3.0}
    floor.suspect("cluster-1", ["a", "b"], evidence=[*floor.evidence["a"], piece])
    assert floor.hunt() == 1
    assert [e.kind for e in floor.file(case_id).cluster_evidence] == ["shared-technique"]


def test_an_account_that_joins_a_cleared_cluster_by_its_links_alone_is_no_news(floor: Floor) -> None:
    case_id = _cleared(floor)
    floor.evidence["c"] = []
    floor.suspect("cluster-1", ["a", "b", "c"])
    assert floor.hunt() == 0
    assert get_case(floor.runtime.database, case_id).account_ids == ("a", "b", "c")


def test_less_evidence_or_a_risk_below_the_threshold_reopens_nothing(floor: Floor) -> None:
    case_id = _cleared(floor)
    floor.add_evidence("a", kind="return-after-ban")
    floor.suspect("cluster-1", ["a", "b"], risk=0.4)
    assert floor.hunt() == 0
    floor.evidence["a"].clear()
    floor.suspect("cluster-1", ["a", "b"], risk=0.9)
    assert floor.hunt() == 0
    assert get_case(floor.runtime.database, case_id).state is CaseState.CLEARED


def test_a_hunt_that_found_nobody_leaves_cases_as_they_are(floor: Floor) -> None:
    floor.suspect("cluster-1", ["a", "b"])
    floor.hunt()
    floor.subjects.clear()
    assert floor.hunt() == 0
    assert floor.case().state is CaseState.OPEN


def test_others_write_while_a_hunt_brings_many_cases_in_line(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        floor.suspect(name, [name])
    notes: list[str] = []

    def somebody_writes(seconds: float) -> None:
        assert seconds > 0
        open_now = list_cases(floor.runtime.database)
        review.note(floor.runtime.database, floor.runtime.ledger, floor.analyst, open_now[0].case_id, "seen")
        notes.append(open_now[0].case_id)

    monkeypatch.setattr(opening, "_AT_ONCE", 1)
    monkeypatch.setattr(database, "_HELD_WITHOUT_GAP_SECONDS", 0.0)
    monkeypatch.setattr(database.time, "sleep", somebody_writes)
    assert floor.hunt() == 3
    assert len(notes) == 2
    assert len(list_cases(floor.runtime.database)) == 3


def test_a_case_that_people_merged_during_a_hunt_stays_as_they_left_it(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor.suspect("a", ["a"], risk=0.9)
    floor.suspect("b", ["b"], risk=0.8)
    floor.suspect("c", ["c"], risk=0.7)
    floor.hunt()
    first, second, third = (case.case_id for case in list_cases(floor.runtime.database))

    def somebody_merges(seconds: float) -> None:
        assert seconds > 0
        monkeypatch.setattr(database.time, "sleep", lambda _: None)
        joining.merge(floor.runtime.database, floor.runtime.ledger, floor.analyst, third, second, "one operator")

    for name, risk in (("a", 0.95), ("b", 0.85), ("c", 0.75)):
        floor.suspect(name, [name], risk=risk)
    monkeypatch.setattr(opening, "_AT_ONCE", 1)
    monkeypatch.setattr(database, "_HELD_WITHOUT_GAP_SECONDS", 0.0)
    monkeypatch.setattr(database.time, "sleep", somebody_merges)
    assert floor.hunt(MOMENT + 1) == 0
    assert get_case(floor.runtime.database, first).risk == 0.95
    assert get_case(floor.runtime.database, second).account_ids == ("b", "c")
    assert get_case(floor.runtime.database, third).risk == 0.7
    assert floor.hunt(MOMENT + 2) == 0
    merged = get_case(floor.runtime.database, second)
    assert (merged.account_ids, merged.risk) == (("b", "c"), 0.85)


def test_a_hunt_that_was_cut_short_is_finished_by_the_next(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        floor.suspect(name, [name])

    def killed(_: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        cut.setattr(opening, "_AT_ONCE", 1)
        cut.setattr(database, "_HELD_WITHOUT_GAP_SECONDS", 0.0)
        cut.setattr(database.time, "sleep", killed)
        with pytest.raises(KeyboardInterrupt):
            floor.hunt()
    assert len(list_cases(floor.runtime.database)) == 1
    assert floor.hunt(MOMENT + 1) == 2
    assert sorted(case.account_ids for case in list_cases(floor.runtime.database)) == [("a",), ("b",), ("c",)]

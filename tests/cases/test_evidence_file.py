"""What an evidence file shows, and what its digest covers."""

from __future__ import annotations

import pytest

from review_floor import Floor
from stormwatch.cases.digest import BasisPiece, is_new
from stormwatch.cases.evidence_file import build_evidence_file
from stormwatch.model.errors import InvalidInput


@pytest.fixture
def case_id(floor: Floor) -> str:
    floor.write_traffic(
        [{"event_id": "a-e0", "account_id": "a"}, {"event_id": "b-e0", "account_id": "b"}],
        [{"account_id": "a", "verified_researcher": True}, {"account_id": "b", "verified_researcher": False}],
    )
    floor.suspect("cluster-1", ["a", "b"])
    floor.hunt()
    return floor.case().case_id


def test_it_holds_evidence_with_innocent_explanations_and_frequencies(floor: Floor, case_id: str) -> None:
    file = floor.file(case_id)
    assert [entry.account_id for entry in file.accounts] == ["a", "b"]
    assert all(piece.innocent_explanation and piece.innocent_frequency > 0 for piece in file.evidence)
    assert file.links[0].evidence[0].identifier_kind == "device_id"
    assert file.hypotheses[0].hypothesis == "unknown-actor"
    assert file.verified_researchers == ("a",)


def test_headings_say_what_is_known_and_no_more(floor: Floor, case_id: str) -> None:
    sections = floor.file(case_id).sections
    assert sections.impact == ("No requests of these accounts are stored.",)
    likelihood, confidence, _ = sections.actor
    assert "very likely" in likelihood
    assert "moderate" not in likelihood
    assert "moderate" in confidence
    assert "likely" not in confidence


def test_the_digest_is_stable_over_hunts_that_change_nothing(floor: Floor, case_id: str) -> None:
    before = floor.file(case_id).digest
    floor.evidence["a"].reverse()
    floor.hunt()
    assert floor.file(case_id).digest == before
    assert len(before) == 64


@pytest.mark.parametrize(
    "change", ["weight", "explanation", "frequency", "event", "account", "piece", "researcher", "source"]
)
def test_the_digest_changes_with_every_change_that_can_be_seen(floor: Floor, case_id: str, change: str) -> None:
    before = floor.file(case_id).digest
    piece = floor.evidence["a"][0]
    if change == "weight":
        piece["weight_bits"] += 0.1
    elif change == "explanation":
        piece["innocent_explanation"] = "a red team"
    elif change == "frequency":
        piece["innocent_frequency"] = 0.05
    elif change == "event":
        piece["event_ids"] = ["a-e0", "a-e1"]
    elif change == "account":
        floor.suspect("cluster-1", ["a", "b", "c"])
    elif change == "source":
        piece["sources"] = ["Example Peer"]
    elif change == "piece":
        floor.add_evidence("b", kind="return-after-ban")
    else:
        floor._put("account_records", [{"account_id": "b", "verified_researcher": True}])
    floor.hunt()
    assert floor.file(case_id).digest != before


def test_a_file_of_some_accounts_has_a_digest_of_its_own_that_depends_on_the_whole_list(
    floor: Floor, case_id: str
) -> None:
    runtime, case = floor.runtime, floor.case()
    part = build_evidence_file(runtime.lake, runtime.database, case, ["a"])
    assert part.digest != floor.file(case_id).digest
    floor.suspect("cluster-1", ["a", "b", "c"])
    floor.hunt()
    assert build_evidence_file(runtime.lake, runtime.database, floor.case(), ["a"]).digest != part.digest


def test_a_file_of_accounts_that_are_not_in_the_case_is_refused(floor: Floor, case_id: str) -> None:
    with pytest.raises(InvalidInput, match="not in this case"):
        build_evidence_file(floor.runtime.lake, floor.runtime.database, floor.case(), ["a", "stranger"])


def test_a_victim_must_be_answered_where_that_is_at_least_as_probable_as_innocence(floor: Floor, case_id: str) -> None:
    floor.suspect("cluster-1", ["a", "b"], risk=0.9, compromised=0.3)
    floor.hunt()
    assert [a.source for a in floor.file(case_id).alternatives] == ["benign", "compromised-account", "machine-tempo"]


def test_the_commonest_innocent_explanation_is_asked_about(floor: Floor, case_id: str) -> None:
    floor.add_evidence("b", kind="shared-address", innocent_explanation="a university network", innocent_frequency=0.4)
    floor.hunt()
    asked = floor.file(case_id).alternatives[-1]
    assert (asked.statement, asked.frequency) == ("a university network", 0.4)


def test_counter_evidence_is_never_new_evidence() -> None:
    settled = [BasisPiece("a", "tempo", "g", "", 3.0)]
    assert not is_new(settled, [*settled, BasisPiece("a", "verified-programme", "g", "", -4.0)])
    assert is_new([], settled)
    assert not is_new(settled, [])


def test_impact_tells_what_can_be_counted_of_uplift_and_autonomy(floor: Floor, case_id: str) -> None:
    counts = dict.fromkeys(("refused", "blocked", "retries", "tool_calls"), 0)
    day = {"day": 19_700, "events": 40, "gaps": 39, "quick_gaps": 13, "first_us": 1, "last_us": 2, **counts}
    floor._put("account_day", [{"account_id": account, **day} for account in ("a", "b")])
    found = {"detector": "autonomous-workflow", "account_id": "b", "level": 4, "summary": "level 4 (runs unattended)"}
    floor._put("findings", [{**found, "innocent_explanation": "a nightly job"}])
    impact = " ".join(floor.file(case_id).sections.impact)
    assert "Speed: 33% of 78 pauses" in impact
    assert "Scale: 80 requests on 1 day by 2 accounts; 80 on the busiest" in impact
    assert "Autonomy: level 4 (runs unattended) (the highest, on one account)." in impact
    assert "may be innocent: a nightly job" in impact
    assert "the reviewer judges it" in impact

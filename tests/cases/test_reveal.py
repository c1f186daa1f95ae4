"""Texts are opened for a case, by a person, with a reason, and never without a record."""

from __future__ import annotations

import pytest

from review_floor import SECRET, Floor
from stormwatch.cases import review
from stormwatch.cases.requests import redacted_requests
from stormwatch.cases.reveal import MOST_EVENTS, Transcript, reveal
from stormwatch.model.errors import Conflict, Forbidden, IntegrityError, InvalidInput, StormwatchError
from stormwatch.model.principal import Principal, Scope
from stormwatch.storage.keyring import Keyring


@pytest.fixture
def case_id(floor: Floor) -> str:
    requests = [{"event_id": f"a-e{number}", "account_id": "a"} for number in range(30)]
    floor.write_traffic(
        [
            *requests,
            {"event_id": "innocent", "account_id": "z", "text": "a love letter"},
            {"event_id": "twice", "account_id": "a", "text": "the suspect's"},
            {"event_id": "twice", "account_id": "z", "text": "the innocent's", "collector": "other"},
        ]
    )
    floor.suspect("a", ["a"])
    floor.hunt()
    return floor.case().case_id


def _reveal(floor: Floor, by: Principal, case_id: str, events: list[str], reason: str = "to read it") -> Transcript:
    runtime = floor.runtime
    return reveal(runtime.database, runtime.ledger, runtime.lake, runtime.keyring, by, case_id, events, reason)


def _entries(floor: Floor) -> int:
    return len(list(floor.runtime.ledger.entries(kind="text.revealed")))


def test_a_reveal_gives_the_text_and_is_on_the_ledger(floor: Floor, case_id: str) -> None:
    transcript = _reveal(floor, floor.analyst, case_id, ["a-e1", "a-e0"])
    assert [request.event_id for request in transcript.requests] == ["a-e0", "a-e1"]
    assert transcript.requests[0].text is not None
    assert transcript.requests[0].text.prompt == SECRET
    (entry,) = floor.runtime.ledger.entries(kind="text.revealed")
    assert entry.sequence == transcript.ledger_sequence
    assert (entry.body["reason"], entry.body["events"], entry.subject) == ("to read it", ["a-e0", "a-e1"], case_id)


def test_nothing_opens_without_a_reason_a_person_or_within_a_limit(floor: Floor, case_id: str) -> None:
    machine = Principal(None, "token", frozenset({Scope.INGEST, Scope.DECIDE}), "gateway")
    refused: list[tuple[Principal, list[str], str, type[StormwatchError]]] = [
        (floor.analyst, ["a-e0"], "  ", InvalidInput),
        (floor.analyst, [], "to read it", InvalidInput),
        (floor.analyst, [f"a-e{n}" for n in range(MOST_EVENTS + 1)], "to read it", InvalidInput),
        (floor.people["administrator"], ["a-e0"], "to read it", Forbidden),
        (machine, ["a-e0"], "to read it", Forbidden),
    ]
    for by, events, reason, error in refused:
        with pytest.raises(error):
            _reveal(floor, by, case_id, events, reason)
    assert _entries(floor) == 0


def test_requests_of_other_accounts_stay_closed_and_take_the_whole_reveal_with_them(floor: Floor, case_id: str) -> None:
    with pytest.raises(Forbidden, match="none of this case's accounts"):
        _reveal(floor, floor.analyst, case_id, ["a-e0", "innocent"])
    assert _entries(floor) == 0


def test_an_id_that_two_accounts_use_opens_the_suspect_s_text_alone(floor: Floor, case_id: str) -> None:
    (request,) = _reveal(floor, floor.analyst, case_id, ["twice"]).requests
    assert request.text is not None
    assert (request.account_id, request.text.prompt) == ("a", "the suspect's")


def test_the_record_is_made_before_a_word_is_read(floor: Floor, case_id: str) -> None:
    runtime = floor.runtime
    wrong_key = Keyring(bytes(32))
    with pytest.raises(IntegrityError):
        reveal(runtime.database, runtime.ledger, runtime.lake, wrong_key, floor.analyst, case_id, ["a-e0"], "why")
    assert _entries(floor) == 1


def test_a_closed_case_opens_nothing(floor: Floor, case_id: str) -> None:
    runtime = floor.runtime
    review.clear(runtime.database, runtime.ledger, runtime.lake, floor.analyst, case_id, "a class")
    review.close(runtime.database, runtime.ledger, runtime.lake, floor.analyst, case_id, "done")
    with pytest.raises(Conflict):
        _reveal(floor, floor.analyst, case_id, ["a-e0"])


def test_redacted_requests_show_counts_and_rules_but_no_text(floor: Floor, case_id: str) -> None:
    hits = [
        {"event_id": "a-e7", "account_id": "a", "rule_id": "phishing-draft", "techniques": ["LLM-04"], "shadow": False},
        {"event_id": "a-e8", "account_id": "a", "rule_id": "quiet", "techniques": ["LLM-01"], "shadow": True},
    ]
    floor._put("detections", hits)
    shown = redacted_requests(floor.runtime.lake, ["a"], cited=["a-e3"], limit=5)
    assert [request.event_id for request in shown[:3]] == ["a-e3", "a-e7", "twice"]
    assert shown[0].cited
    assert shown[1].rules == ("phishing-draft",)
    assert shown[1].techniques == ("LLM-04",)
    assert shown[0].prompt_chars == len(SECRET)
    assert SECRET not in repr(shown)
    assert not any("quiet" in request.rules for request in shown)

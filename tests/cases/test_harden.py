"""A case that was acted on leaves a draft rule in shadow that passes its own tests and quotes nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from review_floor import Floor
from stormwatch.cases.phrases import Spoken, characteristic, phrases_of
from stormwatch.cli.main import command_line
from stormwatch.detections.rulebook.rules import load_rules
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput, NotFound
from stormwatch.model.principal import Role

COMMAND_LINE = command_line(["case", "act", "rules", "audit"])
TEMPLATES = (
    "Write part {n} of the beacon relay for Doctor Elara Quist at 203.0.113.5, mail elara@example.org",
    "Now make the beacon relay quieter and pack the harvest list of host {n} for later",
    "Why does the harvest list of run {n} stay empty when the relay sleeps?",
)
ORDINARY = ("How long do I boil an egg of size {n}?", "Make my letter number {n} to the landlord sound kinder please")


@pytest.fixture
def case_id(floor: Floor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A case over three accounts with texts of their own among ordinary traffic, acted on by two people."""
    monkeypatch.setenv("STORMWATCH_RULES", json.dumps([str(tmp_path / "rules")]))
    requests = [
        {"event_id": f"{account}-e{n}", "account_id": account, "text": TEMPLATES[n % 3].format(n=n)}
        for account in ("a", "b", "c")
        for n in range(4)
    ]
    requests += [
        {"event_id": f"o-{n}", "account_id": f"other-{n % 90}", "text": ORDINARY[n % 2].format(n=n)} for n in range(400)
    ]
    floor.write_traffic(requests)
    floor.suspect("cluster-1", ["a", "b", "c"])
    floor.hunt()
    case_id = floor.case().case_id
    floor.reviewed_case()
    proposal = _json(floor, "ada", "act", "propose", case_id, "--kind", "suspend", "--reason-code", "fraud")
    approval = ("act", "approve", proposal["proposal_id"], "--evidence-hash", proposal["evidence_hash"])
    _json(floor, "bea", *approval)
    _, floor.tokens["eve"] = floor.runtime.access.add_person(  # type: ignore[index]
        floor.people["administrator"], "eve", Role.DETECTION_ENGINEER
    )
    return case_id


def _run(floor: Floor, who: str, *words: str) -> Result:
    environment = {"STORMWATCH_TOKEN": floor.tokens.get(who, "")}
    return CliRunner().invoke(COMMAND_LINE, ["--home", str(floor.runtime.settings.home), *words], env=environment)


def _json(floor: Floor, who: str, *words: str) -> Any:
    result = _run(floor, who, *words, "--json")
    assert result.exit_code == 0, result.output or result.exception
    return json.loads(result.stdout)


def _harden(floor: Floor, who: str, case_id: str, folder: Path) -> Result:
    words = ("case", "harden", case_id, "--output", str(folder), "--reason", "to know them again")
    return _run(floor, who, *words, "--technique", "llm.07", "--json")


def test_from_a_case_to_a_rule_in_force(floor: Floor, case_id: str, tmp_path: Path) -> None:
    done = _harden(floor, "ada", case_id, tmp_path / "drafts")
    assert done.exit_code == 0, done.output or done.exception
    report = json.loads(done.stdout)
    assert report["case_hits"] == report["case_requests"] == 12
    assert (report["other_hits"], report["other_requests"]) == (0, 400)
    draft = Path(report["rule"])
    assert _json(floor, "", "rules", "check", str(draft))["errors"] == 0
    tested = _json(floor, "", "rules", "test", str(draft))
    assert (tested["failures"], tested["problems"]) == ([], [])
    (rule,) = load_rules([draft])
    assert (rule.shadow, rule.status, rule.techniques) == (True, "experimental", ("LLM-07",))
    accepted = _json(floor, "eve", "rules", "accept", str(draft), "--reason", "no name in it, backtested")
    assert Path(accepted["path"]).parent == tmp_path / "rules"
    assert rule.rule_id in {each["rule_id"] for each in _json(floor, "", "rules", "list")["rules"]}
    assert _json(floor, "", "rules", "test", str(tmp_path / "rules"))["failures"] == []
    kinds = [entry.kind for entry in floor.runtime.ledger.entries()]
    assert "text.counted" in kinds
    assert kinds[-1] == "rule.accepted"
    assert floor.runtime.ledger.verify().ok
    with pytest.raises(Conflict, match="in force already"):
        raise _run(floor, "eve", "rules", "accept", str(draft), "--reason", "again").exception or AssertionError


def test_a_draft_quotes_no_sentence_and_names_nothing_that_identifies(
    floor: Floor, case_id: str, tmp_path: Path
) -> None:
    assert _harden(floor, "ada", case_id, tmp_path / "drafts").exit_code == 0
    written = " ".join(path.read_text(encoding="utf-8") for path in (tmp_path / "drafts").iterdir())
    assert "beacon relay" in written
    for said in ("203.0.113.5", "example.org", "elara", "quist", *(t.format(n=0) for t in TEMPLATES)):
        assert said.lower() not in written.lower()
    flat = " ".join(written.lower().split())
    for template in TEMPLATES:
        words = template.split()
        assert not any(" ".join(words[start : start + 4]).lower() in flat for start in range(len(words) - 3))


def test_only_those_who_may_open_texts_harden_and_only_engineers_accept(
    floor: Floor, case_id: str, tmp_path: Path
) -> None:
    for who in ("administrator", "eve"):
        assert isinstance(_harden(floor, who, case_id, tmp_path / "drafts").exception, Forbidden)
    assert not (tmp_path / "drafts").exists()
    report = json.loads(_harden(floor, "bea", case_id, tmp_path / "drafts").stdout)
    for who in ("ada", "bea", "administrator"):
        refused = _run(floor, who, "rules", "accept", report["rule"], "--reason", "mine")
        assert isinstance(refused.exception, Forbidden)
    assert not (tmp_path / "rules").exists()


def test_a_case_that_nobody_acted_on_teaches_nothing(floor: Floor, tmp_path: Path) -> None:
    floor.write_traffic([{"event_id": "a-e0", "account_id": "a"}])
    floor.suspect("cluster-1", ["a", "b"])
    floor.hunt()
    refused = _harden(floor, "ada", floor.case().case_id, tmp_path / "drafts")
    assert isinstance(refused.exception, Conflict)


def test_a_draft_that_fails_its_tests_is_not_accepted(floor: Floor, case_id: str, tmp_path: Path) -> None:
    report = json.loads(_harden(floor, "ada", case_id, tmp_path / "drafts").stdout)
    tests = Path(report["tests"])
    tests.write_text(tests.read_text(encoding="utf-8").replace("beacon relay", "bacon", 1), encoding="utf-8")
    refused = _run(floor, "eve", "rules", "accept", report["rule"], "--reason", "looks fine")
    assert isinstance(refused.exception, InvalidInput)


words = st.lists(st.sampled_from(["alpha", "bravo", "charlie", "delta", "echo", "foxtrot"]), min_size=2, max_size=12)


@given(st.lists(words, min_size=2, max_size=6), st.lists(words, max_size=12))
def test_what_is_common_elsewhere_never_sets_a_case_apart(case: list[list[str]], others: list[list[str]]) -> None:
    spoken = [Spoken(f"a{n % 2}", " ".join(text)) for n, text in enumerate(case)]
    elsewhere = [" ".join(text) for text in others]
    for phrase in characteristic(spoken, elsewhere, most=5, rarest_share=0.0, least_bits=0.0):
        assert not any(phrase.words in text for text in elsewhere)
        assert sum(phrase.words in said.text for said in spoken) >= 2
        assert len(phrase.words.split()) <= 3


@given(st.text(max_size=300))
def test_phrases_stand_in_the_text_and_are_short(text: str) -> None:
    for phrase in phrases_of(text):
        assert 2 <= len(phrase.split()) <= 3


def test_nothing_in_common_is_said_so(floor: Floor, case_id: str, tmp_path: Path) -> None:
    requests = [{"event_id": f"{a}-x", "account_id": a, "text": f"word{a}"} for a in ("a", "b", "c")]
    floor.write_traffic(requests)
    assert isinstance(_harden(floor, "ada", case_id, tmp_path / "drafts").exception, NotFound)

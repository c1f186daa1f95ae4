"""The faces of intel and sharing: what they print, where they write, and how they fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from review_floor import Floor
from stormwatch.actions.proposals import approve, propose
from stormwatch.cli.main import command_line
from stormwatch.model.case import ActionKind
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput

face = command_line(["intel", "lead", "share"])


def run(home: Path, *words: str) -> dict[str, Any]:
    result = CliRunner().invoke(face, ["--home", str(home), *words, "--json"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def test_import_and_lead_on_a_home_that_it_makes(home: Path, tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text("kind,value\ndomain,evil.example\ncolour,red\n")
    report = run(home, "intel", "import", str(table))
    assert (report["indicators"], report["skipped"], len(report["reasons"])) == (1, 1, 1)
    origin = ("--title", "\x1b[31mtip", "--source", "Peer", "--source-kind", "peer-provider")
    added = run(home, "lead", "add", *origin, "--indicator", "ip=203.0.113.7:443", "--expires", "90d", "--grade", "b2")
    assert added["observables"] == [{"kind": "ipv4-addr", "value": "203.0.113.7"}]
    shown = run(home, "lead", "show", added["lead_id"])
    assert (shown["state"], shown["hits"]["accounts"]) == ("open", [])
    assert [one["lead_id"] for one in run(home, "lead", "list")["leads"]] == [added["lead_id"]]
    prose = CliRunner().invoke(face, ["--home", str(home), "lead", "list"]).stdout
    assert "\x1b" not in prose
    with pytest.raises(InvalidInput, match="line 3"):
        run(home, "lead", "add", *origin, "--file", str(table))
    with pytest.raises(Forbidden):
        run(home, "lead", "answer", added["lead_id"], "--not-found")


@pytest.mark.parametrize("words", [("answer", "lead-x"), ("add", "--title", "t")])
def test_wrong_usage_exits_2(home: Path, words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(face, ["--home", str(home), "lead", *words])
    assert result.exit_code == 2


def test_a_bundle_is_written_once_two_people_decided(
    floor: Floor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = floor.runtime
    monkeypatch.setenv("STORMWATCH_TOKEN", floor.tokens["ada"])
    floor.suspect("a", ["a"])
    floor.hunt()
    case = floor.reviewed_case()
    output = tmp_path / "bundle.json"
    words = ("share", "bundle", case.case_id, "--output", str(output), "--tlp", "green")
    with pytest.raises(Conflict):
        run(runtime.settings.home, *words)
    assert not output.exists()
    parts = (runtime.database, runtime.ledger, runtime.lake)
    proposal = propose(*parts, floor.analyst, case.case_id, ActionKind.SUSPEND, "state-affiliated-misuse")
    approve(*parts, floor.approver, proposal.proposal_id, proposal.evidence_hash)
    report = run(runtime.settings.home, *words)
    assert (report["accounts"], report["tlp"]) == (1, "green")
    assert json.loads(output.read_text())["id"] == report["bundle"]
    with pytest.raises(InvalidInput):
        run(runtime.settings.home, "share", "bundle", case.case_id, "--output", str(tmp_path / "none" / "b.json"))

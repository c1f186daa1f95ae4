"""Why one hypothesis comes first, as a person at a terminal asks it; every face tells words and what they rest on."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from made_grounds import PROFILES, RATES, grounds, piece, tie
from review_floor import Floor
from stormwatch.attribution.estimative_language import faults
from stormwatch.attribution.grounds import grounds_table, ranked
from stormwatch.cli.main import command_line
from stormwatch.storage.schemas import TABLES

COMMAND_LINE = command_line(["case", "report"])
GROUNDS = dataclasses.replace(
    grounds(
        [
            tie("charcoal-typhoon", "198.51.100.7", "Peer \x1b[2J A", 12.0),
            tie("forest-blizzard", "198.51.100.8", "Peer B", 12.0),
            piece("shared-technique", "content", 3.0, "2 of 2 accounts show technique LLM-05"),
        ],
        scripts={"Hans": 1.0},
    ),
    subject_id="cluster-1",
    account_ids=("a", "b"),
)


@pytest.fixture
def case_id(floor: Floor) -> str:
    floor.suspect("cluster-1", ["a", "b"])
    floor.hunt()
    floor.runtime.lake.replace("assessment_grounds", grounds_table([GROUNDS]))
    _store_hypotheses(floor)
    return floor.case().case_id


def _store_hypotheses(floor: Floor) -> None:
    rows = floor.runtime.lake.read("assessments").to_pylist()
    rows[0]["hypotheses"] = [dataclasses.asdict(one) for one in ranked(GROUNDS, PROFILES, RATES)]
    table = TABLES["assessments"].empty_table().from_pylist(rows, schema=TABLES["assessments"])
    floor.runtime.lake.replace("assessments", table)


def _run(floor: Floor, *words: str) -> Result:
    environment = {"STORMWATCH_TOKEN": floor.tokens["ada"]}
    return CliRunner().invoke(COMMAND_LINE, ["--home", str(floor.runtime.settings.home), *words], env=environment)


def test_the_sheet_shows_matrix_sensitivity_false_flags_and_names(floor: Floor, case_id: str) -> None:
    result = _run(floor, "case", "attribution", case_id)
    assert result.exit_code == 0, result.exception
    sheet = result.stdout
    assert "Calibrated on simulated worlds." in sheet
    assert "Caution: what puts one tracked actor before the others is cheap to fake." in sheet
    assert re.search(r"\+{2,4} .*-{1,4} .*indicators: connected from 198.51.100.7 \(and 1 behind it\)", sheet)
    assert "Without the piece indicator-hit: connected from 198.51.100.8: first comes Charcoal Typhoon" in sheet
    assert "writing systems: anybody can write in a language that is not theirs" in sheet
    assert "MITRE ATT&CK (2025-11-13) keeps Earth Lusca (G1006)" in sheet
    assert not re.search(r"\b[01]\.\d|\d ?%", sheet.replace("198.51.100.", "")), "words, no numbers of likelihood"
    assert [found.told() for found in faults(sheet)] == []


def test_hostile_names_of_sources_are_shown_as_text(floor: Floor, case_id: str) -> None:
    assert "\x1b" not in _run(floor, "case", "attribution", case_id).stdout


def test_programs_get_every_cell_in_bits(floor: Floor, case_id: str) -> None:
    found = json.loads(_run(floor, "case", "attribution", case_id, "--json").stdout)
    assert found["calibrated_on"] == "simulated worlds"
    assert found["outdated"] is False
    columns = found["matrix"]["columns"]
    assert len(columns) == len(PROFILES) + 4
    row = found["matrix"]["rows"][0]
    assert [cell["hypothesis"] for cell in row["cells"]] == columns
    assert {cell["reading"] for cell in row["cells"]} == {"consistent", "inconsistent"}
    assert found["false_flag"]["cautions"] == ["choice-of-actor-rests-on-cheap-evidence"]
    assert all(change["without"]["part"] for change in found["sensitivity"]["changes"])


def test_the_case_sheet_tells_of_names_and_cautions_beside_the_hypotheses(floor: Floor, case_id: str) -> None:
    sheet = _run(floor, "case", "show", case_id).stdout
    assert "Charcoal Typhoon: MITRE ATT&CK (2025-11-13) keeps Earth Lusca" in sheet
    assert "cheap to fake" in sheet
    assert f"stormwatch case attribution {case_id}" in sheet
    assert [found.told() for found in faults(sheet)] == []
    shown = json.loads(_run(floor, "case", "show", case_id, "--json").stdout)
    assert shown["case"]["calibrated_on"] == "simulated worlds"
    assert "charcoal-typhoon" in {one["actor_id"] for one in shown["alias_conflicts"]}


def test_a_case_without_grounds_says_what_to_do(floor: Floor) -> None:
    floor.suspect("cluster-1", ["a", "b"])
    floor.hunt()
    result = _run(floor, "case", "attribution", floor.case().case_id)
    assert result.exit_code != 0
    assert "stormwatch hunt" in str(result.exception)


def test_texts_are_linted_by_file_and_line(floor: Floor, tmp_path: Path) -> None:
    good, bad, page = tmp_path / "good.md", tmp_path / "bad.md", tmp_path / "bad.html"
    good.write_text("It is likely. Confidence is low.")
    bad.write_text("Well.\n\nIt is likely, with low confidence.")
    page.write_text("<p>fine</p>\n<p>It is <i>likely</i>, with low confidence.</p>")
    assert _run(floor, "report", "lint", str(good)).exit_code == 0
    result = _run(floor, "report", "lint", str(good), str(bad), str(page))
    assert result.exit_code != 0
    assert "bad.md, line 3" in result.stdout
    assert "bad.html, line 2" in result.stdout

"""`stormwatch lead` from the tip to the answer, as people at a shell see it."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from command_line import Called, stormwatch
from event_making import event, ndjson
from home_making import new_home
from stormwatch.model.principal import Role

ADDRESS = "203.0.113.7"
ORIGIN = ("--source-kind", "peer-provider", "--title", "tip", "--source", "Peer A", "--grade", "B2")


@pytest.fixture
def tokens(home: Path) -> dict[str, str]:
    runtime = new_home(home)
    first = runtime.access.first_administrator()
    assert first is not None
    administrator = runtime.access.authenticate(first[1])
    made = {
        name: runtime.access.add_person(administrator, name, role)[1]
        for name, role in {"ana": Role.ANALYST, "paul": Role.APPROVER}.items()
    }
    runtime.close()
    return made


def call(home: Path, token: str, *words: str | Path) -> Called:
    return stormwatch("--home", home, *words, environment={"STORMWATCH_TOKEN": token})


def told(called: Called) -> dict[str, Any]:
    assert called.returncode == 0, called.stderr
    return json.loads(called.stdout)  # type: ignore[no-any-return]


def test_one_person_cannot_have_a_person_looked_for(home: Path, tokens: dict[str, str], tmp_path: Path) -> None:
    traffic = tmp_path / "traffic.ndjson"
    said = [{"role": "user", "content": "write to somebody@badhost.net"}]
    traffic.write_bytes(ndjson([event(1, account_id="u1", input=said)]))
    told(call(home, "", "ingest", traffic, "--json"))
    told(call(home, "", "hunt", "--json"))
    words = ("lead", "add", *ORIGIN, "--indicator", "email=somebody@badhost.net")
    nobody = call(home, "", *words, "--legal-basis", "contract")
    assert (nobody.returncode, "in a person's name" in nobody.stderr) == (1, True)
    baseless = call(home, tokens["ana"], *words)
    assert (baseless.returncode, "--legal-basis" in baseless.stderr) == (1, True)
    added = told(call(home, tokens["ana"], *words, "--legal-basis", "contract", "--json"))
    assert (added["state"], added["about_people"], added["search"]) == ("proposed", True, None)
    told(call(home, "", "hunt", "--json"))
    waiting = told(call(home, "", "lead", "show", added["lead_id"], "--json"))
    assert (waiting["hits"]["accounts"], waiting["search"]) == ([], None)
    assert "Waits for acceptance" in call(home, "", "lead", "show", added["lead_id"]).stdout
    alone = call(home, tokens["ana"], "lead", "accept", added["lead_id"])
    assert (alone.returncode, "alone" in alone.stderr) == (1, True)
    accepted = told(call(home, tokens["paul"], "lead", "accept", added["lead_id"], "--json"))
    assert accepted["search"]["answer"] == "found"
    assert [one["account_id"] for one in accepted["search"]["findings"]] == ["u1"]
    assert accepted["added_by"] != accepted["decided_by"]


def test_a_misp_event_says_for_itself_what_holds(home: Path, tokens: dict[str, str], tmp_path: Path) -> None:
    traffic = tmp_path / "traffic.ndjson"
    traffic.write_bytes(ndjson([event(n, account_id=f"u{n}", source_ip=f"203.0.113.{n}") for n in range(5, 9)]))
    told(call(home, "", "ingest", traffic, "--json"))
    ranges = tmp_path / "vpn.json"
    ranges.write_text(json.dumps({"name": "Some VPN", "type": "cidr", "version": 1, "list": ["203.0.113.0/29"]}))
    told(call(home, "", "intel", "import", ranges, "--json"))
    attribute = {"uuid": str(uuid.uuid4()), "type": "ip-dst", "value": ADDRESS, "to_ids": True}
    tags = ["tlp:green", "PAP:GREEN", 'admiralty-scale:source-reliability="a"', 'misp-galaxy:threat-actor="Sofacy"']
    misp = tmp_path / "event.json"
    misp.write_text(
        json.dumps(
            {
                "Event": {
                    "uuid": str(uuid.uuid4()),
                    "info": "A campaign",
                    "Orgc": {"name": "Example CERT"},
                    "Tag": [{"name": name} for name in tags],
                    "Attribute": [attribute],
                }
            }
        )
    )
    added = told(call(home, "", "lead", "add", "--source-kind", "security-vendor", "--file", misp, "--json"))
    assert {name: added[name] for name in ("title", "source", "grade", "tlp", "pap", "actor")} == {
        "title": "A campaign",
        "source": "Example CERT",
        "grade": "A6",
        "tlp": "green",
        "pap": "green",
        "actor": "Sofacy",
    }
    assert (added["search"]["answer"], added["search"]["events_searched"]) == ("found", 4)
    shown = told(call(home, "", "lead", "show", added["lead_id"], "--json"))
    assert shown["hits"]["accounts"] == ["u7"]
    assert [one["list"] for one in shown["shared_infrastructure"]] == ["Some VPN"]
    prose = call(home, "", "lead", "show", added["lead_id"]).stdout
    assert "held back until two people decided" in prose
    assert "weighs less: on the list Some VPN (a VPN: its exits are shared by many customers)" in prose
    early = call(home, tokens["ana"], "lead", "answer", added["lead_id"], "--not-found")
    assert (early.returncode, "hunt" in early.stderr) == (1, True)


def test_what_is_known_of_names_and_things(home: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.json"
    names.write_text(json.dumps([{"Threat actor name": "Charcoal Typhoon", "Other names": "CHROMIUM, Made Up"}]))
    table = tmp_path / "list.csv"
    table.write_text("kind,value,actor\nrange,2001:db8::/32,Made Up\nemail,somebody@example.org,\n")
    report = told(call(home, "", "intel", "import", names, table, "--json"))
    assert (report["actors"], report["indicators"], report["skipped"]) == (1, 1, 1)
    found = told(call(home, "", "intel", "names", "made-up", "--json"))
    assert found["speaks_for"] == ["charcoal-typhoon"]
    assert [one["source"] for one in found["meanings"]] == ["Microsoft threat actor naming"]
    assert "no imported catalogue" in call(home, "", "intel", "names", "nobody").stdout
    thing = told(call(home, "", "intel", "show", "ip=2001:db8::9", "--json"))
    assert [one["value"] for one in thing["indicators"]] == ["2001:db8::/32"]
    assert call(home, "", "intel", "show", "colour=red").returncode == 2
    assert told(call(home, "", "intel", "conflicts", "--json")) == {"conflicts": []}

"""The commands on alerts, called as a person at a terminal calls them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from alert_receiver import SECRET, Receiver, answer, receiving
from sighting_making import MOMENT, sighting
from stormwatch.cli.main import command_line
from stormwatch.hunt.alerts.delivery import forget_receivers, send_due
from stormwatch.hunt.alerts.log import deliveries_of, list_alerts
from stormwatch.hunt.alerts.policy import load_policy
from stormwatch.hunt.alerts.raising import raise_alerts
from stormwatch.model.alert import DeliveryState
from stormwatch.model.errors import InvalidInput, NotFound, StormwatchError, WrongUsage
from stormwatch.runtime import Runtime
from stormwatch.storage.database import Database

COMMAND_LINE = command_line(["alert"])


@pytest.fixture
def receiver(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver that is set up, and an installation with two alerts from before that."""
    raise_alerts(runtime.database, [sighting(1, account_id="acct-\x1b[2J"), sighting(2)], load_policy(), [], MOMENT)
    with receiving() as made:
        monkeypatch.setenv("STORMWATCH_ALERT_URLS", json.dumps([made.url]))
        monkeypatch.setenv("STORMWATCH_ALERT_SECRETS", json.dumps([SECRET]))
        yield made


def _run(runtime: Runtime, *words: str) -> Result:
    return CliRunner().invoke(COMMAND_LINE, ["--home", str(runtime.settings.home), "alert", *words])


def _json(runtime: Runtime, *words: str) -> Any:
    result = _run(runtime, *words, "--json")
    assert result.exit_code == 0, result.output or result.exception
    return json.loads(result.stdout)


def test_listed_shown_and_harmless_to_a_terminal(runtime: Runtime, receiver: Receiver) -> None:
    listed = _json(runtime, "list")["alerts"]
    assert [alert["seen"] for alert in listed] == [1, 1]
    shown = _json(runtime, "show", listed[0]["alert_id"])
    assert shown["account_id"] in {"acct-\x1b[2J", "acct-2"}
    prose = _run(runtime, "list").stdout
    assert prose.count("\n") == 2
    assert "kept" in prose
    assert "\x1b" not in prose
    assert isinstance(_run(runtime, "show", "alert-none").exception, NotFound)
    assert isinstance(_run(runtime, "list", "--since", "yesterday").exception, WrongUsage)
    assert _json(runtime, "list", "--since", "2030-01-01")["alerts"] == []


def test_alerts_from_before_the_receiver_are_sent_when_asked(runtime: Runtime, receiver: Receiver) -> None:
    assert _json(runtime, "send") == {"delivered": 0, "failed": 0}
    ids = [alert["alert_id"] for alert in _json(runtime, "list")["alerts"]]
    assert _json(runtime, "retry", *ids) == {"delivered": 2, "failed": 0}
    assert set(receiver.messages()) == set(ids)
    assert {alert["messages"][0]["state"] for alert in _json(runtime, "list")["alerts"]} == {"delivered"}
    assert isinstance(_run(runtime, "retry").exception, InvalidInput)


def test_dead_letters_are_seen_and_sent_again(runtime: Runtime, receiver: Receiver) -> None:
    ids = [alert["alert_id"] for alert in _json(runtime, "list")["alerts"]]
    receiver.behaviours = [answer(410), answer(410)]
    assert _json(runtime, "retry", *ids) == {"delivered": 0, "failed": 2}
    dead = _json(runtime, "list", "--state", "dead")["alerts"]
    assert {alert["alert_id"] for alert in dead} == set(ids)
    assert "410" in dead[0]["messages"][0]["last_error"]
    assert _json(runtime, "retry", "--dead") == {"delivered": 2, "failed": 0}
    assert _json(runtime, "list", "--state", "dead")["alerts"] == []


def test_a_try_of_the_receiver_says_whether_it_took_it(runtime: Runtime, receiver: Receiver) -> None:
    _json(runtime, "test")
    assert receiver.received[-1].verified()["type"] == "alert.test"
    receiver.behaviours = [answer(500)]
    refused = _run(runtime, "test")
    assert isinstance(refused.exception, StormwatchError)
    assert "answered 500" in str(refused.exception)
    assert "receivers-own-secret" not in refused.output + str(refused.exception)


@pytest.mark.parametrize("form", ["ndjson", "ocsf", "ecs"])
def test_exported_a_record_a_line_the_oldest_first(
    runtime: Runtime, receiver: Receiver, tmp_path: Path, form: str
) -> None:
    file = tmp_path / "alerts.ndjson"
    assert _json(runtime, "export", "--format", form, "--output", str(file))["alerts"] == 2
    lines = file.read_text(encoding="utf-8").splitlines()
    assert all(json.loads(line) for line in lines)
    assert len(lines) == 2
    assert "acct-" not in file.read_text(encoding="utf-8")
    nowhere = str(tmp_path / "missing" / "file")
    assert isinstance(_run(runtime, "export", "--output", nowhere).exception, InvalidInput)


def test_without_a_receiver_nothing_is_sent(runtime: Runtime) -> None:
    for command in (["send"], ["test"], ["retry", "--dead"]):
        assert isinstance(_run(runtime, *command).exception, InvalidInput)


class Taking:
    """A double of the border: a receiver that takes everything."""

    destination = "receiver-1"

    def __init__(self) -> None:
        self.taken: list[str] = []

    def send(self, message_id: str, body: bytes) -> None:
        self.taken.append(message_id)


def test_the_outbox_is_the_same_on_both_databases(either_database: Database) -> None:
    found = [sighting(number) for number in range(3)]
    assert raise_alerts(either_database, found, load_policy(), ["receiver-1", "receiver-2"], MOMENT) == 3
    assert raise_alerts(either_database, [sighting(1, seen=9)], load_policy(), ["receiver-1"], MOMENT) == 0
    taking = Taking()
    assert send_due(either_database, taking, lambda _alert: b"{}").delivered == 3
    assert forget_receivers(either_database, ["receiver-1"]) == 3
    alerts = list_alerts(either_database, state=DeliveryState.DELIVERED)
    assert sorted(alert.seen for alert in alerts) == [1, 1, 9]
    assert {one.state for one in deliveries_of(either_database, taking.taken)[taking.taken[0]]} == {
        DeliveryState.DELIVERED,
        DeliveryState.DEAD,
    }

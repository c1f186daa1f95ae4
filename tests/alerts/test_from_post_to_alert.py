"""From POST to a signed alert through a real server: at once, once, also after it was killed in between."""

from __future__ import annotations

import json
import subprocess
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from alert_receiver import SECRET, Receiver, receiving
from event_making import event, ndjson
from home_making import new_home
from serving import Served, served, stormwatch
from stormwatch.intel.leads import add_lead
from stormwatch.model.ids import new_id
from stormwatch.model.intel import PAP, TLP, AdmiraltyGrade, Lead, SourceKind
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.model.principal import Principal, Scope
from stormwatch.model.times import parse_rfc3339
from stormwatch.runtime import Runtime, open_runtime

HOSTILE = "203.0.113.77"
RULE = """
title: A made-up rule that speaks up
id: 00000000-0000-4000-8000-0000000000a1
status: test
description: Made for this test.
author: Stormwatch
references: [https://example.org/]
date: 2026-11-23
tags: [llm.07, attack.t1059.001]
logsource: {category: llm}
detection:
  words: {prompt|contains: switch the virus scanner off}
  condition: words
falsepositives: [administrators at work]
level: high
"""
LOUD_TEXT = "please switch the virus scanner off for good"


def lead(*values: str) -> Lead:
    return Lead(
        lead_id=new_id("lead"),
        title="addresses of an operator",
        source="a peer",
        source_kind=SourceKind.PEER_PROVIDER,
        grade=AdmiraltyGrade.parse("B2"),
        tlp=TLP.AMBER,
        pap=PAP.AMBER,
        received_us=parse_rfc3339("2026-01-01T00:00:00Z"),
        observables=tuple(Observable(ObservableKind.IPV4, value) for value in values),
    )


class House:
    """A home with a lead, a loud rule, a token for its gateway and a receiver of its alerts."""

    def __init__(self, home: Path, receiver: Receiver, rules: Path) -> None:
        self.home = home
        self.receiver = receiver
        self.rules = rules
        runtime = new_home(home)
        first = runtime.access.first_administrator()
        assert first is not None
        self.administrator: Principal = runtime.access.authenticate(first[1])
        self.token = runtime.access.machine_token(self.administrator, "gateway", [Scope.INGEST])
        self.add_lead(runtime, HOSTILE)
        runtime.close()

    def add_lead(self, runtime: Runtime, *values: str) -> None:
        add_lead(runtime.database, runtime.ledger, lead(*values), by="administrator")

    def post(self, server: Served, *events: dict[str, object]) -> None:
        answer = server.post("/v1/events", ndjson(events), self.token)
        assert answer.status_code == 200, answer.text
        assert answer.json()["rejected_count"] == 0, answer.text

    def accounts_alerted(self) -> list[str]:
        """The pseudonyms in the messages about the lead's address, each message once."""
        told = [message["data"] for message in self.receiver.messages().values()]
        return [data["account"] for data in told if data["kind"] == "indicator"]

    def run(self, *arguments: str) -> dict[str, object]:
        done = subprocess.run(
            stormwatch(self.home, *arguments, "--json"), check=True, capture_output=True, text=True, timeout=300
        )
        found: dict[str, object] = json.loads(done.stdout)
        return found


@pytest.fixture
def house(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "loud.yml").write_text(RULE, encoding="utf-8")
    with receiving() as receiver:
        monkeypatch.setenv("STORMWATCH_ALERT_URLS", json.dumps([receiver.url]))
        monkeypatch.setenv("STORMWATCH_ALERT_SECRETS", json.dumps([SECRET]))
        monkeypatch.setenv("STORMWATCH_RULES", json.dumps([str(rules)]))
        # Hunts are out of the way, so that what comes can only have come by the stream path.
        monkeypatch.setenv("STORMWATCH_HUNT_INTERVAL_SECONDS", "86400")
        yield House(home, receiver, rules)


def change_and_wait(house: House, server: Served) -> None:
    """A lead and a rule that change while the server runs, and events that only the new state finds."""
    new = "198.51.100.9"
    runtime = open_runtime(house.home)
    house.add_lead(runtime, new)
    runtime.close()
    (house.rules / "loud.yml").write_text(RULE.replace("virus scanner", "siren"), encoding="utf-8")
    for number in range(1000, 3000):
        text = [{"role": "user", "content": "switch the siren off"}]
        house.post(server, event(number, account_id="acct-b", source_ip=new, input=text))
        if len(house.receiver.received) == 5:
            return
        time.sleep(0.1)


def test_what_deserves_an_alert_leaves_signed_and_once_also_by_rules_and_leads_that_came_later(
    house: House, tmp_path: Path
) -> None:
    with served(house.home, tmp_path / "log") as server:
        house.post(server, event(1, account_id="quiet"), event(2, account_id="acct-lead", source_ip=HOSTILE))
        house.post(server, event(3, account_id="acct-rule", input=[{"role": "user", "content": LOUD_TEXT}]))
        house.receiver.wait_for(2)
        again = [event(n, account_id="acct-lead", source_ip=HOSTILE) for n in range(4, 200)]
        house.post(server, *again)
        marker = event(999, account_id="acct-late", source_ip=HOSTILE)
        house.post(server, marker)
        received = house.receiver.wait_for(3)
        change_and_wait(house, server)
        metrics = server.get_text("/metrics")
    assert 'stormwatch_alert_messages{state="delivered"}' in metrics
    assert {one.verified()["data"]["kind"] for one in house.receiver.received[3:]} == {"indicator", "rule"}
    told = [one.verified() for one in received]
    assert {message["data"]["kind"] for message in told} == {"indicator", "rule"}
    assert len({one.message_id for one in received}) == len(received) == 3
    assert all(message["data"]["innocent_explanation"] for message in told)
    of_rule = next(message["data"] for message in told if message["data"]["kind"] == "rule")
    assert of_rule["innocent_explanation"] == "administrators at work"
    assert of_rule["techniques"] == ["LLM-07", "T1059.001"]
    everything = b"".join(one.body for one in received)
    for secret in (b"acct-", HOSTILE.encode(), b"virus", b"translate"):
        assert secret not in everything


def test_a_server_killed_between_storing_and_alerting_alerts_exactly_once_after_its_restart(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # This server acknowledges and dies before the watch can look: at the moment when it is told of fresh events.
    dying = tmp_path / "dying"
    dying.mkdir()
    (dying / "sitecustomize.py").write_text(
        textwrap.dedent("""
        import os, signal
        from stormwatch.hunt import watch
        def wait_for_the_end(self):
            while not self._queue:
                with self._changed:
                    self._changed.wait(0.01)
            import time; time.sleep(0.5)  # the acknowledgement goes out meanwhile
            os.kill(os.getpid(), signal.SIGKILL)
        watch.Watch._take = wait_for_the_end
        """),
        encoding="utf-8",
    )
    hit = event(1, account_id="acct-a", source_ip=HOSTILE)
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", str(dying))
        with served(house.home, tmp_path / "log") as server:
            house.post(server, hit)
            server.process.wait(30)
    assert house.receiver.received == []
    monkeypatch.setenv("STORMWATCH_HUNT_INTERVAL_SECONDS", "0.3")
    with served(house.home, tmp_path / "log") as server:
        house.receiver.wait_for(1)  # from the first hunt
        house.post(server, hit)  # the sender repeats what it is not sure of
        house.post(server, event(2, account_id="acct-b", source_ip=HOSTILE))
        while len(accounts := house.accounts_alerted()) < 2:
            house.receiver.wait_for(len(house.receiver.received) + 1)
        time.sleep(1.5)  # some hunts more
        accounts = house.accounts_alerted()
    assert len(accounts) == len(set(accounts)) == 2
    listed = house.run("alert", "list")
    alerts = [alert for alert in listed["alerts"] if alert["kind"] == "indicator"]  # type: ignore[attr-defined]
    assert sorted(alert["account_id"] for alert in alerts) == ["acct-a", "acct-b"]

"""Alerts are raised once whoever sees first, counted exactly, and held back where one cause floods."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sighting_making import MOMENT, detections, sighting
from stormwatch.detections.sigma.conditions import AnyOf
from stormwatch.detections.sigma.rule import Rule
from stormwatch.hunt.alerts import raising
from stormwatch.hunt.alerts.log import deliveries_of, list_alerts
from stormwatch.hunt.alerts.policy import load_policy
from stormwatch.hunt.alerts.raising import raise_alerts
from stormwatch.hunt.alerts.sightings import Causes, sightings_of
from stormwatch.model.alert import AlertKind, AlertLevel, DeliveryState
from stormwatch.model.errors import InvalidInput
from stormwatch.model.intel import Indicator
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.model.times import HOUR
from stormwatch.runtime import Runtime
from stormwatch.storage import database

POLICY = load_policy()
NOW = MOMENT + HOUR


def rule(version: str, level: str = "high", *, shadow: bool = False, topic: str | None = None) -> Rule:
    return Rule(
        rule_id=f"rule-{version}",
        rule_version=version,
        title="A made-up rule",
        description="",
        status="test",
        level=level,
        techniques=("LLM-07",),
        condition=AnyOf(()),
        path=Path("rule.yml"),
        line=1,
        topic=topic,
        shadow=shadow,
    )


def indicator(name: str, lead: str | None = None) -> Indicator:
    return Indicator(name, Observable(ObservableKind.IPV4, "203.0.113.77"), 0, lead_id=lead)


CAUSES = Causes(
    POLICY,
    [rule("loud"), rule("low", "low"), rule("shadow", shadow=True), rule("topic", topic="radar-imaging")],
    {one.indicator_id: one for one in (indicator("of-lead", "lead-1"), indicator("of-feed"))},
    lambda _kind, value: ("a list of relays",) if value == "203.0.113.99" else (),
)
HIT = {"kind": "indicator", "rule_id": "indicator:source-ip", "rule_version": "i1", "observable_kind": "ipv4-addr"}


def test_only_what_the_policy_names_deserves_an_alert() -> None:
    rows = [{"kind": "rule", "rule_id": f"rule-{v}", "rule_version": v} for v in ("loud", "low", "topic", "unknown")]
    rows.append({"kind": "rule", "rule_id": "rule-shadow", "rule_version": "shadow", "shadow": True})
    rows += [
        HIT | {"indicator_id": "of-lead", "score": 0.1},
        HIT | {"indicator_id": "of-feed", "score": 0.1, "account_id": "weak"},
        HIT | {"indicator_id": "of-feed", "score": 0.7, "account_id": "strong"},
        HIT | {"indicator_id": "of-lead", "rule_id": "indicator:source-ip:expired", "account_id": "late"},
    ]
    found = sightings_of(detections(*rows), CAUSES)
    assert {(s.cause_id, s.account_id) for s in found} == {
        ("rule-loud", "acct-1"),
        ("indicator:source-ip", "acct-1"),
        ("indicator:source-ip", "strong"),
    }


def test_a_shared_address_lowers_the_level_and_is_named() -> None:
    shared = HIT | {"indicator_id": "of-lead", "observable_value": "203.0.113.99"}
    (found,) = sightings_of(detections(shared), CAUSES)
    assert found.level is AlertLevel.LOW
    assert "a list of relays" in found.innocent_explanation
    assert found.lead_id == "lead-1"


@given(st.permutations(range(6)), st.integers(0, 6))
def test_stream_and_hunt_derive_the_same_windows_however_events_are_cut(order: list[int], cut: int) -> None:
    rows = [
        HIT | {"indicator_id": "of-lead", "account_id": f"acct-{n % 2}", "time_us": MOMENT + n * 10 * HOUR}
        for n in order
    ]
    whole = {s.window_id for s in sightings_of(detections(*rows), CAUSES)}
    parts = [rows[:cut], rows[cut:]]
    assert {s.window_id for part in parts if part for s in sightings_of(detections(*part), CAUSES)} == whole


def test_the_same_sighting_raises_once_and_its_count_grows(runtime: Runtime) -> None:
    assert raise_alerts(runtime.database, [sighting()], POLICY, ["siem"], NOW) == 1
    assert raise_alerts(runtime.database, [sighting(seen=7, last_us=NOW)], POLICY, ["siem"], NOW) == 0
    assert raise_alerts(runtime.database, [sighting(seen=3)], POLICY, ["siem"], NOW) == 0
    (alert,) = list_alerts(runtime.database)
    assert (alert.seen, alert.last_us) == (7, NOW)
    (message,) = deliveries_of(runtime.database, [alert.alert_id])[alert.alert_id]
    assert (message.state, message.attempts) == (DeliveryState.PENDING, 0)


def test_a_search_of_history_makes_one_alert_of_many_windows(runtime: Runtime) -> None:
    rows = [HIT | {"indicator_id": "of-lead", "time_us": MOMENT + n * 24 * HOUR} for n in range(40)]
    found = sightings_of(detections(*rows), CAUSES)
    assert len(found) == 40
    assert raise_alerts(runtime.database, found[5:6], POLICY, [], NOW) == 1  # the stream had seen one of them
    assert raise_alerts(runtime.database, found, POLICY, [], NOW) == 1
    assert raise_alerts(runtime.database, found, POLICY, [], NOW) == 0
    assert sorted(alert.seen for alert in list_alerts(runtime.database)) == [1, 39]


def test_a_noisy_cause_is_held_back_and_one_alert_says_so(runtime: Runtime) -> None:
    policy = type(POLICY)(**{name: getattr(POLICY, name) for name in POLICY.__struct_fields__} | {"most_per_cause": 3})
    for start in (0, 10):
        raise_alerts(runtime.database, [sighting(n) for n in range(start, start + 10)], policy, ["siem"], NOW)
    found = list_alerts(runtime.database)
    assert sum(alert.held for alert in found) == 17
    (notice,) = [alert for alert in found if alert.kind is AlertKind.HELD_BACK]
    assert "too broad" in notice.innocent_explanation
    messages = deliveries_of(runtime.database, [alert.alert_id for alert in found])
    assert sum(len(each) for each in messages.values()) == 4


@pytest.mark.parametrize("text", ["window_hours: 0", "unheard: 1", ": [", "- a"])
def test_a_policy_that_does_not_fit_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match="policy cannot be used") as caught:
        load_policy(file)
    assert str(file) in str(caught.value)


def test_many_alerts_leave_gaps_in_which_others_write(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [sighting(number, account_id=f"acct-{number}") for number in range(5)]
    raised: list[int] = []

    def the_stream_is_faster(seconds: float) -> None:
        assert seconds > 0
        raised.append(raise_alerts(runtime.database, [found[4]], POLICY, ["siem"], NOW))

    monkeypatch.setattr(raising, "_AT_ONCE", 2)
    monkeypatch.setattr(database, "_HELD_WITHOUT_GAP_SECONDS", 0.0)
    monkeypatch.setattr(database.time, "sleep", the_stream_is_faster)
    assert raise_alerts(runtime.database, found, POLICY, ["siem"], NOW) == 4
    assert raised == [1, 0]
    assert len(list_alerts(runtime.database)) == 5

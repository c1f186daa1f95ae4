"""Indicators match what connected, what was pasted and who signed up, and validity is told in the rule id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from stormwatch.detections.indicators.indicator_index import IndicatorIndex, indicators_version
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.run import detect
from stormwatch.model.intel import Indicator
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake

SECOND = 1_000_000


def indicator(
    kind: str, value: str, *, start: int = 0, end: int | None = None, confidence: int | None = 80
) -> Indicator:
    return Indicator(f"indicator--{kind}-{value}", Observable(ObservableKind(kind), value), start, end, confidence)


@pytest.fixture
def run(lake: Lake, keyring: Keyring) -> Callable[[Sequence[Indicator]], list[dict[str, Any]]]:
    def go(indicators: Sequence[Indicator]) -> list[dict[str, Any]]:
        detect(lake, keyring, RuleSet([]), indicators)
        return lake.read("detections").to_pylist()

    return go


CONNECTIONS = [
    (("ipv4-addr", "198.51.100.7"), {"source_ip": "198.51.100.7"}, "indicator:source-ip"),
    (("ipv4-addr", "198.51.100.7:443"), {"source_ip": "198.51.100.7"}, "indicator:source-ip"),
    (("cidr", "198.51.100.0/24"), {"source_ip": "198.51.100.7"}, "indicator:source-ip"),
    (("ipv4-addr", "198.51.100.0/30"), {"source_ip": "198.51.100.3"}, "indicator:source-ip"),
    (("ipv6-addr", "2001:db8::1"), {"source_ip": "2001:db8::1"}, "indicator:source-ip"),
    (("cidr", "2001:db8::/32"), {"source_ip": "2001:db8:1::1"}, "indicator:source-ip"),
    (("software", "BadClient"), {"user_agent": "python badclient/1.0"}, "indicator:user-agent"),
    (("user-agent", "odd agent"), {"user_agent": "odd agent"}, "indicator:user-agent"),
    (("tls-fingerprint", "t13d"), {"tls_fingerprint": "t13d"}, "indicator:tls-fingerprint"),
]


@pytest.mark.parametrize(("told", "seen", "rule_id"), CONNECTIONS)
def test_connections(
    run: Callable[..., Any],
    add_segment: Callable[..., None],
    event: Callable[..., Any],
    told: tuple[str, str],
    seen: dict[str, str],
    rule_id: str,
) -> None:
    add_segment("one", [event(1, "hello", **seen), event(2, "hello", source_ip="203.0.113.9", user_agent="curl")])
    [row] = run([indicator(*told)])
    assert (row["event_id"], row["rule_id"], row["kind"]) == ("event-1", rule_id, "indicator")
    assert row["observable_value"] == next(iter(seen.values()))
    assert row["indicator_id"] == f"indicator--{told[0]}-{told[1]}"
    assert 0 < row["score"] < 1


PASTED = [
    (("domain-name", "bad.example"), "see gate.bad.example", "artefact:domain-name"),
    (("domain-name", "badhost.net"), "http://a.badhost.net/x", "artefact:domain-name"),
    (("domain-name", "badhost.net"), "mail to me@mx.badhost.net", "artefact:email-addr"),
    (("url", "http://badhost.net/X/"), "hxxp://BADHOST[.]net/X", "artefact:url"),
    (("ipv4-addr", "198.51.100.7"), "no answer from 198[.]51[.]100[.]7", "artefact:ipv4-addr"),
    (("cidr", "198.51.100.0/24"), "no answer from 198.51.100.7", "artefact:ipv4-addr"),
    (("file-md5", "9E107D9D372BB6826BD81D3542A419D6"), "9e107d9d372bb6826bd81d3542a419d6", "artefact:file-md5"),
    (("email-addr", "Me@Badhost.net"), "me@badhost.net", "artefact:email-addr"),
]


@pytest.mark.parametrize(("told", "prompt", "rule_id"), PASTED)
def test_pasted_artefacts(
    run: Callable[..., Any],
    add_segment: Callable[..., None],
    event: Callable[..., Any],
    told: tuple[str, str],
    prompt: str,
    rule_id: str,
) -> None:
    add_segment("one", [event(1, prompt), event(2, "see notbad.example and notbadhost.net and 203.0.113.9")])
    [row] = run([indicator(*told)])
    assert (row["event_id"], row["rule_id"], row["kind"]) == ("event-1", rule_id, "artefact")


def test_an_early_or_late_hit_is_kept_apart_with_a_low_score(
    run: Callable[..., Any], add_segment: Callable[..., None], event: Callable[..., Any]
) -> None:
    add_segment("one", [event(number, "hi", source_ip="198.51.100.7") for number in (5, 10, 19, 20)])
    rows = run([indicator("ipv4-addr", "198.51.100.7", start=10 * SECOND, end=20 * SECOND)])
    assert [row["rule_id"].removeprefix("indicator:source-ip") for row in rows] == [
        ":not-yet-valid",
        "",
        "",
        ":expired",
    ]
    scores = [row["score"] for row in rows]
    assert scores[0] == scores[3] < scores[1] == scores[2]


def test_the_last_known_sign_up_counts(run: Callable[..., Any], add_records: Callable[..., None]) -> None:
    add_records([{"account_id": "a", "signup_ip": "198.51.100.7", "created_us": 5}, {"account_id": "b"}])
    add_records(
        [{"account_id": "a", "email_domain": "mx.bad.example"}, {"account_id": "b", "signup_ip": "198.51.100.7"}]
    )
    rows = run([indicator("ipv4-addr", "198.51.100.7", start=3), indicator("domain-name", "bad.example")])
    assert [(row["account_id"], row["rule_id"], row["event_id"], row["time_us"]) for row in rows] == [
        ("b", "indicator:signup-ip", "", 3),
        ("a", "indicator:email-domain", "", 5),
        ("a", "indicator:signup-ip", "", 5),
    ]
    add_records([{"account_id": "a", "signup_ip": "203.0.113.1"}])
    rows = run([indicator("ipv4-addr", "198.51.100.7", start=3)])
    assert [row["account_id"] for row in rows] == ["b"]


def test_one_artefact_in_two_fields_is_one_detection(
    lake: Lake, run: Callable[..., Any], add_segment: Callable[..., None], event: Callable[..., Any]
) -> None:
    add_segment("one", [event(1, "bad.example and again BAD.example")])
    assert len(run([indicator("domain-name", "bad.example")])) == 1
    assert lake.read("observables").num_rows == 1


def test_values_that_are_no_indicator_do_no_harm() -> None:
    odd = [indicator("ipv4-addr", "not an address"), indicator("software", "x"), indicator("cidr", "")]
    index = IndicatorIndex(odd)
    assert index.of_address("198.51.100.7") == index.of_address("rubbish") == index.of_user_agent("x y") == []


def test_the_version_follows_the_content_and_not_the_order() -> None:
    first, second = indicator("ipv4-addr", "198.51.100.7"), indicator("domain-name", "bad.example")
    assert indicators_version([first, second]) == indicators_version([second, first])
    assert indicators_version([first]) != indicators_version([indicator("ipv4-addr", "198.51.100.7", end=9)])

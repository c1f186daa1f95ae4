"""The bundle: valid STIX 2.1, marked throughout, no stricter source in it, nobody named, no surer than we are."""

from __future__ import annotations

import json
import socket
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from stix2validator import ValidationOptions, validate_string

from stormwatch.attribution.estimative_language import faults
from stormwatch.model.assessment import Confidence, Hypothesis, HypothesisKind
from stormwatch.model.case import Action, ActionKind, Case, CaseState
from stormwatch.model.intel import TLP
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.model.times import DAY, parse_rfc3339
from stormwatch.sharing.bundle import VALID_DAYS, BundleTerms, SharedBundle, case_bundle
from stormwatch.sharing.material import CaseMaterial, SeenObservable
from stormwatch.sharing.pseudonyms import Pseudonyms
from stormwatch.stix.markings import TLP_EXTENSION, marking_id
from stormwatch.storage.keyring import Keyring

START = parse_rfc3339("2026-03-02T08:00:00.123456Z")
KEYS = Keyring(bytes(32))
ACCOUNTS = ("alice@example.org", "bob", "<script>alert(1)</script>")


def seen(kind: ObservableKind, value: str, tlp: TLP | None = TLP.GREEN, **more: Any) -> SeenObservable:
    return SeenObservable(Observable(kind, value), START, START + DAY, tlp, **more)


def action(account_id: str, **more: Any) -> Action:
    made = Action(
        "a-" + account_id, "case-01abcdefgh", account_id, ActionKind.SUSPEND, "p1", START, "h", "r", "p2", START
    )
    return replace(made, **{"effective_us": START, **more})


MATERIAL = CaseMaterial(
    case=Case("case-01abcdefgh", "cluster-1", CaseState.ACTED, START, START, ACCOUNTS, "cluster-1", 0.9, "A title"),
    hypotheses=(
        Hypothesis("forest-blizzard", HypothesisKind.TRACKED_ACTOR, 0.7),
        Hypothesis("unknown-actor", HypothesisKind.RESIDUAL, 0.2),
        Hypothesis("benign", HypothesisKind.RESIDUAL, 0.1),
    ),
    confidence=Confidence.MODERATE,
    calibrated_on="simulated worlds",
    first_us=START,
    last_us=START + DAY,
    events=42,
    techniques=Counter({"LLM-01": 3, "LLM-02": 1, "attack.t1059": 1}),
    observables=(
        seen(ObservableKind.DOMAIN, "evil.example", confidence=70),
        seen(ObservableKind.URL, "http://evil.example/it's", None),
        seen(ObservableKind.IPV4, "198.51.100.7"),
        seen(ObservableKind.IPV6, "2001:db8::7"),
        seen(ObservableKind.CIDR, "198.51.100.0/24"),
        seen(ObservableKind.SOFTWARE, "com.opal.titan"),
        seen(ObservableKind.SHA256, "a" * 64),
        seen(ObservableKind.USER_AGENT, "bot/1"),
        seen(ObservableKind.EMAIL, "drop@evil.example"),
        seen(ObservableKind.DOMAIN, "secret.example", TLP.AMBER_STRICT),
        seen(ObservableKind.IPV4, "203.0.113.9", shared_lists=("a VPN",)),
        seen(ObservableKind.WALLET, "bc1xyz"),
    ),
    actions=(action("bob", verified_us=START), action("alice@example.org", reversed_us=START)),
    actor_names={"forest-blizzard": ("Forest Blizzard", "STRONTIUM", "APT28")},
)


def make(material: CaseMaterial = MATERIAL, *, tlp: TLP = TLP.AMBER, peer: str = "Peer A") -> SharedBundle:
    return case_bundle(material, BundleTerms("Example Models", tlp, Pseudonyms(KEYS, peer), START + 2 * DAY))


def of_type(made: SharedBundle, kind: str) -> list[dict[str, Any]]:
    return [one for one in made.bundle["objects"] if one["type"] == kind]


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("tlp", list(TLP))
@pytest.mark.parametrize("material", [MATERIAL, replace(MATERIAL, hypotheses=(), techniques=Counter(), observables=())])
def test_the_validator_accepts_it(material: CaseMaterial, tlp: TLP) -> None:
    results = validate_string(
        json.dumps(make(material, tlp=tlp).bundle), ValidationOptions(version="2.1", strict=True, enforce_refs=True)
    )
    assert results.is_valid, [str(error) for error in results.errors]


@pytest.mark.parametrize("tlp", list(TLP))
def test_every_object_carries_the_marking(tlp: TLP) -> None:
    first, *others = make(tlp=tlp).bundle["objects"]
    assert first["extensions"][TLP_EXTENSION]["tlp_2_0"] == tlp.value
    assert all(one["object_marking_refs"] == [marking_id(tlp)] for one in others)


def test_stricter_sources_and_shared_infrastructure_stay_here() -> None:
    made = make()
    text = json.dumps(made.bundle)
    assert "secret.example" not in text
    assert "203.0.113.9" not in text
    assert made.withheld == {
        "from a source marked TLP:AMBER+STRICT": 1,
        "shared infrastructure": 1,
        "STIX has no pattern for wallet": 1,
    }
    assert make(tlp=TLP.CLEAR).withheld["from a source marked TLP:GREEN"] == 10
    assert "secret.example" in json.dumps(make(tlp=TLP.RED).bundle)


def test_indicators_end() -> None:
    for one in of_type(make(), "indicator"):
        span = parse_rfc3339(one["valid_until"]) - parse_rfc3339(one["valid_from"])
        assert span == (VALID_DAYS + 1) * DAY


def test_accounts_appear_under_pseudonyms_of_the_audience() -> None:
    made = make()
    assert not any(account in json.dumps(made.bundle) for account in ACCOUNTS)
    pseudonyms = {one["user_id"] for one in of_type(made, "user-account")}
    assert len(pseudonyms) == len(ACCOUNTS)
    assert pseudonyms.isdisjoint(one["user_id"] for one in of_type(make(peer="Peer B"), "user-account"))
    disabled = {one["user_id"] for one in of_type(made, "user-account") if one["is_disabled"]}
    assert disabled == {Pseudonyms(KEYS, "Peer A").of("bob")}


def test_attribution_says_how_sure_and_never_in_one_sentence() -> None:
    made = make()
    (attributed,) = [one for one in of_type(made, "relationship") if one["relationship_type"] == "attributed-to"]
    assert attributed["confidence"] == 70
    (actor,) = of_type(made, "intrusion-set")
    assert (actor["name"], actor["aliases"]) == ("Forest Blizzard", ["STRONTIUM", "APT28"])
    words = of_type(made, "note")[0]["content"]
    assert not any("onfidence" in sentence and "likely" in sentence for sentence in words.split(". "))
    assert "Calibrated on simulated worlds" in words
    assert "0.7" not in words


def test_without_a_tracked_actor_in_front_nobody_is_accused() -> None:
    unknown = replace(MATERIAL, hypotheses=(MATERIAL.hypotheses[1], MATERIAL.hypotheses[0]))
    made = make(unknown)
    assert of_type(made, "intrusion-set") == []
    assert not any(one["relationship_type"] == "attributed-to" for one in of_type(made, "relationship"))
    assert "an actor that is not tracked" in of_type(made, "note")[0]["content"]


def test_only_what_stands_is_reported_as_done() -> None:
    (deed,) = of_type(make(), "course-of-action")
    assert deed["description"] == "1 by decision of two people; verified at the gateway for 1."
    assert of_type(make(replace(MATERIAL, actions=())), "course-of-action") == []


def test_the_same_case_gives_the_same_bundle() -> None:
    assert make().bundle == make().bundle
    ids = [one["id"] for one in make().bundle["objects"]]
    assert len(ids) == len(set(ids))


def test_techniques_are_those_of_the_vocabulary() -> None:
    patterns = of_type(make(), "attack-pattern")
    assert [one["external_references"][0]["external_id"] for one in patterns] == ["LLM-01", "LLM-02"]


def test_every_object_that_tells_a_likelihood_says_what_it_is_calibrated_on() -> None:
    made = make(replace(MATERIAL, name_conflicts={"forest-blizzard": ("A catalogue draws the line elsewhere.",)}))
    (note,) = of_type(made, "note")
    assert "Calibrated on simulated worlds." in note["content"]
    assert "A catalogue draws the line elsewhere." in note["content"]
    (attributed,) = [one for one in of_type(made, "relationship") if one["relationship_type"] == "attributed-to"]
    assert attributed["description"] == "Judged likely. Calibrated on simulated worlds."
    texts = [str(value) for one in made.bundle["objects"] for value in one.values() if isinstance(value, str)]
    assert [found.told() for text in texts for found in faults(text)] == []


def test_conflicts_about_another_actor_stay_out() -> None:
    made = make(replace(MATERIAL, name_conflicts={"emerald-sleet": ("Not this one.",)}))
    assert "Not this one." not in json.dumps(made.bundle)

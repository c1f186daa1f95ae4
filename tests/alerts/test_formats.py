"""Records are what OCSF and ECS call for, and nothing in them was said by anybody or names an account."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormwatch.hunt.alerts.formats import AlertFormat, encode
from stormwatch.hunt.alerts.message import account_pseudonym, message_of
from stormwatch.model.alert import Alert, AlertKind, AlertLevel
from stormwatch.storage.keyring import Keyring

KEYRING = Keyring(b"k" * 32)
MOMENT = 1_772_445_600_250_000


def alert(**more: Any) -> Alert:
    facts: dict[str, Any] = {
        "alert_id": "alert-0123456789abcdef",
        "kind": AlertKind.RULE,
        "level": AlertLevel.HIGH,
        "title": "A made-up rule",
        "innocent_explanation": "administrators at work",
        "cause_id": "00000000-0000-4000-8000-0000000000a1",
        "cause_version": "0123456789ab",
        "first_us": MOMENT,
        "last_us": MOMENT + 5_000_000,
        "raised_us": MOMENT + 6_000_000,
        "account_id": "acct-1",
        "event_id": "0191e0c4-77d4-7a6e-9c1f-2f0f6b7f9d11",
        "techniques": ("LLM-07", "T1059.001", "AML.T0016.002"),
        "seen": 3,
    }
    return Alert(**{**facts, **more})


def record(form: AlertFormat, **more: Any) -> Any:
    return json.loads(encode(message_of(alert(**more), KEYRING), form))


# What OCSF 1.5 asks of a Detection Finding, as far as it is used here: names, types, enumerations, required fields.
_NUMBER, _TEXT = {"type": "integer"}, {"type": "string", "minLength": 1}
_MILLISECONDS = {"type": "integer", "minimum": 1_500_000_000_000, "maximum": 4_000_000_000_000}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


_NAMED = _object([], uid=_TEXT, name=_TEXT)
OCSF = _object(
    ["activity_id", "category_uid", "class_uid", "type_uid", "time", "severity_id", "metadata", "finding_info"],
    activity_id={"enum": [0, 1, 2, 3, 99]},
    activity_name=_TEXT,
    category_uid={"const": 2},
    category_name={"const": "Findings"},
    class_uid={"const": 2004},
    class_name={"const": "Detection Finding"},
    type_uid={"enum": [200400, 200401, 200402, 200403, 200499]},
    type_name=_TEXT,
    time=_MILLISECONDS,
    start_time=_MILLISECONDS,
    end_time=_MILLISECONDS,
    count=_NUMBER,
    severity_id={"enum": [0, 1, 2, 3, 4, 5, 6, 99]},
    severity=_TEXT,
    status_id={"enum": [0, 1, 2, 3, 4, 5, 6, 99]},
    status=_TEXT,
    is_alert={"type": "boolean"},
    message=_TEXT,
    metadata=_object(
        ["product", "version"],
        version={"const": "1.5.0"},
        uid=_TEXT,
        event_code=_TEXT,
        product=_object([], name=_TEXT, vendor_name=_TEXT, version=_TEXT),
    ),
    finding_info=_object(
        ["title", "uid"],
        uid=_TEXT,
        title=_TEXT,
        desc=_TEXT,
        types={"type": "array", "items": _TEXT},
        created_time=_MILLISECONDS,
        first_seen_time=_MILLISECONDS,
        last_seen_time=_MILLISECONDS,
        analytic=_object(
            ["type_id"], uid=_TEXT, name=_TEXT, version=_TEXT, type_id={"enum": [0, 1, 2, 3, 4, 5, 6, 7, 99]}
        ),
        attacks={"type": "array", "items": _object([], technique=_NAMED, sub_technique=_NAMED)},
    ),
    evidences={
        "type": "array",
        "items": _object([], actor=_object([], user=_object(["uid"], uid=_TEXT)), data={"type": "object"}),
    },
    unmapped={"type": "object"},
)

# What ECS 8.17 says of the fields that are used here; `stormwatch` is a name space of our own, which ECS allows.
_TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$"}
ECS = _object(
    ["@timestamp", "ecs", "event", "message"],
    **{"@timestamp": _TIME},
    ecs=_object(["version"], version={"const": "8.17.0"}),
    message=_TEXT,
    event=_object(
        ["kind", "category", "type"],
        id=_TEXT,
        kind={"const": "alert"},
        category={"type": "array", "items": {"enum": ["threat", "intrusion_detection"]}},
        type={"type": "array", "items": {"enum": ["indicator", "info"]}},
        module=_TEXT,
        dataset=_TEXT,
        provider=_TEXT,
        code=_TEXT,
        severity=_NUMBER,
        created=_TIME,
        start=_TIME,
        end=_TIME,
        reason=_TEXT,
    ),
    observer=_object([], vendor=_TEXT, product=_TEXT, version=_TEXT),
    rule=_object([], id=_TEXT, name=_TEXT, version=_TEXT, ruleset=_TEXT, category=_TEXT),
    user=_object([], hash=_TEXT),
    related=_object([], hash={"type": "array", "items": _TEXT}),
    threat=_object(
        [],
        framework=_TEXT,
        technique=_object(
            ["id"],
            id={"type": "array", "items": {"pattern": r"^T\d{4}$"}},
            subtechnique=_object(["id"], id={"type": "array", "items": {"pattern": r"^T\d{4}\.\d{3}$"}}),
        ),
    ),
    stormwatch={"type": "object"},
)
SCHEMAS = {AlertFormat.OCSF: OCSF, AlertFormat.ECS: ECS}
BARE = {"account_id": None, "event_id": None, "techniques": ()}


@pytest.mark.parametrize("form", SCHEMAS)
@pytest.mark.parametrize("kind", AlertKind)
@pytest.mark.parametrize("level", AlertLevel)
def test_every_alert_is_a_record_of_its_schema(form: AlertFormat, kind: AlertKind, level: AlertLevel) -> None:
    for more in ({}, BARE, {"indicator_id": "indicator--1", "lead_id": "lead-1", "case_id": "case-1"}):
        jsonschema.Draft202012Validator(SCHEMAS[form]).validate(record(form, kind=kind, level=level, **more))


def test_ocsf_says_who_what_and_when() -> None:
    found = record(AlertFormat.OCSF)
    assert found["type_uid"] == found["class_uid"] * 100 + found["activity_id"]
    assert found["time"] == MOMENT // 1000 + 6000
    assert found["finding_info"]["attacks"] == [
        {"technique": {"uid": "T1059"}, "sub_technique": {"uid": "T1059.001"}},
        {"technique": {"uid": "AML.T0016"}, "sub_technique": {"uid": "AML.T0016.002"}},
    ]
    assert found["unmapped"]["techniques"] == ["LLM-07"]
    assert found["evidences"][0]["actor"]["user"]["uid"] == account_pseudonym(KEYRING, "acct-1")
    assert "administrators at work" in found["finding_info"]["desc"]


def test_ecs_says_who_what_and_when() -> None:
    found = record(AlertFormat.ECS, kind=AlertKind.INDICATOR)
    assert (found["event"]["category"], found["event"]["type"]) == (["threat"], ["indicator"])
    assert found["user"]["hash"] in found["related"]["hash"]
    assert found["threat"]["technique"] == {"id": ["T1059"], "subtechnique": {"id": ["T1059.001"]}}
    assert found["stormwatch"]["seen"] == 3


hostile = st.text(st.characters(codec="utf-8", min_codepoint=32), min_size=12, max_size=60).map(lambda t: f"<{t}>")


@given(hostile, hostile, st.sampled_from(AlertFormat))
def test_no_raw_identifier_and_nothing_that_a_caller_wrote_leaves(account: str, event: str, form: AlertFormat) -> None:
    for event_id in (event, f"{account}-7", account):
        told = encode(message_of(alert(account_id=account, event_id=event_id, indicator_id=event), KEYRING), form)
        everything = " ".join(_strings(json.loads(told)))
        assert account not in everything
        assert event not in everything


def test_an_event_id_that_carries_the_accounts_own_leaves_hashed() -> None:
    found = record(AlertFormat.NATIVE, account_id="someone", event_id="someone-0001")
    assert found["data"]["event"].startswith("hashed-")
    assert record(AlertFormat.NATIVE)["data"]["event"] == alert().event_id


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in _strings(item)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("form", list(AlertFormat))
@pytest.mark.parametrize("kind", list(AlertKind))
def test_an_alert_tells_no_odds_that_would_need_a_label(form: AlertFormat, kind: AlertKind) -> None:
    text = json.dumps(record(form, kind=kind, case_id="case-1")).casefold()
    assert not [word for word in ("likelihood", "likely", "probability", "confidence", "risk") if word in text]

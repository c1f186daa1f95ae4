"""Secrets never reach the store, equal ones stay linkable, and ordinary text stays as it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_making import event, ndjson, store_in, stored, texts
from stormwatch.events.ingest import ingest_bytes
from stormwatch.events.normalise import Normaliser
from stormwatch.events.readers.usage_event import read_usage_event
from stormwatch.events.redaction import Redactor, SecretShape, secret_shapes
from stormwatch.storage.keyring import Keyring

REDACTOR = Redactor(Keyring(b"k" * 32))
NORMALISER = Normaliser(Keyring(b"k" * 32))


def secret(shape: SecretShape) -> str:
    """The example, put together; it is written split so that no scanner of repositories takes it for real."""
    return shape.example.replace("¦", "")


SHAPES = [pytest.param(shape, id=shape.kind) for shape in secret_shapes()]


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_is_replaced_in_running_text(shape: SecretShape) -> None:
    text = REDACTOR.text(f"why does this fail?\n{secret(shape)}\nplease help")
    match = shape.pattern.search(secret(shape))
    assert match is not None
    hidden = match["secret"] if "secret" in shape.pattern.groupindex else match[0]
    assert hidden not in text
    assert f"[redacted:{shape.kind}:" in text
    assert text.startswith("why does this fail?")
    assert text.endswith("please help")


@pytest.mark.parametrize("shape", SHAPES)
def test_the_scan_finds_each_shape_behind_and_before_other_letters(shape: SecretShape) -> None:
    for around in ("{}", "ключ {} конец", '{{"k": "{}"}}', "\x00{}\x00"):
        text = around.format(secret(shape))
        if shape.pattern.search(text):
            assert shape in REDACTOR.suspects(text.encode())


@pytest.mark.parametrize("shape", SHAPES)
def test_the_scan_finds_each_shape_behind_any_byte(shape: SecretShape) -> None:
    for byte in range(256):
        assert shape in REDACTOR.suspects(bytes([byte]) + secret(shape).encode())


@given(st.text(max_size=300), st.sampled_from(secret_shapes()), st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_the_scan_never_misses_what_the_patterns_find(before: str, shape: SecretShape, after: str) -> None:
    text = before + secret(shape) + after
    suspected = REDACTOR.suspects(text.encode())
    assert all(found in suspected for found in secret_shapes() if found.pattern.search(text))


@pytest.mark.parametrize(
    "text",
    [
        "the bearer of this letter; a Bearer authentication scheme; bearer responsibilities",
        "a task-force sk-learn-like-name, risk-adjusted-return-on-capital",
        "see https://example.org:8443/path@v2 and git@github.com:org/repo.git",
        "SELECT api_key FROM keys WHERE secret = ''",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "AKIA is the prefix of such keys, eyJ of tokens",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert REDACTOR.text(text) == text


def test_redacting_twice_changes_nothing_more() -> None:
    once = REDACTOR.text("\n".join(secret(shape) for shape in secret_shapes()))
    assert REDACTOR.text(once) == once


def test_the_user_in_an_address_that_equals_its_password_stays_in_place() -> None:
    assert REDACTOR.text("ftp://app:app@host/").startswith("ftp://app:[redacted:url-password:")


def test_equal_secrets_get_equal_names_under_one_key_and_others_under_another() -> None:
    key = secret(next(shape for shape in secret_shapes() if shape.kind == "github-token"))
    assert REDACTOR.identifier(key) == REDACTOR.identifier(key)
    assert REDACTOR.identifier(key) != Redactor(Keyring(b"x" * 32)).identifier(key)


def test_no_secret_is_left_anywhere_in_a_home(tmp_path) -> None:
    key = "sk-" + "proj-Zx81kQw0ab77ZZp1Lm20"
    store = store_in(tmp_path)
    sent = event(
        api_key_id=key,
        session_id=f"s {key}",
        user_agent=f"client/1 {key}",
        input=[
            {"role": "user", "content": f"my key is {key}"},
            {"role": "user", "parts": [{"type": "text", "text": key}]},
        ],
        output=[{"role": "assistant", "content": f"do not share {key}"}],
        tool_calls=[{"name": "call", "arguments": {"headers": {"Authorization": f"Bearer {key}"}}}],
        attributes={"nested": [{"deep": key}], key: 1},
        other=key,
    )
    assert ingest_bytes(store, ndjson([sent]), collector="c", source="test").accepted == 1
    table = stored(store)
    (text,) = texts(store)
    everything = json.dumps(table.to_pylist()) + repr(text)
    assert key not in everything
    row = table.to_pylist()[0]
    assert row["api_key_id"].startswith("redacted:api-key:")
    assert row["api_key_id"].rpartition(":")[2] in text.prompt
    assert row["user_agent"].startswith("client/1 [redacted:")
    assert json.loads(text.attributes)["other"].startswith("[redacted:")


@pytest.mark.parametrize("length", range(300, 400))
def test_a_text_of_any_length_that_begins_with_a_secret_is_redacted(length: int) -> None:
    """Before a packed text stands its length, of which a byte may look like a letter."""
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    said = [{"role": "user", "content": f"{key} {'x' * length}"[:length]}]
    record = NORMALISER.event(read_usage_event(json.dumps(event(1, input=said)).encode()))
    assert key.encode() not in record.text
    assert b"[redacted:aws-access-key:" in record.text


def test_a_secret_as_account_id_is_turned_away(tmp_path) -> None:
    report = ingest_bytes(
        store_in(tmp_path),
        ndjson([event(account_id="sk-" + "proj-Zx81kQw0ab77ZZp1Lm20")]),
        collector="c",
        source="test",
    )
    assert report.rejected == 1
    assert "account_id holds a secret" in report.first_reasons[0].reason
    assert "Zx81" not in report.first_reasons[0].reason


def test_texts_and_rejected_records_are_not_readable_on_disk(tmp_path) -> None:
    store = store_in(tmp_path)
    sent = ndjson([event(input=[{"role": "user", "content": "marigold " * 20}], strange="marigold")]) + b"{marigold\n"
    report = ingest_bytes(store, sent, collector="c", source="test")
    assert report.quarantine is not None
    on_log = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    store.compact()
    in_lake = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"marigold" in data for data in on_log + in_lake)

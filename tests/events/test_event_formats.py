"""Formats on the way in: usage events, account records, LiteLLM's webhook; every packing; the shared worlds."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from event_making import event, ndjson, store_in, stored, texts
from stormwatch.events import script
from stormwatch.events.addresses import canonical_address
from stormwatch.events.ingest import ingest_bytes, ingest_file
from stormwatch.events.readers.litellm import litellm_event
from stormwatch.events.readers.usage_event import read_usage_event
from stormwatch.events.script import dominant_script
from stormwatch.events.splitting import split_records
from stormwatch.events.store import EventStore
from stormwatch.model.errors import InvalidInput


@pytest.fixture
def store(tmp_path: Path) -> EventStore:
    return store_in(tmp_path / "home")


SENT = [event(number) for number in range(5)]
PACKINGS = {
    "ndjson": ndjson(SENT),
    "without a last newline": ndjson(SENT)[:-1],
    "with a byte order mark": b"\xef\xbb\xbf" + ndjson(SENT),
    "windows newlines": ndjson(SENT).replace(b"\n", b"\r\n"),
    "array": json.dumps(SENT).encode(),
    "indented array": b" \n" + json.dumps(SENT, indent=2).encode(),
    "gzip": gzip.compress(ndjson(SENT)),
    "gzip members": gzip.compress(ndjson(SENT[:2])) + gzip.compress(ndjson(SENT[2:])),
    "zstd": zstandard.compress(ndjson(SENT)),
    "zstd frames": zstandard.compress(ndjson(SENT[:2])) + zstandard.compress(ndjson(SENT[2:])),
    "zstd array": zstandard.compress(json.dumps(SENT).encode()),
}


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in PACKINGS.items()])
def test_every_packing_gives_the_same_events(store: EventStore, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert ingest_file(store, path, collector="c").accepted == 5
    assert ingest_file(store, path, collector="c").duplicate == 5
    assert stored(store)["event_id"].to_pylist() == [record["event_id"] for record in SENT]


def test_one_indented_object_is_one_record(store: EventStore) -> None:
    data = json.dumps(event(), indent=1).encode()
    assert ingest_bytes(store, data, collector="c", source="test").accepted == 1


@given(
    st.lists(
        st.dictionaries(st.text(max_size=5), st.text(max_size=8) | st.lists(st.integers(), max_size=3)), max_size=6
    ),
    st.integers(1, 40),
    st.sampled_from([None, 1]),
)
@settings(max_examples=150, deadline=None)
def test_an_array_falls_into_its_elements_wherever_the_chunks_end(
    elements: list[dict[str, object]], size: int, indent: int | None
) -> None:
    data = json.dumps(elements, indent=indent, ensure_ascii=False).encode()
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    assert [json.loads(piece.data) for piece in split_records(chunks, 1 << 20)] == elements


@given(st.lists(st.binary(max_size=12).filter(lambda line: b"\n" not in line)), st.integers(1, 9), st.integers(4, 12))
@settings(max_examples=150, deadline=None)
def test_lines_come_whole_and_long_ones_in_parts_wherever_the_chunks_end(
    lines: list[bytes], size: int, longest: int
) -> None:
    data = b"x\n" + b"\n".join(lines)
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    found: dict[int, bytes] = {}
    for piece in split_records(chunks, longest):
        found[piece.line] = found.get(piece.line, b"") + piece.data
        assert piece.oversize or len(piece.data) <= longest
    expected = {number: line for number, line in enumerate([b"x", *lines], 1) if line.strip()}
    assert {number: line for number, line in found.items() if line.strip()} == expected


def test_every_field_of_an_event_reaches_the_lake(store: EventStore) -> None:
    sent = event(
        org_id="o", end_user_id="u", api_key_id="k", session_id="s", ip_source="trusted_proxy", asn=64500, country="NL",
        user_agent="client/1", tls_fingerprint="t13d", device_id="d", operation="chat", provider="p", model="m",
        output=[{"role": "assistant", "content": "done"}], tools_offered=["b", "a"],
        tool_calls=[{"name": "a", "arguments": {"q": 1}}, {"name": "b", "arguments": "x"}, {"name": "c"}],
        input_tokens=3, output_tokens=4, finish_reason="stop", error_type="none", duration_ms=12.5, refused=True,
        blocked=False, moderation={"violence": 0.25},
    )  # fmt: skip
    ingest_bytes(store, ndjson([sent]), collector="c", source="test")
    row = stored(store).to_pylist()[0]
    same = sent.keys() - {"time", "input", "output", "tools_offered", "tool_calls", "moderation"}
    assert {name: row[name] for name in same} == {name: sent[name] for name in same}
    assert (row["tools_offered"], row["tool_calls"], row["moderation"]) == ("a,b", 3, '{"violence":0.25}')
    assert (row["time_us"], row["script"], row["prompt_chars"]) == (1772445600250000, "Latn", 30)
    (text,) = texts(store)
    assert [call.arguments for call in text.tool_calls] == ['{"q":1}', "x", ""]
    assert text.response == "done"


def test_empty_identifiers_say_nothing(store: EventStore) -> None:
    ingest_bytes(store, ndjson([event(org_id="", device_id="", user_agent="")]), collector="c", source="test")
    row = stored(store).to_pylist()[0]
    assert (row["org_id"], row["device_id"], row["user_agent"]) == (None, None, None)


def test_equal_prompts_have_equal_keyed_hashes(store: EventStore) -> None:
    same = [{"role": "user", "content": "hello"}]
    sent = [event(1, input=same), event(2, input=same), event(3), event(4, input=[])]
    ingest_bytes(store, ndjson(sent), collector="c", source="test")
    first, second, third, none = stored(store)["prompt_hash"].to_pylist()
    assert first == second != third
    assert none is None


def test_parts_are_accepted_instead_of_content(store: EventStore) -> None:
    parts = [
        {"type": "text", "content": "see"},
        {"type": "tool_call_response", "id": "1", "response": {"found": 2}},
        {"type": "blob", "mime_type": "image/png"},
    ]
    output = [{"role": "assistant", "parts": [{"type": "tool_call", "name": "search", "arguments": {"q": "x"}}]}]
    sent = event(input=[{"role": "user", "parts": parts}], output=output)
    ingest_bytes(store, ndjson([sent]), collector="c", source="test")
    assert stored(store)["tool_calls"].to_pylist() == [1]
    (text,) = texts(store)
    assert text.prompt == 'see\n{"found":2}\n{"mime_type":"image/png","type":"blob"}'
    assert (text.tool_calls[0].name, text.tool_arguments) == ("search", '{"q":"x"}')


def test_times_with_any_offset_are_placed() -> None:
    for written in ("2026-03-02T10:00:00.25Z", "2026-03-02T12:00:00.25+02:00", "2026-03-02t04:30:00.250000-05:30"):
        sent = read_usage_event(json.dumps(event(time=written)).encode())
        assert sent.time.timestamp() == 1772445600.25


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("203.0.113.9", "203.0.113.9"), (" 203.0.113.9:443", "203.0.113.9"), ("[2001:DB8::1]:443", "2001:db8::1"),
        ("2001:0db8:0:0:0:0:0:1", "2001:db8::1"), ("::ffff:203.0.113.9", "203.0.113.9"), ("fe80::1%eth0", "fe80::1"),
        ("203.0.113.09", None), ("unknown", None), ("1.2.3", None), ("203.0.113.9\x00", None),
    ],
)  # fmt: skip
def test_addresses_have_one_form(written: str, canonical: str | None) -> None:
    assert canonical_address(written) == canonical


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello", "Latn"), ("12 + 3 = ?", None), ("", None), ("überprüfen Sie", "Latn"), ("привет, мир", "Cyrl"),
        ("请解释这段代码", "Hans"), ("請解釋這段程式碼", "Hant"), ("これは日本語です", "Jpan"), ("안녕", "Hang"),
        ("سلام دنیا", "Arab"), ("नमस्ते दुनिया", "Deva"), ("שלום", "Hebr"), ("Γειά σου", "Grek"), ("สวัสดี", "Thai"),
        ("translate this into Russian: да", "Latn"),
    ],
)  # fmt: skip
def test_the_dominant_script(text: str, expected: str | None) -> None:
    assert dominant_script(text) == expected


@given(
    st.text(max_size=40)
    | st.text(st.sampled_from("aя你們们かカ한ب 1,[@×İ\u0300\ud800\U00020000\U000e0001"), max_size=40)
)
def test_the_dominant_script_is_that_of_most_letters_looked_at_one_by_one(text: str) -> None:
    letters = [character for character in text[:512] if character.isalpha()]
    counts = Counter(name for name in map(_script_of_letter, letters) if name)
    if counts["Jpan"]:
        counts["Jpan"] += counts.pop("Hani", 0)
    expected = max(+counts, key=lambda name: (counts[name], name), default=None)
    found = dominant_script(text)
    assert (found in ("Hans", "Hant")) if expected == "Hani" else found == expected


def _script_of_letter(letter: str) -> str | None:
    return next((name for name, first, last in script._RANGES if first <= ord(letter) <= last), None)


def test_auto_looks_at_the_records(store: EventStore) -> None:
    assert ingest_bytes(store, ndjson([{"x": 1}, event()]), collector="c", source="test").accepted == 1
    account = ndjson([{"account_id": "a", "programme": "free"}])
    assert ingest_bytes(store, account, collector="c", source="test").accepted == 1
    assert ingest_bytes(store, ndjson([webhook()]), collector="c", source="test").accepted == 1
    store.compact()
    assert store.lake.read("account_records").num_rows == 1


def test_auto_reads_a_file_in_which_formats_alternate(store: EventStore) -> None:
    account = {"account_id": "a"}
    sent = [account, event(1), event(2), account, webhook(), event(3), account, webhook(litellm_call_id="call-2")]
    assert ingest_bytes(store, ndjson(sent), collector="c", source="test").accepted == 8
    assert stored(store).num_rows == 5
    assert store.lake.read("account_records").num_rows == 1


def webhook(**fields: object) -> dict[str, object]:
    return {
        "id": "chatcmpl-1",
        "litellm_call_id": "call-1",
        "call_type": "acompletion",
        "status": "success",
        "startTime": 1795385825.845577,
        "response_time": 0.25,
        "model": "openai/m",
        "metadata": {
            "user_api_key_user_id": "u-7",
            "user_api_key_hash": "a8d5",
            "user_api_key_team_id": "t-1",
            "requester_metadata": {"headers": {"host": "gw"}},
        },
        "requester_ip_address": "203.0.113.7",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "response": {"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}]},
        "model_map_information": {"model_map_key": "x"},
        "hidden_params": {"additional_headers": {"h": "v"}, "cost": 1},
        "error_information": {"traceback": "Traceback ..."},
        **fields,
    }


def test_a_webhook_event_keeps_what_matters_and_drops_what_does_not() -> None:
    sent = litellm_event(webhook())
    assert (sent.event_id, sent.account_id, sent.org_id, sent.api_key_id) == ("call-1", "u-7", "t-1", "a8d5")
    assert (sent.operation, sent.duration_ms, sent.finish_reason) == ("chat", 250.0, "stop")
    assert (sent.blocked, sent.refused, sent.error_type) == (False, False, None)
    assert sent.input is not None
    assert sent.input[0].content == "hi"
    kept = json.dumps(sent.attributes)
    assert "model_map" not in kept
    assert "additional_headers" not in kept
    assert "Traceback" not in kept


@pytest.mark.parametrize(
    ("metadata", "account"),
    [
        ({"user_api_key_user_id": "u", "user_api_key_hash": "h"}, "u"),
        ({"user_api_key_user_id": "default_user_id", "user_api_key_hash": "h"}, "key:h"),
        ({"user_api_key_hash": "h", "user_api_key_team_id": "t"}, "key:h"),
        ({"user_api_key_team_id": "t", "user_api_key_end_user_id": "asserted"}, "team:t"),
    ],
)
def test_the_account_is_what_the_gateway_authenticated(metadata: dict[str, str], account: str) -> None:
    assert litellm_event(webhook(metadata=metadata)).account_id == account


def test_an_asserted_end_user_is_nobodys_account() -> None:
    with pytest.raises(InvalidInput, match="authenticated"):
        litellm_event(webhook(metadata={"user_api_key_end_user_id": "asserted"}, end_user="asserted"))


@pytest.mark.parametrize(
    ("metadata", "source"),
    [
        ({"requester_metadata": {"headers": {"host": "gw"}}}, "socket"),
        ({"requester_metadata": {"headers": {"host": "gw", "X-Forwarded-For": "203.0.113.7"}}}, "asserted"),
        ({"requester_metadata": {"headers": {"a": "b"}}, "requester_custom_headers": {"Forwarded": "1"}}, "asserted"),
        ({}, "asserted"),
    ],
)  # fmt: skip
def test_an_address_from_a_header_is_only_asserted(metadata: dict[str, object], source: str) -> None:
    assert litellm_event(webhook(metadata={"user_api_key_user_id": "u", **metadata})).ip_source == source


@pytest.mark.parametrize(
    ("error", "blocked"),
    [
        ({"error_code": "403", "llm_provider": ""}, True),
        ({"error_code": "403", "llm_provider": "openai"}, False),
        ({"error_message": "Key is blocked. Update via `/key/unblock`"}, True),
        ({"error_code": "500"}, False),
    ],
)
def test_the_gateways_no_is_told_from_other_failures(error: dict[str, str], blocked: bool) -> None:
    sent = litellm_event(webhook(status="failure", response={}, error_information=error))
    assert sent.blocked is blocked
    assert sent.error_type


@pytest.mark.shared
def test_what_a_real_gateway_sent_is_read(store: EventStore, shared: Path) -> None:
    files = sorted((shared / "samples").glob("generic_api.*.json"))
    assert len(files) == 4
    for file in files:
        assert ingest_file(store, file, collector="gateway").accepted == 1
    together = json.dumps([json.loads(file.read_text()) for file in files]).encode()
    assert ingest_bytes(store, together, collector="gateway", format="litellm", source="test").duplicate == 4
    rows = stored(store).to_pylist()
    assert {row["account_id"] for row in rows} == {"u-7"}
    assert {row["ip_source"] for row in rows} == {"asserted"}
    assert [row["blocked"] for row in rows] == [True, True, False, False]
    assert rows[3]["tools_offered"] == "search_web"


@pytest.mark.shared
@pytest.mark.parametrize("world", ["dev-tiny", "dev-1"])
def test_a_world_arrives_whole(store: EventStore, shared: Path, world: str) -> None:
    folder = shared / "worlds" / world
    report = ingest_file(store, folder / "events.ndjson.zst", collector="file")
    of_accounts = ingest_file(store, folder / "accounts.ndjson.zst", collector="file")
    assert (report.rejected, of_accounts.rejected, report.conflicting) == (0, 0, 0)
    sent: Counter[str] = Counter()
    with zstandard.open(folder / "events.ndjson.zst", "rb") as lines:
        for line in lines.read().splitlines():
            sent[json.loads(line)["account_id"]] += 1
    assert Counter(stored(store)["account_id"].to_pylist()) == sent
    assert store.lake.read("account_records").num_rows == of_accounts.accepted

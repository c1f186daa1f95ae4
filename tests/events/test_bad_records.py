"""Bad input ends in a clear reason and in quarantine; nothing is lost, nothing hangs, memory stays bounded."""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from event_making import counts, event, ndjson, store_in, stored, texts
from stormwatch.events.ingest import ingest_bytes, ingest_file, ingest_stream
from stormwatch.events.quarantine import Rejected, read_quarantine, rejected_places
from stormwatch.events.store import EventStore
from stormwatch.model.errors import InvalidInput, NotFound


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    opened = store_in(tmp_path / "home")
    yield opened
    opened.close()


def line(**fields: object) -> bytes:
    return ndjson([event(**fields)])  # type: ignore[arg-type]


def raw(text: str) -> bytes:
    """An event with one member as it is written here, valid or not."""
    return json.dumps(event()).encode()[:-1] + b"," + text.encode() + b"}\n"


BAD = {
    "no JSON": (b"{oops}\n", "not valid JSON"),
    "no object": (b"[1]\n"[1:2] + b"\n", "not a JSON object"),
    "no fields": (b"{}\n", "missing required field"),
    "invalid UTF-8": (b'{"event_id":"\xff\xfe","time":"2026-03-02T10:00:00Z","account_id":"a"}\n', "not valid UTF-8"),
    "a NUL byte": (json.dumps(event()).encode().replace(b"manual", b"man\x00ual") + b"\n", "not valid JSON"),
    "NUL in the account": (line(account_id="a\x00b"), "NUL"),
    "1960": (line(time="1960-01-01T00:00:00Z"), "time lies outside 2020 to 2099"),
    "2999": (line(time="2999-01-01T00:00:00Z"), "time lies outside 2020 to 2099"),
    "no offset": (line(time="2026-03-02T10:00:00"), "timezone"),
    "a number for a time": (line(time=1767225600), "Expected `datetime`"),
    "a number for an account": (line(account_id=5), "$.account_id"),
    "an empty id": (line(event_id=""), "$.event_id"),
    "a long id": (line(event_id="x" * 129), "$.event_id"),
    "a long account": (line(account_id="x" * 257), "$.account_id"),
    "text for a number": (line(asn="AS1"), "$.asn"),
    "a number out of range": (line(asn=2**32), "$.asn"),
    "a huge integer": (line(input_tokens=10**40), "$.input_tokens"),
    "a negative count": (line(output_tokens=-1), "$.output_tokens"),
    "NaN": (raw('"duration_ms": NaN'), "not valid JSON"),
    "infinity by exponent": (raw('"duration_ms": 1e999'), "out of range"),
    "text for a truth value": (line(refused="no"), "$.refused"),
    "an unknown ip_source": (line(ip_source="guess"), "$.ip_source"),
    "a country of three letters": (line(country="USA"), "$.country"),
    "messages that are text": (line(input="hello"), "$.input"),
    "a message without a role": (line(input=[{"content": "x"}]), "role"),
    "attributes that are a list": (line(attributes=[1]), "$.attributes"),
    "attributes that are a list beside unknown fields": (line(attributes=[1], more=2), "$.attributes"),
    "deeply nested": (raw('"attributes": ' + '{"a":' * 50_000 + "1" + "}" * 50_000), "nested too deeply"),
    "deeply nested and unknown": (raw('"more": ' + "[" * 50_000 + "]" * 50_000), "nested too deeply"),
}


@pytest.mark.parametrize(("data", "reason"), [pytest.param(*case, id=name) for name, case in BAD.items()])
def test_a_bad_record_is_kept_with_its_line_and_reason_and_its_neighbours_are_taken(
    store: EventStore, data: bytes, reason: str
) -> None:
    before, after = line(event_id="before"), line(event_id="after")
    report = ingest_bytes(store, before + data + after, collector="c", format="usage-event", source="the file")
    assert (report.accepted, report.rejected) == (2, 1)
    assert report.first_reasons[0].line == 2
    assert reason in report.first_reasons[0].reason
    assert report.quarantine is not None
    (kept,) = read_quarantine(report.quarantine, store.keyring)
    assert (kept.source, kept.line, kept.data) == ("the file", 2, data.removesuffix(b"\n"))
    assert set(counts(stored(store))) == {"before", "after"}


ODD_BUT_READ = {
    "NUL in a prompt": {"input": [{"role": "user", "content": "a\x00b"}]},
    "NUL in a user agent": {"user_agent": "x\x00y"},
    "a user agent longer than allowed": {"user_agent": "x" * 5000},
    "no address": {"source_ip": "not an address"},
    "an address with a port": {"source_ip": "203.0.113.9:4711"},
    "10,000 unknown fields": {f"field_{number}": number for number in range(10_000)},
    "a huge integer in the attributes": {"attributes": {"n": 10**40}},
    "unknown fields in a message": {"input": [{"role": "user", "content": "x", "name": "bob", "weight": 1}]},
}


@pytest.mark.parametrize("fields", [pytest.param(fields, id=name) for name, fields in ODD_BUT_READ.items()])
def test_what_a_caller_can_choose_never_hides_an_event(store: EventStore, fields: dict[str, object]) -> None:
    report = ingest_bytes(store, line(**fields), collector="c", source="test")
    assert (report.accepted, report.rejected) == (1, 0)
    assert stored(store).num_rows == 1


def test_a_lone_surrogate_does_not_hide_an_event_either(store: EventStore) -> None:
    data = json.dumps(event(input=[{"role": "user", "content": "before \ud800 after \U0001f600"}])).encode()
    assert ingest_bytes(store, data, collector="c", source="test").accepted == 1
    stored(store)
    assert texts(store)[0].prompt == "before \ufffd after \U0001f600"


def test_unknown_fields_are_kept_with_the_text_and_not_in_the_clear(store: EventStore) -> None:
    fields = {f"field_{number}": number for number in range(10_000)}
    sent = event(
        **fields, attributes={"field_0": "mine", "big": 10**40}, input=[{"role": "user", "content": "x", "n": 1}]
    )
    ingest_bytes(store, ndjson([sent]), collector="c", source="test")
    stored(store)
    kept = json.loads(texts(store)[0].attributes)
    assert kept["field_9999"] == 9999
    assert (kept["field_0"], kept["unknown.field_0"]) == ("mine", 0)
    assert kept["big"] == 10**40
    assert kept["input[0].n"] == 1


def test_values_that_were_cut_stand_whole_in_the_attributes(store: EventStore) -> None:
    ingest_bytes(store, line(user_agent="x" * 5000, source_ip="proxy-7"), collector="c", source="test")
    row = stored(store).to_pylist()[0]
    assert (len(row["user_agent"]), row["source_ip"]) == (4096, None)
    kept = json.loads(texts(store)[0].attributes)
    assert (kept["user_agent"], kept["source_ip"]) == ("x" * 5000, "proxy-7")


@pytest.mark.parametrize(
    "data",
    [b"", b"\n\n \n", gzip.compress(b"", mtime=0), zstandard.compress(b"")],
    ids=["nothing", "blank lines", "empty gzip", "empty zstd"],
)
def test_an_empty_file_is_a_clear_error(store: EventStore, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "empty"
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match="the file is empty"):
        ingest_file(store, path, collector="c")


def test_a_missing_file_is_a_clear_error(store: EventStore, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        ingest_file(store, tmp_path / "nowhere", collector="c")


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
@pytest.mark.parametrize("kept", [0.2, 0.7, 0.99])
def test_a_truncated_file_gives_what_came_before_the_cut_and_says_so(
    store: EventStore, tmp_path: Path, compress: object, kept: float
) -> None:
    packed = compress(ndjson(event(number) for number in range(20_000)))  # type: ignore[operator]
    path = tmp_path / "cut"
    path.write_bytes(packed[: int(len(packed) * kept)])
    report = ingest_file(store, path, collector="c")
    assert report.rejected >= 1
    assert any("ends too early" in reason.reason for reason in report.first_reasons)
    ids = counts(stored(store))
    assert sum(ids.values()) == report.accepted
    assert set(ids) == {f"ev-{number}" for number in range(len(ids))}


def test_damaged_compression_is_told_from_its_end(store: EventStore, tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(ndjson(event(number) for number in range(2000))))
    packed[-6] ^= 0xFF  # its checksum
    path = tmp_path / "damaged"
    path.write_bytes(packed)
    assert any("damaged" in reason.reason for reason in ingest_file(store, path, collector="c").first_reasons)


def hundred_megabytes() -> Iterator[bytes]:
    yield line(event_id="before")
    yield b'{"event_id":"huge","input":[{"role":"user","content":"'
    for _ in range(100):
        yield b"x" * (1 << 20)
    yield b'"}]}\n'
    yield line(event_id="after")


def joined(records: Iterator[Rejected]) -> int:
    return sum(len(record.data) for record in records)


def test_a_line_of_100_megabytes_is_kept_in_quarantine_with_little_memory(store: EventStore) -> None:
    store.append("c", [])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report = ingest_stream(store, hundred_megabytes(), collector="c", source="test")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (report.accepted, report.rejected) == (2, 1)
    assert report.first_reasons[0].reason == f"longer than {store.max_record_bytes} bytes"
    assert report.quarantine is not None
    assert joined(read_quarantine(report.quarantine, store.keyring)) > 100 << 20
    (place,) = rejected_places(report.quarantine, store.keyring)
    assert (place.line, place.size > 100 << 20) == (2, True)
    assert set(counts(stored(store))) == {"before", "after"}
    assert grown < 80 * 1024  # KiB


def test_an_element_of_100_megabytes_in_an_array_is_kept_too(store: EventStore) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"[" + json.dumps(event(event_id="before")).encode() + b',{"x":"'
        for _ in range(100):
            yield b"y" * (1 << 20)
        yield b'"},' + json.dumps(event(event_id="after")).encode() + b"]"

    report = ingest_stream(store, chunks(), collector="c", source="test")
    assert (report.accepted, report.rejected) == (2, 1)
    assert set(counts(stored(store))) == {"before", "after"}


# A process of its own tells its peak when it ends: that of the tests' process is whatever earlier tests took.
_INGEST = """
import sys
from pathlib import Path
from event_making import store_in
from stormwatch.events.ingest import ingest_file
store = store_in(Path(sys.argv[1]))
report = ingest_file(store, Path(sys.argv[2]), collector="c")
store.close()
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print(report.accepted, report.rejected, peak)
"""


def ingest_apart(home: Path, path: Path) -> tuple[int, int, int]:
    """Accepted, rejected and peak KiB of an ingest in a process of its own."""
    tests = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", _INGEST, str(home), str(path)],
        env=os.environ | {"PYTHONPATH": str(tests)}, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    accepted, rejected, peak = done.stdout.split()
    return int(accepted), int(rejected), int(peak)


def test_a_small_body_that_unpacks_to_gigabytes_is_read_bit_by_bit(tmp_path: Path) -> None:
    plain, path = tmp_path / "plain", tmp_path / "bomb"
    plain.write_bytes(line())
    compressor = zstandard.ZstdCompressor().compressobj()
    with path.open("wb") as file:
        for _ in range(300):
            file.write(compressor.compress(b"x" * (1 << 20)))
        file.write(compressor.compress(b"\n" + line()) + compressor.flush())
    assert path.stat().st_size < 100_000
    *told, usual = ingest_apart(tmp_path / "one", plain)
    assert told == [1, 0]
    *told, peak = ingest_apart(tmp_path / "other", path)
    assert told == [1, 1]
    assert peak - usual < 150 * 1024


def test_reasons_never_repeat_what_a_record_said(store: EventStore) -> None:
    data = line(asn="topsecret") + b'{"event_id": topsecret}\n' + line(time="topsecret")
    report = ingest_bytes(store, data, collector="c", format="usage-event", source="test")
    assert report.rejected == 3
    assert not any("topsecret" in reason.reason for reason in report.first_reasons)


def test_a_quarantine_file_that_is_not_there(store: EventStore, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such quarantine"):
        list(read_quarantine(tmp_path / "nothing", store.keyring))


def test_an_array_that_breaks_off_or_holds_other_things_loses_nothing(store: EventStore) -> None:
    one, two = (json.dumps(event(number)).encode() for number in (1, 2))
    report = ingest_bytes(store, b"[" + one + b", 17, " + two + b', {"event_id":', collector="c", source="test")
    assert (report.accepted, report.rejected) == (2, 2)
    assert report.quarantine is not None
    assert [kept.data for kept in read_quarantine(report.quarantine, store.keyring)] == [b"17", b'{"event_id":']
    closed_too_early = ingest_bytes(store, b"[" + one + b",", collector="c", source="test")
    assert closed_too_early.rejected == 1


@pytest.mark.parametrize("kind", [[], {}, 7, None, True])
def test_a_part_whose_type_is_no_text_is_kept(store: EventStore, kind: object) -> None:
    output = [{"role": "assistant", "parts": [{"type": kind, "name": "f"}]}]
    report = ingest_bytes(store, line(output=output), collector="c", source="test")
    assert (report.accepted, report.rejected) == (1, 0)
    webhook: dict[str, object] = {"id": "1", "startTime": 1795385825.0, "metadata": {"user_api_key_user_id": "u"}}
    webhook["status_fields"] = {"guardrail_status": kind}
    webhook["messages"] = [{"role": "user", "content": [{"type": kind}]}]
    sent = json.dumps(webhook).encode()
    assert ingest_bytes(store, sent, collector="c", format="litellm", source="test").accepted == 1

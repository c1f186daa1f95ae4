"""What is fuzzed: every way in for bytes that somebody else wrote, each a function of bytes with seeds to start from.

A target returns, or raises the error that explains bad input; anything else is a fault. To add one, write a function
and put it into TARGETS: the tests, `make fuzz` and the list in the documentation of both follow from there.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import zstandard

from otlp_making import chat, log, logs_json, logs_protobuf, server, span_id, traces_json, traces_protobuf
from stormwatch.detections.nova.nova_import import import_nova
from stormwatch.detections.rulebook.rules import read_pack
from stormwatch.events.mapping.reading import parse_specification
from stormwatch.events.normalise import Normaliser
from stormwatch.events.otlp_records import OtlpReader
from stormwatch.events.readers.account_record import read_account_record
from stormwatch.events.readers.choice import RESERVED, shipped_formats
from stormwatch.events.readers.litellm import read_litellm
from stormwatch.events.readers.mapped import MappedReader
from stormwatch.events.readers.usage_event import read_usage_event
from stormwatch.events.sources import decompressed
from stormwatch.events.splitting import split_records
from stormwatch.intel.importing import ImportDefaults, import_file
from stormwatch.model.errors import InvalidInput
from stormwatch.storage.database import Database, open_database
from stormwatch.storage.keyring import Keyring

UNPACKED_AT_MOST: Final = 64 * 1024 * 1024
_RECORD_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Target:
    """One way in. `run` raises nothing for any input; `seeds` are inputs of the right kind."""

    name: str
    read: Callable[[bytes], None]
    seeds: tuple[bytes, ...]

    def run(self, data: bytes) -> bool:
        """Whether the input was taken; an error that explains it is the other good outcome."""
        try:
            self.read(data)
        except InvalidInput:
            return False
        return True


@cache
def _normaliser() -> Normaliser:
    return Normaliser(Keyring(b"k" * 32))


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="stormwatch-fuzz-"))


@cache
def _database() -> Database:
    return open_database(f"sqlite:///{_folder() / 'case.db'}")


def _usage_event(data: bytes) -> None:
    _normaliser().event(read_usage_event(data))


def _account_record(data: bytes) -> None:
    read_account_record(data, _normaliser().redactor)


def _litellm(data: bytes) -> None:
    _normaliser().event(read_litellm(data))


@cache
def _otlp() -> OtlpReader:
    return OtlpReader(Keyring(b"k" * 32), _RECORD_BYTES)


def _otlp_traces(data: bytes) -> None:
    _otlp().traces(data, is_json=False)


def _otlp_logs(data: bytes) -> None:
    _otlp().logs(data, is_json=False)


def _otlp_line(data: bytes) -> None:
    _otlp().line(data)


def _mapped(name: str) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        reader: MappedReader[int] = MappedReader(shipped_formats().mappings[name])
        outcomes = []
        for number, line in enumerate(data.split(b"\n")):
            outcomes += reader.read(line, number)
        for outcome in (*outcomes, *reader.rest()):
            if outcome.event is None:
                raise InvalidInput(outcome.reason)
            _normaliser().event(outcome.event)

    return read


def _records(data: bytes) -> None:
    size = data[0] + 1 if data else 1
    held = 0
    for piece in split_records(iter([data[at : at + size] for at in range(1, len(data), size)]), _RECORD_BYTES):
        held += len(piece.data)
        assert piece.oversize or len(piece.data) <= _RECORD_BYTES
    assert held <= len(data)


def _compressed(encoding: str) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        size = 0
        for chunk in decompressed(iter([data]), encoding):
            assert len(chunk) <= UNPACKED_AT_MOST
            size += len(chunk)
            if size > UNPACKED_AT_MOST:
                raise InvalidInput("longer than allowed, unpacked")

    return read


def _mapping_file(data: bytes) -> None:
    parse_specification(data.decode("utf-8", "replace"), Path("mapping.yaml"))


def _rules(data: bytes) -> None:
    file = _folder() / "rule.yml"
    file.write_bytes(data)
    pack = read_pack([file])
    for problem in pack.problems:
        assert problem.what


def _nova(data: bytes) -> None:
    file = _folder() / "rule.nov"
    file.write_bytes(data)
    for rule in import_nova([file], _folder() / "from-nova", ["llm.01"]):
        assert rule.written is not None or rule.reason


def _intel(form: str, suffix: str = "") -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        file = _folder() / f"{form}{suffix}"
        file.write_bytes(data)
        import_file(_database(), file, form, defaults=ImportDefaults("fuzz"))

    return read


def _json(*values: object) -> tuple[bytes, ...]:
    return tuple(json.dumps(value).encode() for value in values)


_EVENT: Final = {
    "event_id": "e", "time": "2026-03-02T10:00:00Z", "account_id": "a", "source_ip": "203.0.113.9", "asn": 64500,
    "input": [{"role": "user", "content": "hello sk-0123456789abcdef0123456789abcdef"}],
    "output": [{"role": "assistant", "parts": [{"type": "tool_call", "name": "f", "arguments": {"q": 1}}]}],
    "tool_calls": [{"name": "f", "arguments": "{}"}], "moderation": {"x": 0.5}, "attributes": {"k": [1, None]},
}  # fmt: skip
_ACCOUNT: Final = {"account_id": "a", "created_time": "2024-01-01T00:00:00Z", "email_domain": "x@example.org"}
_WEBHOOK: Final = {
    "id": "1", "litellm_call_id": "c", "startTime": 1772445600.5, "status": "failure", "response_time": 0.1,
    "metadata": {"user_api_key_user_id": "u", "requester_metadata": {"headers": {"X-Forwarded-For": "203.0.113.9"}}},
    "requester_ip_address": "203.0.113.9", "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}],
    "response": {"choices": [{"message": {"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}}]},
    "error_information": {"error_code": "403"}, "model_parameters": {"tools": [{"function": {"name": "f"}}]},
}  # fmt: skip
_CHUNK: Final = {"choices": [{"index": 0, "delta": {"content": "x", "tool_calls": [{"index": 0}]}}]}
_PAIRS: Final = _json(
    {
        "request_id": "r", "time": "2026-03-02T10:00:00Z", "account_id": "a", "client": {"ip": "203.0.113.9"},
        "request": {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}], "tools": [{"name": 1}]},
        "response": {"choices": [{"message": {"content": None, "refusal": "no"}, "finish_reason": "stop"}]},
    },
    {
        "request_id": "r", "timestamp": 1772445600, "key_hash": "k",
        "request": {"body": '{"input":"x"}', "headers": []},
        "response": {"body": f"data: {json.dumps(_CHUNK)}\n\ndata: [DONE]\n"},
    },
    {"request_id": "r", "time": "2026-03-02T10:00:00Z", "request": {"user": "u"}, "response": [_CHUNK, _CHUNK]},
)  # fmt: skip
_INVOCATIONS: Final = _json(
    {
        "schemaType": "ModelInvocationLog", "timestamp": "2026-03-02T10:00:00Z", "requestId": "b", "modelId": "m",
        "identity": {"arn": "arn:aws:sts::1:assumed-role/App/alice"},
        "input": {"inputBodyJson": {"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "inputTokenCount": 1},
        "output": {"outputBodyJson": [
            {"type": "message_start", "message": {"usage": {"input_tokens": 4}}},
            {"type": "content_block_delta", "index": 0, "delta": {"text": "x"}},
            {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "x"}}},
        ]},
    },
    {"logEvents": [{"message": '{"schemaType":"ModelInvocationLog","requestId":"b"}'}]},
)  # fmt: skip
_ROWS: Final = (
    b"\n".join(
        _json(
            {"Type": "ApiManagementGatewayLogs", "CorrelationId": "c", "TimeGenerated": "2026-03-02T10:00:00Z",
             "ApimSubscriptionId": "s", "RequestHeaders": '{"user-agent":"x"}', "ResponseCode": 403},
            {"Type": "ApiManagementGatewayLlmLog", "CorrelationId": "c", "SequenceNumber": 2, "RequestMessages": '"}]'},
            {"Type": "ApiManagementGatewayLlmLog", "CorrelationId": "c", "SequenceNumber": 1,
             "RequestMessages": '[{"role":"user","content":"x'},
        )
    ),
    *_json({"records": [{"category": "GatewayLlmLogs", "properties": {"correlationId": "c", "sequenceNumber": "1"}}]}),
)  # fmt: skip
_RULE: Final = b"""title: T
id: 6f0e1a52-0000-4000-8000-000000000001
logsource: {category: llm}
detection:
  words: {prompt|contains|all: ['a*b', c], response|re: 'x{1,9}'}
  other: {user_agent|startswith: curl, input_tokens|gte: 5}
  condition: words and not 1 of other*
tags: [llm.01]
level: low
falsepositives: [none]
"""
_CORRELATION: Final = (
    _RULE.replace(b"title: T", b"title: T\nname: step")
    + b"""---
title: C
id: 6f0e1a52-0000-4000-8000-000000000002
correlation: {type: value_count, rules: [step], group-by: [account_id], timespan: 5m, condition: {gte: 2, field: model}}
tags: [llm.01]
level: low
falsepositives: [none]
"""
)
_NOVA: Final = b"""rule Made_up
{
    meta:
        description = "made up"
    keywords:
        $a = "first words"
        $b = /second\\s{1,3}words/i
    semantics:
        $s = "something like it" (0.5)
    condition:
        any of keywords.* or (semantics.$s and keywords.$a)
}
"""
_SPANS: Final = ({**chat(1, "x", gen_ai_response_id="r"), "parentSpanId": span_id(2)}, server(2))
_LOGS: Final = (log(1, "gen_ai.user.message", {"content": "hello"}),)
_MISP: Final = {
    "Event": {
        "uuid": "00000000-0000-4000-8000-000000000004", "info": "made up", "date": "2026-01-01",
        "timestamp": "1767225600",
        "Tag": [{"name": "tlp:green"}, {"name": 'admiralty-scale:source-reliability="b"'}],
        "Attribute": [{"uuid": "00000000-0000-4000-8000-000000000005", "type": "ip-dst", "value": "203.0.113.9",
                       "to_ids": True, "timestamp": "1767225600", "Tag": [{"name": "PAP:AMBER"}]}],
        "Object": [{"name": "file", "Attribute": [{"type": "sha256", "value": "0" * 64, "to_ids": True}]}],
    }
}  # fmt: skip
_INDICATOR: Final = {
    "type": "indicator", "spec_version": "2.1", "id": "indicator--00000000-0000-4000-8000-000000000001",
    "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z", "pattern_type": "stix",
    "pattern": "[ipv4-addr:value = '203.0.113.9' OR domain-name:value = 'example.org']",
    "valid_from": "2026-01-01T00:00:00Z",
}  # fmt: skip
_BUNDLE: Final = {"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000002", "objects": [_INDICATOR]}
_GROUP: Final = {
    "type": "intrusion-set", "id": "intrusion-set--00000000-0000-4000-8000-000000000003", "name": "G", "aliases": ["H"],
    "external_references": [{"source_name": "mitre-attack", "external_id": "G0001"}],
}  # fmt: skip
_ATTACK: Final = {**_BUNDLE, "objects": [{"type": "x-mitre-matrix"}, _GROUP]}
_ATLAS: Final = (
    b"id: ATLAS\nname: A\nmatrices:\n- techniques:\n  - id: AML.T0000\n    name: Search\n    object-type: technique\n"
)
_GALAXY: Final = {
    "uuid": "u",
    "name": "n",
    "category": "actor",
    "type": "threat-actor",
    "values": [{"value": "G", "uuid": "v", "meta": {"synonyms": ["H"]}}],
}
_NAMES: Final = [{"Threat actor name": "G", "Origin/Threat": "x", "Other names": "H, I"}]
_LIST: Final = {"name": "vpn", "type": "cidr", "version": 1, "description": "d", "list": ["203.0.113.0/24"]}
_TABLE: Final = b"kind,value,confidence,valid_from\nipv4-addr,203.0.113.9,80,2026-01-01\ndomain,example.org,,\n"


def _all() -> Iterator[Target]:
    yield Target("usage-event", _usage_event, _json(_EVENT))
    yield Target("account-record", _account_record, _json(_ACCOUNT))
    yield Target("litellm", _litellm, _json(_WEBHOOK))
    yield Target("otlp-traces", _otlp_traces, (traces_protobuf(_SPANS),))
    yield Target("otlp-logs", _otlp_logs, (logs_protobuf(_LOGS),))
    yield Target("otlp-line", _otlp_line, (traces_json(_SPANS), logs_json(_LOGS)))
    yield Target("openai", _mapped("openai"), _PAIRS)
    yield Target("bedrock", _mapped("bedrock"), _INVOCATIONS)
    yield Target("azure-apim", _mapped("azure-apim"), _ROWS)
    yield Target("records", _records, (b"\x07{}\n{}\n", b'\x03[{"a": "]\\""}, {}]', b'\x40{\n"a": 1}\n'))
    for encoding, pack in (("gzip", gzip.compress), ("zstd", zstandard.compress)):
        yield Target(encoding, _compressed(encoding), (pack(b"{}\n" * 9), pack(b"x") + pack(b"y")))
    yield Target("mapping-file", _mapping_file, _shipped_mappings())
    yield Target("rules", _rules, (_RULE, _CORRELATION))
    yield Target("nova", _nova, (_NOVA,))
    yield Target("stix", _intel("stix"), _json(_BUNDLE, {**_BUNDLE, "objects": [_INDICATOR, _GROUP]}))
    yield Target("attack", _intel("attack"), _json(_ATTACK))
    yield Target("atlas", _intel("atlas"), (_ATLAS,))
    yield Target("misp", _intel("misp"), _json(_MISP, {"response": [_MISP]}, [_MISP]))
    yield Target("misp-galaxy", _intel("misp-galaxy"), _json(_GALAXY))
    yield Target("microsoft-names", _intel("microsoft-names"), _json(_NAMES))
    yield Target(
        "warninglist", _intel("warninglist"), _json(_LIST, {**_LIST, "type": "hostname", "list": ["example.org"]})
    )
    yield Target("csv", _intel("csv"), (_TABLE,))
    yield Target("intel-gz", _intel("auto", ".gz"), (gzip.compress(_TABLE),))


def _shipped_mappings() -> tuple[bytes, ...]:
    mappings = shipped_formats().mappings.values()
    return tuple(mapping.specification.file.read_bytes() for mapping in mappings if mapping.name not in RESERVED)


TARGETS: Final = {target.name: target for target in _all()}

"""Whatever arrives as intelligence: it is taken in or refused with an explanation, soon, and never half."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stormwatch.intel.files import IntelFormat
from stormwatch.intel.importing import import_file
from stormwatch.intel.indicators import version
from stormwatch.intel.lead_material import material_of_file
from stormwatch.model.errors import InvalidInput
from stormwatch.storage.database import Database, open_database

UUID = "6a7fbd57-4b4c-4b06-8f0b-0f60d8b6a4de"
WORDS = st.sampled_from(
    [
        "",
        "bundle",
        "indicator",
        "relationship",
        "intrusion-set",
        f"indicator--{UUID}",
        f"intrusion-set--{UUID}",
        UUID,
        "[domain-name:value = 'a.example']",
        "[",
        "a.example",
        "203.0.113.7",
        "203.0.113.7|1",
        "2026-01-01T00:00:00Z",
        "cidr",
        "hostname",
        "actor",
        "ip-src",
        "domain|ip",
        "1700000000",
        "9" * 400,
        "\x00",
        "é\u202e",
        "-1",
        "18.1",
        "tlp:red",
        "2001:db8::/32",
        "0.0.0.0/0",
        'admiralty-scale:source-reliability="b"',
        "retention:7d",
        "true",
        "A" * 5000,
    ]
)
KEYS = st.sampled_from(
    [
        "type",
        "id",
        "objects",
        "name",
        "pattern",
        "modified",
        "valid_from",
        "aliases",
        "external_references",
        "revoked",
        "Event",
        "response",
        "Attribute",
        "Object",
        "Tag",
        "Galaxy",
        "GalaxyCluster",
        "uuid",
        "info",
        "value",
        "to_ids",
        "timestamp",
        "first_seen",
        "last_seen",
        "Sighting",
        "decay_score",
        "distribution",
        "Orgc",
        "date",
        "deleted",
        "values",
        "meta",
        "synonyms",
        "category",
        "version",
        "list",
        "kind",
        "Threat actor name",
        "Other names",
        "x_mitre_version",
        "external_id",
        "source_name",
        "description",
        "relationship_type",
        "source_ref",
        "target_ref",
    ]
)
VALUES = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.just(UUID), inner, max_size=6),
    max_leaves=25,
)
PARTS = st.dictionaries(KEYS, VALUES, max_size=8)
SHAPES = st.one_of(
    st.builds(lambda objects: {"type": "bundle", "objects": objects}, st.lists(PARTS | VALUES, max_size=4)),
    st.builds(
        lambda kind, more: {"type": "bundle", "objects": [{**more, "type": kind, "id": f"{kind}--{UUID}"}]},
        st.sampled_from(["indicator", "intrusion-set", "relationship", "x-mitre-matrix", "attack-pattern"]),
        PARTS,
    ),
    st.builds(lambda more: {"Event": {**more, "uuid": UUID, "info": "x"}}, PARTS),
    st.builds(
        lambda parts: {
            "Event": {"uuid": UUID, "info": "x", "Attribute": [{"to_ids": True, "uuid": UUID, **p} for p in parts]}
        },
        st.lists(PARTS, max_size=3),
    ),
    st.builds(lambda more: {UUID: {**more, "info": "x"}}, PARTS),
    st.builds(
        lambda values, more: {"category": "actor", "type": "t", **more, "uuid": UUID, "values": values},
        st.lists(VALUES),
        PARTS,
    ),
    st.builds(lambda entries, more: {"type": "cidr", **more, "name": "n", "list": entries}, st.lists(VALUES), PARTS),
    st.builds(lambda rows: [{"Threat actor name": "x"}, *rows], st.lists(PARTS | VALUES, max_size=4)),
    VALUES,
)
QUIET = settings(deadline=2000, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'fuzz.db'}")
    yield opened
    opened.close()


def offer(database: Database, file: Path, **options: Any) -> None:
    """Any other error than InvalidInput fails the test."""
    before = version(database)
    try:
        import_file(database, file, **options)
    except InvalidInput:
        after = version(database)
    else:
        after = before
    assert after == before, "a refused file left something behind"
    with suppress(InvalidInput):
        material_of_file(file)


@QUIET
@given(document=SHAPES)
def test_any_json(tmp_path: Path, empty: Database, document: object) -> None:
    file = tmp_path / "x.json"
    file.write_text(json.dumps(document))
    offer(empty, file)


@QUIET
@given(content=st.binary(max_size=200), wanted=st.sampled_from(["auto", *IntelFormat]))
def test_any_bytes(tmp_path: Path, empty: Database, content: bytes, wanted: str) -> None:
    file = tmp_path / "x.bin"
    file.write_bytes(content)
    offer(empty, file, format=wanted)


YAML = st.lists(
    st.sampled_from(
        [
            "id: ATLAS",
            "format-version: 6.0.0",
            "techniques:",
            "matrices:",
            "- id: AML.T1",
            "  name: x",
            "&a [*a]",
            "? [x]",
            "<<: *a",
            "!!python/object:x {}",
            "2026-99-99",
            "!!int 9_9",
            "\t",
            "- - - -",
            "{",
            "'",
            "  AML.T1: {name: y}",
        ]
    ),
    max_size=14,
).map("\n".join)
CSV = st.lists(
    st.lists(WORDS | st.sampled_from(["domain", "ip", "kind", "value", "tlp", '"', "email"]), max_size=5).map(",".join),
    max_size=6,
).map(lambda lines: "\n".join(["kind,value,valid_from,confidence,tlp", *lines]))


@QUIET
@given(text=YAML | CSV | st.text(max_size=80))
def test_any_text(tmp_path: Path, empty: Database, text: str) -> None:
    file = tmp_path / "x.txt"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    for wanted in ("auto", "atlas", "csv"):
        offer(empty, file, format=wanted)


@pytest.mark.parametrize(
    "content",
    [
        b"id: ATLAS\n" + b"[" * 20_000,
        b"id: ATLAS\nx: &a [1,2]\ny: [" + b"*a," * 50_000 + b"]\ntechniques: []\n",
        b'{"type":"bundle","objects":[' + b'{"type":"indicator","id":' * 2_000,
        b'{"Event":{"uuid":"x","info":' + b"[" * 50_000,
        b"kind,value\ndomain," + b"a." * 100_000 + b"example\n",
        b'{"type":"bundle","objects":[{"type":"indicator","id":"indicator--'
        + UUID.encode()
        + b'","pattern":"['
        + b"a:b " * 15_000
        + b'","valid_from":"2026-01-01T00:00:00Z"}]}',
    ],
    ids=["nested-yaml", "many-references", "cut-json", "nested-json", "long-cell", "long-pattern"],
)
def test_what_is_made_to_exhaust_ends(tmp_path: Path, empty: Database, content: bytes) -> None:
    file = tmp_path / "x"
    file.write_bytes(content)
    offer(empty, file)

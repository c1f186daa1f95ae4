"""Texts at rest promise: sealed before they touch the disk, read back whole, bound to their place, found by place."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stormwatch.model.errors import IntegrityError
from stormwatch.model.event import EventText, Message, ToolCall
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake, LakeChange
from stormwatch.storage.schemas import TABLES
from stormwatch.storage.texts import ROWS_PER_CHUNK, read_rows, read_segment, seal, unseal

KEYRING = Keyring(b"k" * 32)
SECRET = "the one sentence that must not lie about"


def _text(number: int) -> EventText:
    return EventText(
        event_id=f"e{number}",
        input=(Message("user", f"{SECRET} {number}"),),
        output=(Message("assistant", "no"),),
        tool_calls=(ToolCall("search", '{"q": "radar"}'),),
    )


def _store(lake: Lake, segment: str, texts: list[EventText]) -> None:
    rows = len(texts)
    columns: dict[str, list[object]] = {name: [None] * rows for name in TABLES["events"].names}
    columns["event_id"] = [text.event_id for text in texts]
    columns["text_chunk"] = [row // ROWS_PER_CHUNK for row in range(rows)]
    columns["text_row"] = [row % ROWS_PER_CHUNK for row in range(rows)]
    events = lake.write("events", pa.table(columns, schema=TABLES["events"]), segment=segment)
    sealed = lake.write("texts", seal(KEYRING, segment, texts), segment=segment)
    lake.commit(LakeChange(add={"events": (events,), "texts": (sealed,)}))


def test_nothing_readable_touches_the_disk(lake: Lake) -> None:
    _store(lake, "s1", [_text(number) for number in range(3)])
    files = [path.read_bytes() for path in lake.root.rglob("*") if path.is_file()]
    assert files
    assert not any(SECRET.encode() in content for content in files)


def test_a_segment_comes_back_in_the_order_of_its_events(lake: Lake) -> None:
    texts = [_text(number) for number in range(ROWS_PER_CHUNK + 3)]
    _store(lake, "s1", texts)
    _store(lake, "s2", [_text(9999)])
    chunks = list(read_segment(lake, KEYRING, "s1"))
    assert [len(chunk) for chunk in chunks] == [ROWS_PER_CHUNK, 3]
    assert [text for chunk in chunks for text in chunk] == texts
    assert list(read_segment(lake, KEYRING, "unknown")) == []


def test_texts_are_found_by_their_place_over_chunks(lake: Lake) -> None:
    texts = [_text(number) for number in range(ROWS_PER_CHUNK + 2)]
    _store(lake, "s1", texts)
    _store(lake, "s2", [_text(9999)])
    found = dict(read_rows(lake, KEYRING, "s1", [(0, 0), (0, 3), (1, 1), (7, 0)]))
    assert found == {(0, 0): texts[0], (0, 3): texts[3], (1, 1): texts[ROWS_PER_CHUNK + 1]}
    assert dict(read_rows(lake, KEYRING, "s2", [(0, 0)])) == {(0, 0): _text(9999)}
    assert dict(read_rows(lake, KEYRING, "s1", [])) == {}


def test_a_chunk_opens_only_in_its_place_and_with_its_key() -> None:
    sealed = seal(KEYRING, "s1", [_text(1)])["sealed"][0].as_py()
    assert unseal(KEYRING, "s1", 0, sealed) == [_text(1)]
    for keyring, segment, chunk in ((KEYRING, "s2", 0), (KEYRING, "s1", 1), (Keyring(b"j" * 32), "s1", 0)):
        with pytest.raises(IntegrityError):
            unseal(keyring, segment, chunk, sealed)


_WORDS = st.text(st.characters(codec="utf-8"))


@given(
    st.builds(
        EventText,
        event_id=_WORDS,
        input=st.lists(st.builds(Message, _WORDS, _WORDS), max_size=3).map(tuple),
        output=st.lists(st.builds(Message, _WORDS, _WORDS), max_size=3).map(tuple),
        tool_calls=st.lists(st.builds(ToolCall, _WORDS, _WORDS), max_size=2).map(tuple),
    )
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_was_said_comes_back_as_it_was(text: EventText) -> None:
    sealed = seal(KEYRING, "s1", [text])["sealed"][0].as_py()
    assert unseal(KEYRING, "s1", 0, sealed) == [text]

"""Rows of events to the same rows with what other spans tell of them: the client's address and agent, the messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from stormwatch.events.script import dominant_script
from stormwatch.events.span_parts import SpanMessages
from stormwatch.model.event import EventText, Message, ToolCall

_unpack_messages = msgspec.msgpack.Decoder(SpanMessages).decode
_unpack_text = msgspec.msgpack.Decoder(EventText).decode
_pack = msgspec.msgpack.encode
_CLIENT_COLUMNS: Final = ("source_ip", "ip_source", "user_agent")

Texts = Mapping[int, EventText]
PromptHash = Callable[[str], str]


def links_of(keys: pa.ChunkedArray | pa.Array, links: pa.Table) -> pa.Array | None:
    """For each event key its row in `links`, or null; None when no key has one."""
    if not links.num_rows:
        return None
    rows = _whole(pc.index_in(keys, value_set=_whole(links["key"]), skip_nulls=True))
    return None if rows.null_count == len(rows) else rows


def with_clients(events: pa.Table, parents: pa.Array, clients: pa.Table) -> pa.Table:
    """The events with address and agent of the client that their parent's span names, where they have none."""
    if not clients.num_rows:
        return events
    rows = pc.index_in(parents, value_set=_whole(clients["span"]), skip_nulls=True)
    if rows.null_count == len(rows):
        return events
    told = clients.take(rows)
    has_none = pc.is_null(events["source_ip"])
    joined = {
        "source_ip": pc.coalesce(events["source_ip"], told["source_ip"]),
        "ip_source": pc.if_else(has_none, told["ip_source"], events["ip_source"]),
        "user_agent": pc.coalesce(events["user_agent"], told["user_agent"]),
    }
    for name in _CLIENT_COLUMNS:
        events = events.set_column(events.schema.get_field_index(name), events.schema.field(name), joined[name])
    return events


def messages_by_span(messages: pa.Table) -> dict[bytes, list[SpanMessages]]:
    """The messages of each span in the order of their times, what was sent twice once."""
    rows = sorted(
        set(zip(*(messages[name].to_pylist() for name in ("span", "time_us", "text")), strict=True)),
        key=lambda row: (row[0], row[1]),
    )
    found: dict[bytes, list[SpanMessages]] = {}
    for span, _, text in rows:
        found.setdefault(span, []).append(_unpack_messages(text))
    return found


def rows_with_messages(spans: pa.Array, messages: Mapping[bytes, list[SpanMessages]]) -> dict[int, list[SpanMessages]]:
    """Which rows get messages: row to messages."""
    if not messages:
        return {}
    return {row: messages[span] for row, span in enumerate(spans.to_pylist()) if span in messages}


def with_messages(text: EventText, found: list[SpanMessages]) -> EventText:
    """A text with what log records say was said; doing it again changes nothing."""
    asked = [Message(*turn) for part in found for turn in part.input]
    answered = [Message(*turn) for part in found for turn in part.output]
    called = [ToolCall(*call) for part in found for call in part.tool_calls]
    return EventText(
        text.event_id,
        _joined(text.input, asked),
        _joined(text.output, answered),
        _joined(text.tool_calls, called),
        text.attributes,
    )


def with_texts(
    events: pa.Table, texts: Texts, found: Mapping[int, list[SpanMessages]], prompt_hash: PromptHash
) -> pa.Table:
    """The events with the columns that follow from a text which got messages."""
    columns = {
        name: events[name].to_pylist()
        for name in ("prompt_chars", "prompt_hash", "script", "tool_calls", "finish_reason", "refused")
    }
    for row, text in texts.items():
        prompt = text.prompt
        columns["prompt_chars"][row] = len(prompt)
        columns["prompt_hash"][row] = prompt_hash(prompt) if prompt else None
        columns["script"][row] = dominant_script(prompt)
        columns["tool_calls"][row] = len(text.tool_calls)
        reasons = [part.finish_reason for part in found[row] if part.finish_reason]
        columns["finish_reason"][row] = columns["finish_reason"][row] or next(iter(reasons), None)
        columns["refused"][row] = columns["refused"][row] or any(part.refused for part in found[row])
    for name, values in columns.items():
        events = _with_column(events, name, values)
    if "text" in events.column_names:
        packed = events["text"].to_pylist()
        for row, text in texts.items():
            packed[row] = _pack(text)
        events = _with_column(events, "text", packed)
    return events


def unpacked(events: pa.Table, rows: Mapping[int, Any]) -> dict[int, EventText]:
    """The texts of some rows of the log."""
    column = events["text"]
    return {row: _unpack_text(column[row].as_py()) for row in rows}


def _joined(before: tuple[Any, ...], more: list[Any]) -> tuple[Any, ...]:
    return (*before, *(item for item in more if item not in before)) if before else tuple(more)


def _with_column(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    field = table.schema.field(name)
    return table.set_column(table.schema.get_field_index(name), field, pa.array(values, field.type))


def _whole(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array

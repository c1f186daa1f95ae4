"""Joins events with what other spans tell of them, at compaction: in the rows that come, and in those the lake has.

Everything here may be done twice: an event that has its address, or a text its messages, stays as it is. So a crash at
any point repeats work and loses none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from stormwatch.events.quarantine import Quarantine
from stormwatch.events.records import EventKeys, EventRecord, arrived, events_batch
from stormwatch.events.span_amendment import amend_lake, in_lake
from stormwatch.events.span_filling import (
    links_of,
    messages_by_span,
    rows_with_messages,
    unpacked,
    with_clients,
    with_messages,
    with_texts,
)
from stormwatch.events.span_waiting import WINDOW_US, Parts, WaitingParts, parts_in_logs, remove
from stormwatch.model.times import MINUTE
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake

_SOURCE: Final = "otlp logs"
_NO_SPAN: Final = f"names no account, and no span to join it to came within {WINDOW_US // MINUTE} minutes"
_unpack_event: Final = msgspec.msgpack.Decoder(EventRecord).decode


class SpanJoin:
    """The joins of one compaction. `now_us` is its time."""

    def __init__(self, lake: Lake, keyring: Keyring, home: Path, now_us: int) -> None:
        self._lake = lake
        self._keyring = keyring
        self._home = home
        self._now_us = now_us
        self._waiting = WaitingParts(waiting_folder(home), keyring)
        before = self._waiting.files()
        self._expired = self._waiting.expired(now_us)
        self._old = self._waiting.read(before)
        self._all = self._old
        self._messages = messages_by_span(self._all.messages)

    def begin(self, logs: Sequence[Path]) -> None:
        """Takes the parts from the logs that are about to be compacted, keeps them, and amends what the lake has."""
        new = parts_in_logs(logs, self._keyring)
        if new.is_empty:
            return
        self._waiting.keep(_to_keep(new, self._old.clients))
        self._all = self._old + new
        self._messages = messages_by_span(self._all.messages)
        amend_lake(self._lake, self._keyring, self._old.links, new)

    def filled(self, events: pa.Table) -> pa.Table:
        """Rows of LOG_EVENTS with what is known of them."""
        rows = links_of(events["key"], self._all.links)
        if rows is None:
            return events
        links = self._all.links.take(rows)
        events = with_clients(events, links["parent"].combine_chunks(), self._all.clients)
        found = rows_with_messages(links["span"], self._messages)
        if not found:
            return events
        texts = {row: with_messages(text, found[row]) for row, text in unpacked(events, found).items()}
        return with_texts(events, texts, found, self._prompt_hash)

    def lone_events(self) -> pa.Table | None:
        """Events of those messages whose span did not come in time; without an account they go to quarantine."""
        if not self._expired:
            return None
        messages = self._waiting.read(self._expired).messages
        if not messages.num_rows:
            return None
        left = messages.filter(pc.invert(in_lake(self._lake, messages["key"], messages["time_us"])))
        self._put_aside(left.filter(pc.is_null(left["alone"])))
        return self._as_events(left.filter(pc.is_valid(left["alone"])))

    def finish(self) -> None:
        """Removes what has waited long enough, after the commit of what became of it."""
        remove(self._expired)

    def _as_events(self, messages: pa.Table) -> pa.Table | None:
        if not messages.num_rows:
            return None
        rows = {row["key"]: row for row in messages.select(["key", "alone", "collector"]).to_pylist()}
        tables = []
        for collector in {row["collector"] for row in rows.values()}:
            records = [_unpack_event(row["alone"]) for row in rows.values() if row["collector"] == collector]
            batch = events_batch(collector, records, EventKeys(self._keyring, collector))
            tables.append(pa.Table.from_batches([arrived(batch, self._now_us, [False] * len(records))]))
        return pa.concat_tables(tables)

    def _put_aside(self, messages: pa.Table) -> None:
        kept = Quarantine(self._home, self._keyring)
        for number, text in enumerate(messages["text"].to_pylist(), 1):
            kept.put(_SOURCE, number, _NO_SPAN, msgspec.json.encode(msgspec.msgpack.decode(text)))
        kept.close()

    def _prompt_hash(self, prompt: str) -> str:
        return self._keyring.keyed_hash("prompt", prompt)


def _to_keep(new: Parts, earlier: pa.Table) -> Parts:
    """The parts without the links that have met all they await."""
    clients = pa.concat_tables([earlier, new.clients])["span"].combine_chunks()
    met = pc.is_in(new.links["parent"], value_set=clients, skip_nulls=True)
    done = pc.and_(pc.is_null(new.links["span"]), met)
    return replace(new, links=new.links.filter(pc.invert(done)))


def waiting_folder(home: Path) -> Path:
    """Where parts wait."""
    return home / "ingest" / "waiting"

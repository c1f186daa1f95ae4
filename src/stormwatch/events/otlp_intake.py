"""Requests of OpenTelemetry's protocol into the store: read, then stored with what is still to be joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stormwatch.events.client_address import NOBODY_TRUSTED, TrustedProxies
from stormwatch.events.otlp_records import OtlpReader, OtlpRecords, RejectedRecord
from stormwatch.events.quarantine import Quarantine
from stormwatch.events.span_parts import SpanParts
from stormwatch.events.store import BATCH_ROWS, AppendReport, EventStore

REASONS_KEPT: Final = 20


@dataclass(frozen=True, slots=True)
class OtlpReport:
    """What became of a request's spans or log records. `ignored` tell of no request to a model and are not kept."""

    accepted: int = 0
    duplicate: int = 0
    conflicting: int = 0
    rejected: int = 0
    ignored: int = 0
    first_reasons: tuple[str, ...] = ()
    quarantine: Path | None = None


class OtlpIntake:
    """Takes requests in. Safe for several threads; one per store."""

    def __init__(self, store: EventStore, proxies: TrustedProxies = NOBODY_TRUSTED) -> None:
        self._store = store
        self._reader = OtlpReader(store.keyring, store.max_record_bytes, store.account_attributes, proxies)

    def traces(self, body: bytes, *, is_json: bool, collector: str, source: str) -> OtlpReport:
        """Takes in an ExportTraceServiceRequest; InvalidInput when it is none, and then nothing was taken in."""
        return self._take(self._reader.traces(body, is_json=is_json), collector, source)

    def logs(self, body: bytes, *, is_json: bool, collector: str, source: str) -> OtlpReport:
        """Takes in an ExportLogsServiceRequest; InvalidInput when it is none, and then nothing was taken in."""
        return self._take(self._reader.logs(body, is_json=is_json), collector, source)

    def _take(self, records: OtlpRecords, collector: str, source: str) -> OtlpReport:
        report = self._stored(collector, records)
        return OtlpReport(
            report.accepted + len(records.parts.messages),
            report.duplicate,
            report.conflicting,
            len(records.rejected),
            records.ignored,
            tuple(item.reason for item in records.rejected[:REASONS_KEPT]),
            self._put_aside(records.rejected, source) if records.rejected else None,
        )

    def _stored(self, collector: str, records: OtlpRecords) -> AppendReport:
        """Stores all; parts go with the first batch, so that they are there no later than what awaits them."""
        events, parts = records.events, records.parts
        report = self._store.append(collector, events[:BATCH_ROWS], parts)
        for start in range(BATCH_ROWS, len(events), BATCH_ROWS):
            more = self._store.append(collector, events[start : start + BATCH_ROWS], SpanParts(awaited=parts.awaited))
            report = AppendReport(
                report.accepted + more.accepted,
                report.duplicate + more.duplicate,
                report.conflicting + more.conflicting,
            )
        return report

    def _put_aside(self, rejected: Sequence[RejectedRecord], source: str) -> Path | None:
        kept = Quarantine(self._store.home, self._store.keyring)
        try:
            for number, item in enumerate(rejected, 1):
                kept.put(source, number, item.reason, item.data)
        finally:
            kept.close()
        return kept.path

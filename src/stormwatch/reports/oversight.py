"""Figures about the operator itself: leads received, transcripts opened, and the ledger that all of it is on."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from stormwatch.ledger.checkpoint import Checkpoint
from stormwatch.model.intel import SourceKind
from stormwatch.reports.figures import Figure, Meaning, Period, overlapping, partition, tally
from stormwatch.reports.sources import Sources
from stormwatch.storage.tables.intel import leads

REVEAL_KIND: Final = "text.revealed"

_LEADS: Final = Meaning(
    name="leads-received",
    title="Leads received",
    unit="leads",
    derivation="oversight.leads_received/1",
    definition="Tips taken in during the period, by the kind of party they came from; who gave them is not told.",
)
_REVEALS: Final = Meaning(
    name="reveals",
    title="Transcripts opened",
    unit="openings",
    derivation="oversight.reveals/1",
    definition="How often a person opened the text of an account's requests. Each opening belongs to a case, has a "
    "reason and is on the ledger.",
)
_LEDGER: Final = Meaning(
    name="ledger",
    title="The ledger",
    unit="entries",
    derivation="oversight.ledger_entries/1",
    definition="Entries of the append-only ledger when the report was built, over all time. They are not about the "
    "period and not about account holders, so nothing is suppressed.",
)


def oversight_figures(sources: Sources, period: Period, checkpoint: Checkpoint) -> tuple[Figure, ...]:
    """The figures of the period about the operator's own work, nothing suppressed yet."""
    return leads_received(sources, period), reveals(sources, period), ledger_entries(checkpoint)


def leads_received(sources: Sources, period: Period) -> Figure:
    """Leads by kind of source; other columns of the lead are not read."""
    query = select(leads.c.source_kind).where(leads.c.received_us >= period.from_us, leads.c.received_us < period.to_us)
    with sources.database.read() as connection:
        observed = list(connection.execute(query).scalars())
    return partition(_LEADS, tally([kind.value for kind in SourceKind], observed))


def reveals(sources: Sources, period: Period) -> Figure:
    """Openings of transcripts as the ledger has them."""
    entries = sources.ledger.entries(kind=REVEAL_KIND)
    count = sum(period.from_us <= entry.time_us < period.to_us for entry in entries)
    return overlapping(_REVEALS, {"transcripts opened": count})


def ledger_entries(checkpoint: Checkpoint) -> Figure:
    """The size of the ledger at the checkpoint that the report carries."""
    return overlapping(_LEDGER, {"entries": checkpoint.size}, guarded=False)

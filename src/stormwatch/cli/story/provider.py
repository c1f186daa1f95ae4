"""The made-up provider of the demo, and how its traffic and its partners' knowledge come in."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from stormwatch.events.ingest import IngestReport, ingest_file
from stormwatch.intel.import_report import ImportReport
from stormwatch.intel.importing import import_file
from stormwatch.intel.leads import add_lead, new_lead_id
from stormwatch.model.intel import PAP, TLP, AdmiraltyGrade, Lead, SourceKind
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.model.principal import Principal
from stormwatch.model.progress import ProgressReport
from stormwatch.model.times import now_us, to_us
from stormwatch.runtime import Runtime
from stormwatch.simulate.knobs import Knobs
from stormwatch.simulate.world import DAYS, WorldReport, make_world

ACCOUNTS: Final = 3_000
EVENTS: Final = 40_000
_SEED: Final = 2
COLLECTOR: Final = "gateway"


def recent_weeks(now: datetime) -> int:
    """The Monday (microseconds) from which four whole weeks lie behind us: leads and reports are about the present."""
    monday = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=now.weekday())
    return to_us(monday - timedelta(days=DAYS))


def make_provider(folder: Path, progress: ProgressReport) -> WorldReport:
    """The demo's world: small, seeded, its dates moved to the last four whole weeks."""
    knobs = Knobs(start_us=recent_weeks(datetime.now(UTC)), reuse_device=0.8, reuse_payment=0.6, intel_known=0.6)
    return make_world(
        folder,
        accounts=ACCOUNTS,
        events=EVENTS,
        seed=_SEED,
        knobs=knobs,
        progress=lambda done, total: progress("make up traffic", done, total),
    )


def take_in(runtime: Runtime, world: Path, progress: ProgressReport) -> tuple[IngestReport, ...]:
    """Account records and requests into the store; only what a provider has, never the truth."""
    reports = tuple(
        ingest_file(
            runtime.events,
            world / name,
            collector=COLLECTOR,
            progress=lambda done, total, name=name: progress(f"ingest {name}", done, total),  # type: ignore[misc]
        )
        for name in ("accounts.ndjson.zst", "events.ndjson.zst")
    )
    runtime.events.compact()
    return reports


def take_intel(runtime: Runtime, world: Path) -> tuple[ImportReport, ...]:
    """The partners' bundle and the lists of what many share."""
    files = (world / "intel.stix.json", *sorted(world.glob("shared-*.json")))
    return tuple(import_file(runtime.database, file, ledger=runtime.ledger) for file in files)


def take_lead(runtime: Runtime, world: Path, by: Principal) -> Lead:
    """The peer's lead, typed in by the analyst."""
    said = json.loads((world / "lead.json").read_text(encoding="utf-8"))
    lead = Lead(
        lead_id=new_lead_id(),
        title=said["title"],
        source=said["source"],
        source_kind=SourceKind(said["source_kind"]),
        grade=AdmiraltyGrade.parse(said["grade"]),
        tlp=TLP(said["tlp"]),
        pap=PAP(said["pap"]),
        received_us=now_us(),
        permitted_use=said["permitted_use"],
        actor=said["actor"],
        observables=tuple(Observable(ObservableKind(one["kind"]), one["value"]) for one in said["observables"]),
    )
    person = by.person
    assert person is not None
    return add_lead(runtime.database, runtime.ledger, lead, person.person_id)

"""A case, its evidence file, the lake and the lists into the material of a bundle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from stormwatch.actions.execution import list_actions
from stormwatch.cases.account_facts import techniques_seen
from stormwatch.cases.evidence_file import EvidenceFile, build_evidence_file
from stormwatch.cases.findings import rows_where
from stormwatch.cases.queue import get_case
from stormwatch.intel.indicators import load_indicators
from stormwatch.intel.shared_infrastructure import SharedInfrastructure
from stormwatch.model.intel import Indicator
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.sharing.material import CaseMaterial, SeenObservable
from stormwatch.stix.markings import strictness
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake

_ARTEFACT = "artefact"
_KINDS = frozenset(kind.value for kind in ObservableKind)


def gather(
    database: Database,
    lake: Lake,
    case_id: str,
    actor_names: Mapping[str, tuple[str, ...]],
    name_conflicts: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> CaseMaterial:
    """Everything of a case that a bundle may carry.

    By the ids of tracked actors: `actor_names` are their names, `name_conflicts` what public sources disagree about.
    """
    case = get_case(database, case_id)
    file = build_evidence_file(lake, database, case)
    spans = [(entry.facts.first_us, entry.facts.last_us) for entry in file.accounts]
    firsts = [first for first, _ in spans if first is not None] or [case.opened_us]
    lasts = [last for _, last in spans if last is not None] or [case.updated_us]
    return CaseMaterial(
        case=case,
        hypotheses=file.hypotheses,
        confidence=file.confidence,
        calibrated_on=file.calibrated_on,
        first_us=min(firsts),
        last_us=max(lasts),
        events=sum(entry.facts.events for entry in file.accounts),
        techniques=techniques_seen(lake, case.account_ids),
        observables=_observables(database, lake, file),
        actions=list_actions(database, case_id=case_id),
        actor_names=actor_names,
        name_conflicts=name_conflicts,
    )


def _observables(database: Database, lake: Lake, file: EvidenceFile) -> tuple[SeenObservable, ...]:
    """Observables that hit an indicator on these accounts, and artefacts that two of them share."""
    known = {indicator.indicator_id: indicator for indicator in load_indicators(database)}
    sightings: dict[Observable, list[int]] = {}
    sources: dict[Observable, list[Indicator]] = {}
    columns = ["account_id", "time_us", "observable_kind", "observable_value", "indicator_id"]
    for row in rows_where(lake, "detections", "account_id", file.case.account_ids, columns):
        indicator = known.get(row["indicator_id"] or "")
        if indicator is not None:
            sightings.setdefault(indicator.observable, []).append(row["time_us"])
            sources.setdefault(indicator.observable, []).append(indicator)
    pasted = _pasted_by(lake, file.case.account_ids, _linked_artefacts(file))
    for observable, times in pasted.items():
        sightings.setdefault(observable, []).extend(times)
    shared = SharedInfrastructure.load(database)
    return tuple(
        _seen(observable, times, sources.get(observable, ()), shared) for observable, times in sorted(sightings.items())
    )


def _seen(
    observable: Observable, times: Iterable[int], sources: Iterable[Indicator], shared: SharedInfrastructure
) -> SeenObservable:
    moments = sorted(times)
    said = list(sources)
    stated = [one.confidence for one in said if one.confidence is not None]
    return SeenObservable(
        observable=observable,
        first_us=moments[0],
        last_us=moments[-1],
        tlp=max((one.tlp for one in said), key=strictness, default=None),
        confidence=max(stated, default=None),
        shared_lists=tuple(match.name for match in shared.matches(observable)),
    )


def _linked_artefacts(file: EvidenceFile) -> frozenset[Observable]:
    found: set[Observable] = set()
    for link in file.links:
        for piece in link.evidence:
            if piece.identifier_kind == _ARTEFACT:
                found.update(one for value in piece.shared_values if (one := _artefact(value)) is not None)
    return frozenset(found)


def _artefact(text: str) -> Observable | None:
    kind, space, value = text.partition(" ")
    if not space or kind not in _KINDS:
        return None
    return Observable(ObservableKind(kind), value)


def _pasted_by(
    lake: Lake, account_ids: tuple[str, ...], wanted: frozenset[Observable]
) -> Mapping[Observable, list[int]]:
    times: dict[Observable, list[int]] = {}
    rows: Iterable[Mapping[str, Any]] = (
        rows_where(lake, "observables", "account_id", account_ids, ["account_id", "time_us", "kind", "value"])
        if wanted
        else ()
    )
    for row in rows:
        if row["kind"] in _KINDS:
            observable = Observable(ObservableKind(row["kind"]), row["value"])
            if observable in wanted:
                times.setdefault(observable, []).append(row["time_us"])
    return times

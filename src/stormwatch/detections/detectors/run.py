"""All detectors over the window: `findings` with their words, and the same as rows of `detections`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyarrow as pa

from stormwatch.detections.detectors.account_farm import AccountFarmDetector
from stormwatch.detections.detectors.account_resale import AccountResaleDetector
from stormwatch.detections.detectors.autonomous_workflow import AutonomousWorkflowDetector
from stormwatch.detections.detectors.finding import RULE_PREFIX, Detector, Finding
from stormwatch.detections.detectors.key_misuse import KeyMisuseDetector
from stormwatch.detections.detectors.machine_tempo import MachineTempoDetector
from stormwatch.detections.detectors.refusal_and_retry import RefusalAndRetryDetector
from stormwatch.detections.detectors.settings import AllSettings, DetectorSettings
from stormwatch.detections.detectors.template_population import TemplatePopulationDetector
from stormwatch.detections.rows import DetectionRows
from stormwatch.detections.run import DETECTOR_MARKS
from stormwatch.model.detection import DetectionKind
from stormwatch.storage.engine import QueryEngine
from stormwatch.storage.lake import Lake, LakeChange
from stormwatch.storage.schemas import FINDINGS

_ORDER: Final = ("detector", "account_id")


def registry(settings: AllSettings) -> tuple[Detector, ...]:
    """Every detector; a new one is a file, its thresholds in data/detectors.yaml, and a line here."""
    return (
        MachineTempoDetector(settings.machine_tempo),
        AutonomousWorkflowDetector(settings.autonomous_workflow),
        RefusalAndRetryDetector(settings.refusal_and_retry),
        TemplatePopulationDetector(settings.template_population),
        KeyMisuseDetector(settings.key_misuse),
        AccountFarmDetector(settings.account_farm),
        AccountResaleDetector(settings.account_resale),
    )


def run_detectors(engine: QueryEngine, lake: Lake, settings: AllSettings) -> int:
    """Replaces what detectors wrote before by what they find in the views; gives the number of findings."""
    found = [(detector, list(detector.find(engine))) for detector in registry(settings)]
    findings = pa.concat_tables([FINDINGS.empty_table(), *(_rows(detector, seen) for detector, seen in found)])
    findings = findings.sort_by([(name, "ascending") for name in _ORDER])
    detections = DetectionRows()
    for detector, seen in found:
        for finding in seen:
            _add(detections, detector.name, detector.settings, finding)
    old = [file for file in lake.files("detections") if file.marks == DETECTOR_MARKS]
    lake.commit(
        LakeChange(
            replace={"findings": (lake.write("findings", findings),)},
            add={"detections": (lake.write("detections", detections.table(), marks=DETECTOR_MARKS),)},
            drop=frozenset(file.path for file in old),
        )
    )
    return sum(len(seen) for _, seen in found)


def _rows(detector: Detector, findings: Sequence[Finding]) -> pa.Table:
    rows = [
        {
            "detector": detector.name,
            "version": detector.settings.version,
            "account_id": finding.account_id,
            "event_id": finding.event_id,
            "time_us": finding.time_us,
            "score": finding.score,
            "level": finding.level,
            "summary": finding.summary,
            "innocent_explanation": detector.settings.innocent,
        }
        for finding in findings
    ]
    return pa.Table.from_pylist(rows, schema=FINDINGS)


def _add(detections: DetectionRows, name: str, settings: DetectorSettings, finding: Finding) -> None:
    detections.add(
        event_id=finding.event_id,
        account_id=finding.account_id,
        time_us=finding.time_us,
        rule_id=RULE_PREFIX + name,
        rule_version=settings.version,
        kind=DetectionKind.DETECTOR.value,
        techniques=list(settings.techniques),
        score=round(finding.score, 4),
        shadow=False,
    )

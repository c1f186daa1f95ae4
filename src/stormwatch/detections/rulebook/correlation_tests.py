"""The scenes beside each correlation (`NAME.tests.yaml`): a few events in order of time that must fire it, or not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stormwatch.detections.correlations.correlating_batch import correlate_all
from stormwatch.detections.correlations.correlation import CLUSTER, Correlation, RuleHit, fields_of
from stormwatch.detections.rulebook.rule_tests import event_fault, event_of, listed_items, missing_kinds, read_tests
from stormwatch.detections.rulebook.rules import RulePack
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.sigma.event_fields import EVENT_FIELDS
from stormwatch.detections.sigma.problems import RuleProblem, error_at
from stormwatch.detections.text.normalise import TEXT_FIELDS
from stormwatch.model.event import EventText
from stormwatch.model.times import DAY, HOUR, MINUTE, SECOND

_IDENTIFIERS: Final = (
    *("account_id", "session_id", "api_key_id", "org_id", "end_user_id", "device_id", "country", "asn", CLUSTER),
)
_KEYS: Final = frozenset({"at", *TEXT_FIELDS, *EVENT_FIELDS, *_IDENTIFIERS})
_UNITS: Final = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_AT: Final = re.compile(r"(\d+)([smhd])")
_REMEDY: Final = "a scene holds why and events; each event at (such as 90s or 5m), texts, fields and identifiers"


@dataclass(frozen=True, slots=True)
class SceneEvent:
    """One event of a scene."""

    time_us: int
    text: EventText
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scene:
    """Some events, and whether the correlation must fire on them."""

    why: str
    events: tuple[SceneEvent, ...]
    must_fire: bool
    path: Path
    line: int


@dataclass(frozen=True, slots=True)
class SceneResult:
    """What the scenes beside one correlation said."""

    correlation: Correlation
    matching: int
    near_misses: int
    failures: tuple[str, ...]
    problems: tuple[RuleProblem, ...]


def run_scenes(pack: RulePack, *, kept_in: Path | None = None) -> tuple[SceneResult, ...]:
    """Plays the scenes of every correlation of a pack with the pack's rules."""
    if not pack.correlations:
        return ()
    ruleset = RuleSet(pack.rules, pack.correlations, kept_in=kept_in)
    return tuple(_run(correlation, ruleset) for correlation in pack.correlations)


def _run(correlation: Correlation, ruleset: RuleSet) -> SceneResult:
    scenes, problems = read_scenes(correlation)
    failures = tuple(
        f"{scene.path}:{scene.line}: {correlation.title!r} "
        f"{'did not fire on a scene that it must' if scene.must_fire else 'fired on a scene that only comes near'} "
        f"({scene.why})"
        for scene in scenes
        if _fires(correlation, scene, ruleset) is not scene.must_fire
    )
    matching = sum(scene.must_fire for scene in scenes)
    return SceneResult(correlation, matching, len(scenes) - matching, failures, tuple(problems))


def _fires(correlation: Correlation, scene: Scene, ruleset: RuleSet) -> bool:
    wanted = (*fields_of(ruleset.correlations), CLUSTER)
    hits = [
        RuleHit(
            event.time_us,
            f"event-{number}",
            str(event.fields.get("account_id", "account")),
            hit.rule.rule_id,
            {"account_id": "account", **{name: event.fields[name] for name in wanted if name in event.fields}},
        )
        for number, event in enumerate(scene.events)
        for hit in ruleset.scan(event.text, event.fields)
    ]
    return any(firing.correlation_id == correlation.rule_id for firing in correlate_all(ruleset.correlations, hits))


def read_scenes(correlation: Correlation) -> tuple[list[Scene], list[RuleProblem]]:
    """The scenes beside a correlation, and what is wrong with their file; both kinds have to be there."""
    documents, problems = read_tests(correlation)
    scenes: list[Scene] = []
    for path, document in documents:
        for item, must_fire, line in listed_items(path, document, problems):
            fault = _scene_fault(item)
            if fault:
                problems.append(error_at(path, line, fault, _REMEDY))
            else:
                events = tuple(_event(one) for one in item["events"])
                scenes.append(Scene(str(item.get("why", "")), events, must_fire, path, line))
    if documents:
        problems += missing_kinds(documents[0], [scene.must_fire for scene in scenes])
    return scenes, problems


def _scene_fault(item: Any) -> str | None:
    if not isinstance(item, dict) or set(item) - {"why", "events"}:
        return "a scene is a mapping of why and events"
    events = item.get("events")
    if not isinstance(events, list) or not events:
        return "a scene needs events"
    return next((fault for one in events if (fault := _event_fault(one))), None)


def _event_fault(item: Any) -> str | None:
    fault = event_fault(item, _KEYS, said=False)
    if fault is None and not _AT.fullmatch(str(item.get("at", "0s"))):
        return f"{item['at']!r} is no time within a scene"
    return fault


def _event(item: Mapping[str, Any]) -> SceneEvent:
    number, unit = _AT.fullmatch(str(item.get("at", "0s"))).groups()  # type: ignore[union-attr]
    text, fields = event_of(item)
    fields.update({name: item[name] for name in _IDENTIFIERS if name in item})
    return SceneEvent(int(number) * _UNITS[unit], text, fields)


def failures_of(results: Sequence[SceneResult]) -> list[str]:
    """All that went against what is written."""
    return [failure for result in results for failure in result.failures]

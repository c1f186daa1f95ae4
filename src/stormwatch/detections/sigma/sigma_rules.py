"""One located YAML document to a rule or a filter of rules; every fault with its line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sigma.exceptions import SigmaError
from sigma.filters import SigmaFilter
from sigma.policy.profiles import TrustedPolicy
from sigma.rule import SigmaRule

from stormwatch.detections.sigma.conditions import Condition, asks_for_something
from stormwatch.detections.sigma.patterns import UnsupportedValue
from stormwatch.detections.sigma.problems import RuleProblem, error_at, warning_at
from stormwatch.detections.sigma.rule import LEVEL_SCORES, Rule
from stormwatch.detections.sigma.rule_versions import version_of
from stormwatch.detections.sigma.sigma_conditions import condition_of
from stormwatch.detections.sigma.sigma_fields import (
    FILTER_KEYS,
    FILTER_REQUIRED,
    Fault,
    detection_faults,
    head_faults,
    logsource_faults,
    mapping_faults,
    missing_advice,
)
from stormwatch.model.located_yaml import LocatedDocument

# What pySigma may raise: it trusts types, so any of these may come of a value that it did not expect.
SIGMA_FAULTS: Final = (
    SigmaError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    ValueError,
    RecursionError,
)
_VERSIONED: Final = ("id", "detection", "tags", "level", "topic", "shadow")
_FRAMEWORKS: Final = ("llm", "attack", "atlas")
# The part of pySigma's error name that tells which key it is about.
_KEY_OF_ERROR: Final = (
    ("Identifier", ("id",)),
    ("Status", ("status",)),
    ("Level", ("level",)),
    ("Tag", ("tags",)),
    ("Date", ("date",)),
    ("Modified", ("modified",)),
    ("Title", ("title",)),
    ("Author", ("author",)),
    ("Description", ("description",)),
    ("References", ("references",)),
    ("FalsePositives", ("falsepositives",)),
    ("Logsource", ("logsource",)),
    ("Condition", ("detection", "condition")),
)


@dataclass(frozen=True, slots=True)
class RuleFilter:
    """A condition that narrows the rules it names (by id or name), or all of them."""

    filter_id: str
    version: str
    rules: frozenset[str] | None
    condition: Condition
    path: Path
    line: int

    def applies_to(self, rule: Rule) -> bool:
        """Whether the filter names the rule."""
        return self.rules is None or rule.rule_id in self.rules or (rule.name is not None and rule.name in self.rules)


def read_rule(path: Path, document: LocatedDocument) -> list[Rule | RuleProblem]:
    """The rule of a document and advice on it, or what is wrong."""
    faults = located(path, document, mapping_faults(document))
    if faults:
        return [*faults]
    try:
        # pySigma's other engine, RE2, writes a pattern that it refuses to stderr, raw. Neither engine ever runs it.
        sigma = SigmaRule.from_dict(document.value, collect_errors=True, policy=TrustedPolicy)
        if sigma.errors:
            return [sigma_error(path, document, error) for error in sigma.errors]
        condition = condition_of(sigma.detection.parsed_condition[0].parsed)
    except SIGMA_FAULTS as error:
        return [sigma_error(path, document, error)]
    except UnsupportedValue as error:
        return [error_at(path, document.line_of("detection"), str(error), "change the value")]
    if not asks_for_something(condition):
        what = "the condition can hold where nothing is there (a pure negation): it would fit nearly every request"
        line = document.line_of("detection", "condition")
        return [error_at(path, line, what, "demand at least one positive match, on a text or a field")]
    advice = [
        warning_at(path, document.line_of(*place), what, remedy) for place, what, remedy in missing_advice(document)
    ]
    return [*advice, _rule(path, document, sigma, condition)]


def _rule(path: Path, document: LocatedDocument, sigma: SigmaRule, condition: Condition) -> Rule:
    shadow = document.value.get("shadow", False)
    return Rule(
        rule_id=str(sigma.id),
        rule_version=version_of(document.value, _VERSIONED),
        title=sigma.title,
        description=str(sigma.description or ""),
        status=str(sigma.status or "experimental").lower(),
        level=level_of(document.value),
        techniques=techniques_of(document.value),
        condition=condition,
        path=path,
        line=document.line,
        name=str(sigma.name) if sigma.name else None,
        topic=document.value.get("topic"),
        shadow=shadow,
        declared_shadow=shadow,
        references=tuple(sigma.references),
        falsepositives=tuple(sigma.falsepositives),
    )


def read_filter(path: Path, document: LocatedDocument) -> list[RuleFilter | RuleProblem]:
    """The filter of a document, or what is wrong."""
    value = document.value
    section = value.get("filter")
    faults: list[Fault] = [
        *head_faults(value, FILTER_KEYS, FILTER_REQUIRED),
        *logsource_faults(value),
        *detection_faults("filter", section, besides=("rules",)),
    ]
    if faults:
        return [*located(path, document, faults)]
    try:
        sigma = SigmaFilter.from_dict(value, collect_errors=True, policy=TrustedPolicy)
        if sigma.errors:
            return [sigma_error(path, document, error) for error in sigma.errors]
        condition = condition_of(sigma.filter.parsed_condition[0].parsed)
    except (*SIGMA_FAULTS, UnsupportedValue) as error:
        return [error_at(path, document.line_of("filter"), str(error), "see Sigma filters")]
    named = sigma.filter.rules
    rules = None if isinstance(named, str) else frozenset(str(one.reference) for one in named)
    version = version_of(value, ("id", "filter"))
    return [RuleFilter(str(sigma.id), version, rules, condition, path, document.line)]


def located(path: Path, document: LocatedDocument, faults: Any) -> list[RuleProblem]:
    """Faults with the lines of their places."""
    return [error_at(path, document.line_of(*place), what, remedy) for place, what, remedy in faults]


def level_of(document: Mapping[str, Any]) -> str:
    """The level of a rule; one that is not known counts as low."""
    level = str(document["level"]).lower()
    return level if level in LEVEL_SCORES else "low"


def techniques_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """`llm.02` is LLM-02, `attack.t1059` T1059, `atlas.aml.t0016.002` AML.T0016.002: as their frameworks write them.

    Tags of other namespaces name no technique.
    """
    names = []
    for tag in map(str, document["tags"]):
        namespace, _, name = tag.partition(".")
        if namespace in _FRAMEWORKS:
            names.append(f"LLM-{name}" if namespace == "llm" else name.upper())
    return tuple(names)


def sigma_error(path: Path, document: LocatedDocument, error: Exception) -> RuleProblem:
    """What pySigma says, at the line of the key that it is about."""
    name = type(error).__name__
    place = next((place for part, place in _KEY_OF_ERROR if part in name), ("detection",))
    return error_at(path, document.line_of(*place), str(error), "see the Sigma specification")

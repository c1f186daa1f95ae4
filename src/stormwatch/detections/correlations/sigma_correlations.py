"""A located YAML document to a correlation, tied to the rules it names; every fault with its line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, cast

from sigma.correlations import (
    CorrelationConditionAND,
    CorrelationConditionNOT,
    SigmaCorrelationCondition,
    SigmaCorrelationRule,
    SigmaExtendedCorrelationCondition,
    SigmaRuleReference,
)
from sigma.policy.profiles import TrustedPolicy

from stormwatch.detections.correlations.correlation import (
    ACCOUNT,
    CLUSTER,
    Correlation,
    CorrelationType,
    Expression,
    Member,
    Threshold,
)
from stormwatch.detections.sigma.event_fields import FIELD_KINDS, WHO_YOU_ARE, FieldKind
from stormwatch.detections.sigma.problems import RuleProblem, error_at, warning_at
from stormwatch.detections.sigma.rule import Rule
from stormwatch.detections.sigma.rule_versions import combined_version, version_of
from stormwatch.detections.sigma.sigma_fields import (
    CORRELATION_KEYS,
    CORRELATION_REQUIRED,
    Fault,
    head_faults,
    missing_advice,
)
from stormwatch.detections.sigma.sigma_rules import SIGMA_FAULTS, level_of, located, sigma_error, techniques_of
from stormwatch.model.located_yaml import LocatedDocument, Place
from stormwatch.model.times import SECOND

_VERSIONED: Final = ("id", "correlation", "tags", "level", "topic", "shadow")
_IDENTIFIERS: Final = (
    ACCOUNT,
    "session_id",
    "api_key_id",
    "source_ip",
    "org_id",
    "end_user_id",
    "device_id",
    "tls_fingerprint",
)
_GROUPS: Final = (*_IDENTIFIERS, CLUSTER)
_VALUES: Final = (*_IDENTIFIERS, *(name for name in FIELD_KINDS if name not in ("time", "source_ip")))
_NUMBERS: Final = tuple(name for name, kind in FIELD_KINDS.items() if kind is FieldKind.NUMBER)
_TEMPORAL: Final = (CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED)
_LONGEST_SPAN_SECONDS: Final = 366 * 86_400
_ABOUT_PEOPLE: Final = tuple(name for name in WHO_YOU_ARE if name not in _IDENTIFIERS)


@dataclass(frozen=True, slots=True)
class CorrelationDraft:
    """A correlation whose rules are still names."""

    sigma: SigmaCorrelationRule
    path: Path
    document: LocatedDocument
    references: tuple[str, ...]

    @property
    def rule_id(self) -> str:
        """Its id."""
        return str(self.sigma.id)

    @property
    def names(self) -> tuple[str, ...]:
        """What other correlations may call it."""
        return (self.rule_id, str(self.sigma.name)) if self.sigma.name else (self.rule_id,)

    def fault(self, key: str, what: str, remedy: str) -> RuleProblem:
        """A problem at one key below `correlation`."""
        return error_at(self.path, self.document.line_of("correlation", key), what, remedy)


def read_correlation(path: Path, document: LocatedDocument) -> list[CorrelationDraft | RuleProblem]:
    """The correlation of a document and advice on it, or what is wrong."""
    value = document.value
    faults = [*head_faults(value, CORRELATION_KEYS, CORRELATION_REQUIRED), *_shape_faults(value.get("correlation"))]
    if faults:
        return [*located(path, document, faults)]
    try:
        sigma = SigmaCorrelationRule.from_dict(value, collect_errors=True, policy=TrustedPolicy)
    except SIGMA_FAULTS as error:
        return [error_at(path, document.line_of("correlation"), str(error), "see Sigma correlations")]
    if sigma.errors:
        return [sigma_error(path, document, error) for error in sigma.errors]
    if sigma.rules is not None:
        named = tuple(reference.reference for reference in sigma.rules)
    else:
        named = tuple(cast("SigmaExtendedCorrelationCondition", sigma.condition).get_referenced_rules())
    draft = CorrelationDraft(sigma, path, document, named)
    faults = list(_meaning_faults(draft))
    advice = [warning_at(path, document.line_of(*at), what, remedy) for at, what, remedy in missing_advice(document)]
    return [*located(path, document, faults)] or [*advice, draft]


_KEYS: Final = frozenset({"type", "rules", "group-by", "timespan", "condition", "aliases", "generate"})


def _shape_faults(section: Any) -> Iterator[Fault]:
    if not isinstance(section, Mapping):
        yield ("correlation",), "the correlation is no mapping", "see Sigma correlations"
        return
    for key in sorted(map(str, set(section) - _KEYS)):
        yield ("correlation", key), f"unknown key {key!r}", f"use one of {', '.join(sorted(_KEYS))}"
    if not isinstance(section.get("type"), str) or section["type"] not in {str(kind) for kind in CorrelationType}:
        yield ("correlation", "type"), "this is no type of correlation", f"use one of {', '.join(CorrelationType)}"
    rules = section.get("rules")
    if not (rules is None or isinstance(rules, str) or (isinstance(rules, list) and all(map(_is_text, rules)))):
        yield ("correlation", "rules"), "rules is no list of ids or names", "write the ids or names of rules"


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _meaning_faults(draft: CorrelationDraft) -> Iterator[Fault]:
    sigma = draft.sigma
    if not draft.references:
        yield _below("rules"), "the correlation names no rule", "name at least one"
    if not sigma.group_by:
        yield (
            _below("group-by"),
            "without group-by whoever came last would be blamed for all",
            f"use {', '.join(_GROUPS)}",
        )
    if sigma.timespan.seconds > _LONGEST_SPAN_SECONDS:
        yield _below("timespan"), "the timespan is longer than a year", "write a shorter one"
    aliases = {alias.alias: tuple(alias.mapping.values()) for alias in sigma.aliases}
    for name in sigma.group_by or ():
        for field in aliases.get(name, (name,)):
            yield from _field_faults("group-by", field, _GROUPS)
    kind = CorrelationType(sigma.type.name.lower())
    values = _value_fields(draft)
    for name in values:
        for field in aliases.get(name, (name,)):
            yield from _field_faults("condition", field, _VALUES if kind is CorrelationType.VALUE_COUNT else _NUMBERS)
    if len(values) > 1 and kind is not CorrelationType.VALUE_COUNT:
        yield _below("condition"), f"{kind} measures one field", "name one"
    yield from _condition_faults(sigma, kind, len(draft.references))


def _below(key: str) -> Place:
    return "correlation", key


def _field_faults(key: str, field: str, allowed: Sequence[str]) -> Iterator[Fault]:
    if field in _ABOUT_PEOPLE:
        what = f"a correlation may not ask for {field!r}: who somebody is says nothing about conduct"
        yield ("correlation", key), what, "ask for conduct"
    elif field not in allowed:
        yield ("correlation", key), f"{field!r} cannot be used here", f"use one of {', '.join(allowed)}"


def _condition_faults(sigma: SigmaCorrelationRule, kind: CorrelationType, rules: int) -> Iterator[Fault]:
    place = ("correlation", "condition")
    condition = sigma.condition
    if isinstance(condition, SigmaExtendedCorrelationCondition):
        if kind is CorrelationType.TEMPORAL_ORDERED and not _is_plain(condition.parsed):
            yield place, "or and not have no meaning in an order", "write temporal, or rules joined by and"
        if not _positive(condition.parsed):
            yield place, "the condition can hold where nothing was seen", "demand at least one rule"
        return
    if condition.fieldref is not None and kind in (*_TEMPORAL, CorrelationType.EVENT_COUNT):
        yield place, f"{kind} measures no field", "leave the field out"
    percentile = condition.percentile
    if percentile is not None and (kind is not CorrelationType.VALUE_PERCENTILE or not 0 <= percentile <= 100):
        yield place, "percentile is a number from 0 to 100 of value_percentile", "correct it or leave it out"
    if kind is CorrelationType.TEMPORAL_ORDERED and (condition.op.name.lower(), condition.count) not in (
        ("gte", rules),
        ("eq", rules),
    ):
        yield place, "an order is of all its rules", "leave the condition out"


def _is_plain(node: Any) -> bool:
    if isinstance(node, SigmaRuleReference):
        return True
    return isinstance(node, CorrelationConditionAND) and all(map(_is_plain, node.args))


def _positive(node: Any) -> bool:
    if isinstance(node, SigmaRuleReference):
        return True
    if isinstance(node, CorrelationConditionNOT):
        return False
    combine = any if isinstance(node, CorrelationConditionAND) else all
    return combine(_positive(argument) for argument in node.args)


def _value_fields(draft: CorrelationDraft) -> tuple[str, ...]:
    named = getattr(draft.sigma.condition, "fieldref", None)
    return (named,) if isinstance(named, str) else tuple(map(str, named or ()))


Known = Callable[[str], Rule | Correlation | None]


def resolve(draft: CorrelationDraft, known: Known) -> Correlation | RuleProblem:
    """The correlation over the rules and correlations that its names stand for."""
    members: list[Rule | Correlation] = []
    for reference in draft.references:
        found = known(reference)
        if found is None:
            return draft.fault("rules", f"no rule has the id or name {reference!r}", "name a rule of this pack")
        members.append(found)
    sigma, value = draft.sigma, draft.document.value
    groups = sorted(sigma.group_by or (), key=lambda name: name != ACCOUNT)
    aliases = {alias.alias: _fields_by_rule(alias.mapping, known) for alias in sigma.aliases}
    made = tuple(
        Member(
            one.rule_id,
            tuple(aliases.get(name, {}).get(one.rule_id, name) for name in groups),
            tuple(aliases.get(name, {}).get(one.rule_id, name) for name in _value_fields(draft)),
        )
        for one in members
    )
    unmapped = [name for one in made for name in (*one.group_fields, *one.value_fields) if name in aliases]
    if unmapped:
        return draft.fault("aliases", f"the alias {unmapped[0]!r} lacks one of the rules", "name a field for each rule")
    declared = value.get("shadow", False)
    return Correlation(
        rule_id=draft.rule_id,
        rule_version=combined_version(version_of(value, _VERSIONED), (one.rule_version for one in members)),
        title=sigma.title,
        description=str(sigma.description or ""),
        status=str(sigma.status or "experimental").lower(),
        level=level_of(value),
        techniques=techniques_of(value),
        path=draft.path,
        line=draft.document.line,
        type=CorrelationType(sigma.type.name.lower()),
        members=made,
        group_by=tuple(groups),
        timespan_us=sigma.timespan.seconds * SECOND,
        condition=_condition(draft),
        percentile=_percentile(sigma.condition),
        generate=sigma.generate,
        name=str(sigma.name) if sigma.name else None,
        topic=value.get("topic") or next((one.topic for one in members if one.topic), None),
        shadow=declared or any(_on_trial(one) for one in members),
        declared_shadow=declared,
        by_cluster=any(CLUSTER in one.group_fields for one in made)
        or any(isinstance(one, Correlation) and one.by_cluster for one in members),
        references=tuple(sigma.references),
        falsepositives=tuple(sigma.falsepositives),
    )


def _percentile(condition: SigmaCorrelationCondition | SigmaExtendedCorrelationCondition) -> int:
    stated = condition.percentile if isinstance(condition, SigmaCorrelationCondition) else None
    return 50 if stated is None else stated


def _on_trial(member: Rule | Correlation) -> bool:
    return member.declared_shadow if isinstance(member, Rule) else member.shadow


def _fields_by_rule(mapping: Mapping[Any, str], known: Known) -> dict[str, str]:
    found = ((known(reference.reference), field) for reference, field in mapping.items())
    return {rule.rule_id: field for rule, field in found if rule is not None}


def _condition(draft: CorrelationDraft) -> Threshold | Expression:
    condition = draft.sigma.condition
    if isinstance(condition, SigmaCorrelationCondition):
        bound = Fraction(str(condition.count))
        op = cast("Any", condition.op.name.lower())
        return Threshold(op, bound.numerator if bound.denominator == 1 else bound)
    return _expression(condition.parsed, draft.references)


def _expression(node: Any, references: tuple[str, ...]) -> Expression:
    if isinstance(node, SigmaRuleReference):
        return Expression("rule", references.index(node.reference))
    op = {CorrelationConditionAND: "and", CorrelationConditionNOT: "not"}.get(type(node), "or")
    return Expression(cast("Any", op), parts=tuple(_expression(argument, references) for argument in node.args))

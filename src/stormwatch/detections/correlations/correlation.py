"""A correlation as the watch floor runs it: which rules, grouped by what, within how long, and when it holds."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

from stormwatch.detections.sigma.rule import score_of

CLUSTER: Final = "cluster"
ACCOUNT: Final = "account_id"


_OPERATORS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
    "eq": operator.eq,
    "neq": operator.ne,
}


class CorrelationType(StrEnum):
    """The correlation types of Sigma."""

    EVENT_COUNT = "event_count"
    VALUE_COUNT = "value_count"
    TEMPORAL = "temporal"
    TEMPORAL_ORDERED = "temporal_ordered"
    VALUE_SUM = "value_sum"
    VALUE_AVG = "value_avg"
    VALUE_PERCENTILE = "value_percentile"
    VALUE_MEDIAN = "value_median"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A comparison with a bound, exact: decimal fractions are read as written."""

    op: Literal["lt", "lte", "gt", "gte", "eq", "neq"]
    bound: int | Fraction

    def holds(self, value: int | Fraction) -> bool:
        """Whether a value satisfies it."""
        return bool(_OPERATORS[self.op](value, self.bound))


@dataclass(frozen=True, slots=True)
class Expression:
    """A boolean expression over which of the rules have hit: the extended condition of temporal correlations."""

    op: Literal["rule", "and", "or", "not"]
    slot: int = -1
    parts: tuple[Expression, ...] = ()

    def holds(self, present: Set[int]) -> bool:
        """Whether it is true of the members (by their place) that have hit."""
        if self.op == "rule":
            return self.slot in present
        if self.op == "not":
            return not self.parts[0].holds(present)
        combine = all if self.op == "and" else any
        return combine(part.holds(present) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Member:
    """One of the rules (or correlations) of a correlation, and the fields of its events that group and are measured."""

    rule_id: str
    group_fields: tuple[str, ...]
    value_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Correlation:
    """One correlation. `group_by` names the parts of a group as the rule does; the account comes first if it is there.

    `shadow` is set by the file or by a member on trial; a topic is that of the correlation or of a topical member.
    """

    rule_id: str
    rule_version: str
    title: str
    description: str
    status: str
    level: str
    techniques: tuple[str, ...]
    path: Path
    line: int
    type: CorrelationType
    members: tuple[Member, ...]
    group_by: tuple[str, ...]
    timespan_us: int
    condition: Threshold | Expression
    percentile: int = 50
    generate: bool = False
    name: str | None = None
    topic: str | None = None
    shadow: bool = False
    declared_shadow: bool = False
    by_cluster: bool = False
    references: tuple[str, ...] = ()
    falsepositives: tuple[str, ...] = ()

    @property
    def score(self) -> float:
        """How specific a firing is, 0 to 1."""
        return score_of(self.level, self.topic)

    @property
    def of_an_account(self) -> bool:
        """Whether a firing is about one account; grouped by anything else, whoever came last would be blamed."""
        return ACCOUNT in self.group_by

    @property
    def fields(self) -> frozenset[str]:
        """The columns of events that it reads."""
        return frozenset(name for one in self.members for name in (*one.group_fields, *one.value_fields))


@dataclass(frozen=True, slots=True)
class RuleHit:
    """A rule or correlation that fired on an event; `fields` are the event's columns that correlations ask for.

    Two hits of one rule on one event (id, account, time) are the same hit.
    """

    time_us: int
    event_id: str
    account_id: str
    rule_id: str
    fields: Mapping[str, Any] = field(compare=False, hash=False, default_factory=dict)

    @property
    def key(self) -> tuple[int, str, str, str]:
        """Tells hits apart, and orders them."""
        return self.time_us, self.event_id, self.account_id, self.rule_id


@dataclass(frozen=True, slots=True)
class Firing:
    """A correlation that began to hold for a group, and the event that completed it."""

    correlation_id: str
    group: tuple[str, ...]
    time_us: int
    event_id: str
    account_id: str
    fields: Mapping[str, Any] = field(compare=False, hash=False, default_factory=dict)

    def as_hit(self) -> RuleHit:
        """The firing as a hit for correlations that build on it."""
        return RuleHit(self.time_us, self.event_id, self.account_id, self.correlation_id, self.fields)


def fields_of(correlations: Iterable[Correlation]) -> frozenset[str]:
    """The columns of events that these correlations read, cluster apart (it is no column)."""
    return frozenset(name for one in correlations for name in one.fields) - {CLUSTER}


def member_ids(correlations: Iterable[Correlation]) -> frozenset[str]:
    """The rules and correlations that these correlations build on."""
    return frozenset(member.rule_id for one in correlations for member in one.members)

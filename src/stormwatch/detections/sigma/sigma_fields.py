"""Which keys, fields and modifiers a rule may use, and the check of a rule's mapping that names the line of a fault."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sigma.exceptions import SigmaError
from sigma.modifiers import modifier_mapping
from sigma.policy.profiles import TrustedPolicy
from sigma.rule import SigmaDetectionItem
from sigma.types import SigmaExists, SigmaExpansion, SigmaNull, SigmaNumber, SigmaString

from stormwatch.detections.sigma.event_fields import EVENT_FIELDS, WHO_YOU_ARE, FieldKind, kind_of, modifier_fault
from stormwatch.detections.sigma.patterns import string_problem
from stormwatch.detections.sigma.regex_shape import ShapeProblem, field_shape_problems, shape_problems
from stormwatch.detections.text.normalise import TEXT_FIELDS
from stormwatch.model.located_yaml import LocatedDocument, Place

RULE_KEYS: Final = frozenset(
    {
        "title",
        "id",
        "related",
        "name",
        "taxonomy",
        "status",
        "description",
        "license",
        "author",
        "references",
        "date",
        "modified",
        "logsource",
        "detection",
        "fields",
        "falsepositives",
        "level",
        "tags",
        "scope",
        "topic",  # ours: the interest that a topical rule stands for
        "shadow",  # ours: recorded, counts for nothing
    }
)
REQUIRED_KEYS: Final = ("title", "id", "tags", "logsource", "detection", "falsepositives", "level")
# A correlation counts rules over time; a filter narrows rules that others wrote.
CORRELATION_KEYS: Final = RULE_KEYS - {"logsource", "detection", "fields", "scope"} | {"correlation"}
CORRELATION_REQUIRED: Final = ("title", "id", "tags", "correlation", "falsepositives", "level")
FILTER_KEYS: Final = RULE_KEYS - {"detection", "fields", "scope", "tags", "level", "falsepositives"} - {
    "topic",
    "shadow",
} | {"filter"}
FILTER_REQUIRED: Final = ("title", "id", "logsource", "filter")
# Good manners, but a rule runs without them; the shipped pack has them all, because its linter must find nothing.
ADVISED_KEYS: Final = ("status", "description", "references", "author", "date")
_TOPIC: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")

Fault = tuple[Place, str, str]
"""Where in the document, what is wrong, what to do."""


def mapping_faults(document: LocatedDocument) -> Iterator[Fault]:
    """What a rule's mapping gets wrong before Sigma is asked: keys, fields, modifiers, shapes of expressions."""
    yield from head_faults(document.value, RULE_KEYS, REQUIRED_KEYS)
    yield from logsource_faults(document.value)
    yield from detection_faults("detection", document.value.get("detection"))


def head_faults(rule: Mapping[str, Any], keys: frozenset[str], required: tuple[str, ...]) -> Iterator[Fault]:
    """What is wrong with the keys that documents of every kind share."""
    for key in sorted(set(rule) - keys):
        yield (key,), f"unknown key {key!r}", f"use one of {', '.join(sorted(keys))}"
    for key in required:
        if not rule.get(key):
            yield (), f"the key {key!r} is missing or empty", "add it"
    if rule.get("id") and not isinstance(rule["id"], str):
        yield ("id",), "the id is no text", "write a UUID, quoted if YAML reads it as something else"
    topic = rule.get("topic")
    if topic is not None and not (isinstance(topic, str) and _TOPIC.fullmatch(topic)):
        yield ("topic",), f"{topic!r} is no name of a topic", "write it in kebab case"
    if not isinstance(rule.get("shadow", False), bool):
        yield ("shadow",), "shadow is neither true nor false", "write true or false"


def logsource_faults(rule: Mapping[str, Any]) -> Iterator[Fault]:
    """Only requests to a language model are looked at here."""
    if rule.get("logsource") and rule["logsource"] != {"category": "llm"}:
        yield ("logsource",), "this log source is not ours", "write logsource: {category: llm}"


def missing_advice(document: LocatedDocument) -> Iterator[Fault]:
    """What a rule leaves out that its readers will miss and the scanner will not."""
    for key in ADVISED_KEYS:
        if not document.value.get(key):
            yield (), f"the key {key!r} is missing or empty", "add it for those who read the rule"


def detection_faults(section: str, detection: Any, besides: tuple[str, ...] = ()) -> Iterator[Fault]:
    """What is wrong with the selections and the condition of a section; `besides` are its other keys."""
    if not isinstance(detection, Mapping):
        return
    if not isinstance(detection.get("condition"), str):
        yield (section, "condition"), "the condition is no text", "write one, quoted if it is a word of YAML"
    for name, items in detection.items():
        if name not in ("condition", "timeframe", *besides):
            yield from _item_faults((section, str(name)), items)
    if "timeframe" in detection:
        yield (section, "timeframe"), "timeframe has no meaning for a single event", "write a correlation"


def _item_faults(place: Place, items: Any) -> Iterator[Fault]:
    if isinstance(items, list):
        for index, item in enumerate(items):
            yield from _item_faults((*place, index), item)
    elif isinstance(items, Mapping):
        for key, value in items.items():
            yield from _key_faults((*place, key), str(key), value)
    elif _is_word(items):
        keyword = string_problem(SigmaString(str(items)))
        if keyword:
            yield place, keyword.what, keyword.remedy


def _key_faults(place: Place, key: str, value: Any) -> Iterator[Fault]:
    field, *modifiers = key.split("|")
    if field in WHO_YOU_ARE:
        yield place, f"a rule may not ask for {field!r}: who somebody is says nothing about conduct", "ask for conduct"
        return
    if field and field not in TEXT_FIELDS and field not in EVENT_FIELDS:
        yield place, f"unknown field {field!r}", f"use one of {', '.join((*TEXT_FIELDS, *EVENT_FIELDS))}"
        return
    kind = kind_of(field)
    fault = modifier_fault(kind, modifiers)
    if fault:
        unknown = next((name for name in modifiers if name not in modifier_mapping), modifiers[-1] if modifiers else "")
        yield place, fault[0] or f"unknown modifier {unknown!r} on {field!r}", fault[1]
        return
    faults = list(_value_faults(place, value, regex="re" in modifiers, said=kind is FieldKind.SAID and bool(field)))
    yield from faults
    if not faults:
        yield from _sigma_faults(place, key, value, said=kind is FieldKind.SAID and "re" not in modifiers)


def _value_faults(place: Place, value: Any, *, regex: bool, said: bool) -> Iterator[Fault]:
    for index, item in enumerate(value if isinstance(value, list) else [value]):
        item_place = (*place, index) if isinstance(value, list) else place
        if regex and not isinstance(item, str):
            yield item_place, "a regular expression is compared with something that is no text", "write text"
        elif regex:
            for problem in shape_problems(item) if said else field_shape_problems(item):
                yield item_place, problem.what, problem.remedy


def _sigma_faults(place: Place, key: str, value: Any, *, said: bool) -> Iterator[Fault]:
    """What Sigma says of one item, and of the shape of the plain texts that its modifiers make of it."""
    try:
        item = SigmaDetectionItem.from_mapping(key, value, policy=TrustedPolicy)
    except (SigmaError, TypeError, AttributeError, LookupError, ArithmeticError, ValueError, RecursionError) as error:
        yield place, str(error), "see the Sigma specification"
        return
    if said:
        for index, made in enumerate(item.value):
            problem = _said_problem(key, made)
            if problem:
                yield (*place, index) if isinstance(value, list) else place, problem.what, problem.remedy


def _said_problem(key: str, value: Any) -> ShapeProblem | None:
    if isinstance(value, SigmaExpansion):
        return next((problem for one in value.values if (problem := _said_problem(key, one))), None)
    if isinstance(value, SigmaString):
        empty = not value.s and "|" not in key and bool(key)
        return None if empty else string_problem(value)
    if isinstance(value, SigmaNumber):
        return string_problem(SigmaString(str(value)))
    if isinstance(value, SigmaExists) or (isinstance(value, SigmaNull) and key and "|" not in key):
        return None
    return ShapeProblem(f"{key or 'a keyword'} is compared with something that is no text", "write text")


def _is_word(value: Any) -> bool:
    """Whether a value of YAML can be looked for in a text."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)

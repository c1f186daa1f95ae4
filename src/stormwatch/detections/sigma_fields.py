"""Which keys, fields and modifiers a rule may use, and the check of a rule's mapping that names the line of a fault."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from stormwatch.detections.normalise import TEXT_FIELDS
from stormwatch.detections.patterns import string_problem
from stormwatch.detections.regex_shape import ShapeProblem, field_shape_problems, shape_problems
from stormwatch.model.located_yaml import LocatedDocument, Place

# Fields of the usage event that a condition may ask for. Country, network and language are left out on purpose:
# who somebody is says nothing about conduct.
EVENT_FIELDS: Final = (
    "operation",
    "provider",
    "model",
    "user_agent",
    "tools_offered",
    "tool_calls",
    "input_tokens",
    "output_tokens",
    "finish_reason",
    "error_type",
    "refused",
    "blocked",
    "prompt_chars",
)
_WHO_YOU_ARE: Final = ("country", "asn", "script", "org_id", "account_id")

TEXT_MODIFIERS: Final = frozenset({"contains", "startswith", "endswith", "all", "re", "i", "s", "cased"})
EVENT_MODIFIERS: Final = TEXT_MODIFIERS | {"lt", "lte", "gt", "gte", "exists"}

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
# Good manners, but a rule runs without them; the shipped pack has them all, because its linter must find nothing.
ADVISED_KEYS: Final = ("status", "description", "references", "author", "date")
_TOPIC: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")

Fault = tuple[Place, str, str]
"""Where in the document, what is wrong, what to do."""


def mapping_faults(document: LocatedDocument) -> Iterator[Fault]:
    """What a rule's mapping gets wrong before Sigma is asked: keys, fields, modifiers, shapes of expressions."""
    rule = document.value
    if "correlation" in rule:
        yield ("correlation",), "correlation rules are not evaluated in this version", "leave the document out"
        return
    for key in sorted(set(rule) - RULE_KEYS):
        yield (key,), f"unknown key {key!r}", f"use one of {', '.join(sorted(RULE_KEYS))}"
    for key in REQUIRED_KEYS:
        if not rule.get(key):
            yield (), f"the key {key!r} is missing or empty", "add it"
    if rule.get("id") and not isinstance(rule["id"], str):
        yield ("id",), "the id is no text", "write a UUID, quoted if YAML reads it as something else"
    if rule.get("logsource") and rule["logsource"] != {"category": "llm"}:
        yield ("logsource",), "this log source is not ours", "write logsource: {category: llm}"
    topic = rule.get("topic")
    if topic is not None and not (isinstance(topic, str) and _TOPIC.fullmatch(topic)):
        yield ("topic",), f"{topic!r} is no name of a topic", "write it in kebab case"
    if not isinstance(rule.get("shadow", False), bool):
        yield ("shadow",), "shadow is neither true nor false", "write true or false"
    yield from _detection_faults(rule.get("detection"))


def missing_advice(document: LocatedDocument) -> Iterator[Fault]:
    """What a rule leaves out that its readers will miss and the scanner will not."""
    for key in ADVISED_KEYS:
        if not document.value.get(key):
            yield (), f"the key {key!r} is missing or empty", "add it for those who read the rule"


def _detection_faults(detection: Any) -> Iterator[Fault]:
    if not isinstance(detection, Mapping):
        return
    if not isinstance(detection.get("condition"), str):
        yield (
            ("detection", "condition"),
            "the condition is no text",
            "write one, quoted if it is a word of YAML",
        )
    for name, items in detection.items():
        if name not in ("condition", "timeframe"):
            yield from _item_faults(("detection", str(name)), items)
    if "timeframe" in detection:
        yield ("detection", "timeframe"), "timeframe has no meaning for a single event", "remove it"


def _item_faults(place: Place, items: Any) -> Iterator[Fault]:
    if isinstance(items, list):
        for index, item in enumerate(items):
            yield from _item_faults((*place, index), item)
    elif isinstance(items, Mapping):
        for key, value in items.items():
            yield from _key_faults((*place, key), str(key), value)
    elif _is_word(items):
        keyword = string_problem(str(items))
        if keyword:
            yield place, keyword.what, keyword.remedy


def _key_faults(place: Place, key: str, value: Any) -> Iterator[Fault]:
    field, *modifiers = key.split("|")
    if field in _WHO_YOU_ARE:
        yield place, f"a rule may not ask for {field!r}: who somebody is says nothing about conduct", "ask for conduct"
        return
    if field and field not in TEXT_FIELDS and field not in EVENT_FIELDS:
        yield place, f"unknown field {field!r}", f"use one of {', '.join((*TEXT_FIELDS, *EVENT_FIELDS))}"
        return
    allowed = EVENT_MODIFIERS if field in EVENT_FIELDS else TEXT_MODIFIERS
    for modifier in modifiers:
        if modifier not in allowed:
            yield place, f"unknown modifier {modifier!r} on {field!r}", f"use one of {', '.join(sorted(allowed))}"
    for index, item in enumerate(value if isinstance(value, list) else [value]):
        item_place = (*place, index) if isinstance(value, list) else place
        of_text, regex = field not in EVENT_FIELDS, "re" in modifiers
        if (regex and not isinstance(item, str)) or (of_text and not _is_word(item)):
            yield item_place, f"{field or 'a keyword'} is compared with something that is no text", "write text"
            continue
        for problem in _value_problems(str(item), regex=regex, of_text=of_text):
            yield item_place, problem.what, problem.remedy


def _is_word(value: Any) -> bool:
    """Whether a value of YAML can be looked for in a text."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _value_problems(value: str, *, regex: bool, of_text: bool) -> Iterator[ShapeProblem]:
    if regex and of_text:
        yield from shape_problems(value)
    elif regex:
        yield from field_shape_problems(value)
    elif of_text:
        problem = string_problem(value)
        if problem:
            yield problem

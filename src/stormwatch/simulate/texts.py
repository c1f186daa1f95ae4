"""Templates with slots, read from the YAML files below text/, and the sentences made from them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final

import jsonschema
import yaml

from stormwatch.model.errors import InvalidInput
from stormwatch.simulate.dice import Dice

_SLOT: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")
# Filled by whoever speaks, not by the file.
BUILT_IN: Final = frozenset({"document", "code", "number", "small", "year", "word"})

_DAILY: Final = frozenset({"work", "study"})

Template = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Topic:
    """One file of texts: plain templates, those with a text or program attached, and those that name an artefact."""

    name: str
    family: str
    language: str
    templates: tuple[Template, ...]
    attached: tuple[Template, ...]
    artefact: tuple[Template, ...]
    slots: Mapping[str, tuple[str, ...]]
    narrow: tuple[str, ...]


class Library:
    """All topics, by family and language."""

    def __init__(self, topics: tuple[Topic, ...]) -> None:
        self.topics = topics
        grouped = defaultdict[tuple[str, str], list[Topic]](list)
        for topic in topics:
            grouped[topic.family, topic.language].append(topic)
        self._grouped = {key: tuple(value) for key, value in grouped.items()}

    def of(self, family: str, language: str) -> tuple[Topic, ...]:
        """Topics of a family in a language; else daily life in that language, else the family in English."""
        found = self._grouped.get((family, language))
        if found is None and family in _DAILY:
            found = self._grouped.get(("everyday", language))
        found = found or self._grouped.get((family, "en"))
        if found is None:
            raise InvalidInput(f"no texts of family {family!r}", where="simulate/text")
        return found


def fill(
    template: Template, slots: Mapping[str, tuple[str, ...]], own: Mapping[str, tuple[str, ...]], dice: Dice
) -> str:
    """The template with each slot filled: from the speaker's own words where it has some, else from the file's.

    A slot that occurs twice says the same twice; numbers are drawn anew each time.
    """
    parts = []
    said: dict[str, str] = {}
    for literal, slot in template:
        parts.append(literal)
        if not slot:
            continue
        value = said.get(slot)
        if value is None:
            values = own.get(slot) or slots.get(slot)
            value = said[slot] = dice.pick(values) if values else ""
        parts.append(value or _number(slot, dice))
    return "".join(parts)


def _number(slot: str, dice: Dice) -> str:
    if slot == "small":
        return str(dice.between(2, 12))
    if slot == "year":
        return str(dice.between(1998, 2024))
    if slot == "word":
        return f"{dice.pick(_SYLLABLES)}{dice.pick(_SYLLABLES)}{dice.pick(_SYLLABLES)}"
    return str(dice.between(13, 9800))


_SYLLABLES: Final = (
    *("ba", "ko", "lu", "mer", "tin", "sa", "vor", "el", "dan", "ri", "qua", "nor", "pel", "fi", "gam", "zen"),
    *("har", "mo", "cel", "dru", "eva", "tor", "wim", "jas", "ulo", "bri", "ske", "ond", "yar", "pli", "cas", "ver"),
)


def made_up_word(dice: Dice, syllables: int = 3) -> str:
    """A name that means nothing, for firms, domains and identifiers."""
    return "".join(dice.pick(_SYLLABLES) for _ in range(syllables))


def compiled(text: str) -> Template:
    """A text with {slots} as pairs of literal and slot name, the last slot empty."""
    pieces = _SLOT.split(text)
    pairs = [(pieces[i], pieces[i + 1]) for i in range(0, len(pieces) - 1, 2)]
    return (*pairs, (pieces[-1], ""))


def schema() -> dict[str, Any]:
    """The JSON Schema of a text file."""
    raw = resources.files("stormwatch.simulate").joinpath("text.schema.json").read_bytes()
    loaded: dict[str, Any] = json.loads(raw)
    return loaded


@cache
def library() -> Library:
    """The shipped library, read once; InvalidInput names the file that is wrong."""
    validator = jsonschema.Draft202012Validator(schema())
    folder = resources.files("stormwatch.simulate").joinpath("text")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    return Library(tuple(_topic(file, validator) for file in files))


def _topic(file: Traversable, validator: jsonschema.Draft202012Validator) -> Topic:
    raw = yaml.load(file.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - the C form of the safe loader
    problem = next(iter(validator.iter_errors(raw)), None)
    if problem is not None:
        raise InvalidInput(problem.message, where=f"simulate/text/{file.name}: {problem.json_path}")
    slots = {name: tuple(str(value) for value in values) for name, values in raw.get("slots", {}).items()}
    topic = Topic(
        name=file.name.removesuffix(".yaml"),
        family=raw["family"],
        language=raw["language"],
        templates=tuple(compiled(text) for text in raw["templates"]),
        attached=tuple(compiled(text) for text in raw.get("attached", ())),
        artefact=tuple(compiled(text) for text in raw.get("artefact", ())),
        slots=slots,
        narrow=tuple(raw.get("narrow", ())),
    )
    _check_slots(topic, file.name)
    return topic


_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SPEAKERS: Final = frozenset({"domain", "host", "package"})


def _check_slots(topic: Topic, file: str) -> None:
    used = {slot for template in (*topic.templates, *topic.attached) for _, slot in template if slot}
    named = {slot for template in topic.artefact for _, slot in template if slot} - _SPEAKERS
    missing = (used | named) - set(topic.slots) - BUILT_IN
    if missing:
        raise InvalidInput(f"slot {sorted(missing)[0]!r} has no values", where=f"simulate/text/{file}")

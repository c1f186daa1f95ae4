"""`%name%` in a rule to the values that `placeholders.yml` in its folder, or the nearest above, lists for the name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Final

from stormwatch.model.errors import InvalidInput
from stormwatch.model.located_yaml import LocatedDocument, Place, YamlProblem, read_documents

FILE_NAMES: Final = ("placeholders.yml", "placeholders.yaml")
_NAME: Final = re.compile(r"%([A-Za-z0-9_.-]+)%")
# Values of one item after expansion; two long lists in one value multiply.
_MOST_VALUES: Final = 10_000

Lists = Mapping[str, tuple[str, ...]]


def placeholders_for(rule: Path, root: Path) -> Lists:
    """The lists that hold for a rule file: those of the nearest file from its folder up to the root of the pack.

    InvalidInput where that file is no mapping of names to lists of text.
    """
    top = root if root.is_dir() else root.parent
    folder = rule.parent
    while True:
        for name in FILE_NAMES:
            if (folder / name).is_file():
                return _read(folder / name)
        if folder == top or folder == folder.parent:
            return {}
        folder = folder.parent


def _read(path: Path) -> Lists:
    remedy = "write one mapping of names to lists of text"
    try:
        documents = list(read_documents(path.read_text(encoding="utf-8")))
    except (YamlProblem, UnicodeDecodeError, OSError) as error:
        raise InvalidInput(f"the placeholders cannot be read: {error}", where=str(path), remedy=remedy) from error
    if len(documents) != 1 or not isinstance(documents[0].value, dict):
        raise InvalidInput("the placeholders are no mapping", where=str(path), remedy=remedy)
    lists: dict[str, tuple[str, ...]] = {}
    for name, values in documents[0].value.items():
        if not isinstance(values, list) or not values or not all(isinstance(value, str | int) for value in values):
            where = f"{path}:{documents[0].line_of(name)}"
            raise InvalidInput(f"{name!r} is no list of text", where=where, remedy=remedy)
        lists[name] = tuple(map(str, values))
    return lists


class _Unknown(Exception):
    """A value that cannot be expanded."""

    def __init__(self, place: Place, what: str, remedy: str) -> None:
        self.fault = (place, what, remedy)
        super().__init__(what)


def expand(document: LocatedDocument, lists: Lists) -> tuple[LocatedDocument, tuple[Place, str, str] | None]:
    """The document with every item of the modifier `expand` written out, and the first fault if there is one."""
    lines = dict(document.lines)
    try:
        return replace(document, value=_expanded(document.value, (), lists, lines), lines=lines), None
    except _Unknown as error:
        return document, error.fault


def _expanded(value: Any, place: Place, lists: Lists, lines: dict[Place, int]) -> Any:
    if isinstance(value, list):
        return [_expanded(item, (*place, index), lists, lines) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    made: dict[str, Any] = {}
    for key, item in value.items():
        field, *modifiers = key.split("|")
        here = (*place, key)
        if "expand" not in modifiers:
            made[key] = _expanded(item, here, lists, lines)
            continue
        short = "|".join((field, *(name for name in modifiers if name != "expand")))
        lines[(*place, short)] = lines.get(here, document_line(lines, place))
        made[short] = list(_values(item if isinstance(item, list) else [item], here, lists))
    return made


def document_line(lines: Mapping[Place, int], place: Place) -> int:
    """The line of a place, or of the nearest one around it."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def _values(items: list[Any], place: Place, lists: Lists) -> Iterator[Any]:
    made = 0
    for item in items:
        parts = _NAME.split(item) if isinstance(item, str) else [item]
        unknown = [name for name in parts[1::2] if name not in lists]
        if unknown:
            what = f"nothing is listed for the placeholder {unknown[0]!r}"
            raise _Unknown(place, what, f"list its values in {FILE_NAMES[0]} beside the rule")
        if len(parts) == 1:
            yield item
            continue
        for chosen in product(*(lists[name] for name in parts[1::2])):
            made += 1
            if made > _MOST_VALUES:
                raise _Unknown(place, f"the placeholders multiply to over {_MOST_VALUES} values", "write fewer in one")
            yield "".join(text for pair in zip(parts[::2], (*chosen, ""), strict=True) for text in pair)

"""YAML text to plain values that remember the line of every key and list item."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

_DEEPEST: Final = 100
# What PyYAML raises for a tagged scalar that is not what its tag says, such as `!!timestamp x`.
_UNBUILDABLE: Final = (ValueError, AttributeError, TypeError, KeyError, OverflowError, RecursionError)

Place = tuple[str | int, ...]

# C parser where PyYAML brings it; the same grammar either way.
_TEXTS: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlProblem(Exception):
    """The text is no YAML that we read: what is wrong and in which line."""

    def __init__(self, what: str, line: int | None) -> None:
        self.what = what
        self.line = line
        super().__init__(what)


@dataclass(slots=True)
class LocatedDocument:
    """One YAML document: its value, and the line of each place in it (a path of keys and indexes)."""

    value: Any
    line: int
    lines: dict[Place, int] = field(default_factory=dict)

    def line_of(self, *place: str | int) -> int:
        """The line of a place, or of the nearest one around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, self.line)


def read_documents(text: str) -> Iterator[LocatedDocument]:
    """The documents of a YAML text, up to the first fault, which is raised as YamlProblem.

    Aliases are refused because nested ones expand without bound, and deep nesting because it ends the process; so are
    repeated keys, of which YAML keeps only one.
    """
    try:
        _refuse_what_hurts(text, aliases=False)
        for node in yaml.compose_all(text, Loader=_LOADER):
            document = LocatedDocument(value=None, line=_start(node))
            document.value = _build(node, (), document.lines, _LOADER(""))
            yield document
    except yaml.MarkedYAMLError as error:
        line = _line_of(error)
        raise YamlProblem(f"broken YAML: {error.problem or error.context}", line) from error
    except (yaml.YAMLError, *_UNBUILDABLE) as error:
        raise YamlProblem(f"broken YAML: {str(error).splitlines()[0] if str(error) else 'a value'}", None) from error


def read_texts(content: bytes | str) -> Any:
    """One YAML document in which every scalar stays a text, so that a date or number that is none breaks nothing.

    Without lines; aliases are followed, since values are only shared by them. Raises YamlProblem.
    """
    try:
        _refuse_what_hurts(content, aliases=True)
        return yaml.load(content, Loader=_TEXTS)  # noqa: S506 - it makes texts, lists and mappings alone
    except (yaml.YAMLError, UnicodeDecodeError, *_UNBUILDABLE) as error:
        raise YamlProblem(f"broken YAML: {str(error).splitlines()[0] if str(error) else 'a value'}", None) from error


def _refuse_what_hurts(content: bytes | str, *, aliases: bool) -> None:
    """Looks at a text before it is built: each level of building takes some of the stack of C."""
    depth = 0
    for event in yaml.parse(content, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent) and not aliases:
            raise YamlProblem("YAML aliases are not read", _line(event.start_mark))
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise YamlProblem(f"nested deeper than {_DEEPEST} levels", _line(event.start_mark))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _start(node: yaml.Node) -> int:
    return _line(node.start_mark)


def _line(mark: Any) -> int:
    return 1 if mark is None else int(mark.line) + 1


def _line_of(error: yaml.MarkedYAMLError) -> int | None:
    mark = error.problem_mark or error.context_mark
    return None if mark is None else _line(mark)


def _build(node: yaml.Node, place: Place, lines: dict[Place, int], scalars: Any) -> Any:
    lines[place] = _start(node)
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(getattr(key_node, "value", ""))
            if key in mapping:
                raise YamlProblem(f"the key {key!r} stands twice in one mapping", _start(key_node))
            mapping[key] = _build(value_node, (*place, key), lines, scalars)
            lines[(*place, key)] = _start(key_node)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*place, index), lines, scalars) for index, item in enumerate(node.value)]
    return scalars.construct_object(node)

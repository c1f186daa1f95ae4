"""One mapping file to its specification, every fault with its line and with what is allowed there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path as FilePath
from typing import Any, Final, NoReturn, TypeVar

from stormwatch.events.mapping.decoding import DECODERS, decoding
from stormwatch.events.mapping.fields import DEFAULT_TRANSFORMS, LIST_FIELDS, REQUIRED, allowed_transforms
from stormwatch.events.mapping.paths import ALLOWED, Path, parse_path
from stormwatch.events.mapping.scalars import SCALARS
from stormwatch.events.mapping.specification import Client, Join, JoinPart, Source, Specification, Test
from stormwatch.model.errors import InvalidInput
from stormwatch.model.located_yaml import LocatedDocument, Place, YamlProblem, read_documents

VERSION: Final = 1
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{1,40}")
_TOP: Final = frozenset(
    {
        *("mapping", "name", "title", "description", "references", "records", "join", "decode", "recognise"),
        *("client", "event", "attributes"),
    }
)
_TEST_KINDS: Final = ("in", "contains", "at_least", "present")
_SOURCE: Final = frozenset(
    {"from", "value", "digest", "any", "as", "name", "role", "map", "prefix", "when", "asserted"}
)
_GIVES: Final = ("from", "value", "digest", "any")
_LONGEST_FILE: Final = 1 << 20

_T = TypeVar("_T")


def read_specification(file: FilePath) -> Specification:
    """The mapping in a file; InvalidInput names file, line, key and what is allowed there."""
    try:
        if file.stat().st_size > _LONGEST_FILE:
            raise InvalidInput("a mapping file is at most 1 MiB long", where=str(file), remedy="is it a log?")
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the file cannot be read: {error}", where=str(file), remedy="save it as UTF-8") from error
    return parse_specification(text, file)


def parse_specification(text: str, file: FilePath) -> Specification:
    """The mapping in the text of a file."""
    try:
        documents = list(read_documents(text))
    except YamlProblem as problem:
        where = f"{file}:{problem.line}" if problem.line else str(file)
        raise InvalidInput(problem.what, where=where, remedy="correct the YAML") from problem
    if len(documents) != 1:
        raise InvalidInput("a mapping file holds one document", where=str(file), remedy="write one mapping a file")
    return _Reader(documents[0], file).specification()


class _Reader:
    """Reads one document; every method takes the place of what it reads, so that a fault can be located."""

    def __init__(self, document: LocatedDocument, file: FilePath) -> None:
        self._document = document
        self._file = file

    def specification(self) -> Specification:
        top = self._mapping(self._document.value, (), _TOP)
        if top.get("mapping") != VERSION:
            self._fail(("mapping",), "this key says the version of the grammar", f"write `mapping: {VERSION}`")
        name = top.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            self._fail(("name",), "a mapping needs a name", "2 to 41 of a-z, 0-9 and -, a letter first")
        client = self._mapping(top.get("client", {}), ("client",), frozenset({"peer", "headers", "recorded"}))
        rest = self._mapping(top.get("attributes", {}), ("attributes",), frozenset({"drop"}))
        return Specification(
            name=name,
            title=self._words(top.get("title"), ("title",)),
            file=self._file,
            recognise=self._tests(top.get("recognise"), ("recognise",)),
            records=self._paths(top.get("records", []), ("records",)),
            join=self._join(top["join"]) if "join" in top else None,
            decode=self._each(top.get("decode", []), ("decode",), self._decode),
            client=Client(
                *(self._paths(client.get(key, []), ("client", key)) for key in ("peer", "headers", "recorded"))
            ),
            event=self._event(top.get("event"), ("event",)),
            drop=self._paths(rest.get("drop", []), ("attributes", "drop")),
        )

    def _event(self, value: Any, place: Place) -> tuple[tuple[str, tuple[Source, ...]], ...]:
        fields = self._mapping(value, place, frozenset(DEFAULT_TRANSFORMS))
        missing = [name for name in REQUIRED if name not in fields]
        if missing:
            self._fail(place, f"the event lacks {', '.join(missing)}", "say where each of them comes from")
        return tuple((name, tuple(self._sources(name, said, (*place, name)))) for name, said in fields.items())

    def _sources(self, name: str, value: Any, place: Place) -> Iterator[Source]:
        if not isinstance(value, list):
            yield self._source(name, value, place)
            return
        if not value:
            self._fail(place, "an empty list gives nothing", "name a path, or leave the field out")
        for number, item in enumerate(value):
            yield self._source(name, item, (*place, number))

    def _source(self, name: str, value: Any, place: Place) -> Source:
        if isinstance(value, str):
            return Source(paths=(self._path(value, place),), transform=DEFAULT_TRANSFORMS[name])
        said = self._mapping(value, place, _SOURCE)
        given = [key for key in _GIVES if key in said]
        if len(given) != 1:
            self._fail(place, "one key must say where the value comes from", f"one of {', '.join(_GIVES)}")
        transform = said.get("as", DEFAULT_TRANSFORMS[name])
        allowed = allowed_transforms(name)
        if transform not in allowed:
            self._fail((*place, "as"), f"{name} cannot be read as that", f"one of {', '.join(allowed)}")
        if (transform == "header") != ("name" in said):
            self._fail(place, "`as: header` and `name` go together", "write `as: header` and `name: user-agent`")
        if said.get("asserted") is not None and (name != "account_id" or said["asserted"] is not True):
            self._fail((*place, "asserted"), "only a source of account_id is asserted", "write `asserted: true` there")
        if "role" in said and name not in LIST_FIELDS:
            self._fail((*place, "role"), "only turns have a role", "use it in input and output")
        return Source(
            paths=self._some_paths(said["from"], (*place, "from")) if "from" in said else (),
            transform=transform,
            header=self._words(said.get("name", ""), (*place, "name")),
            role=self._words(said["role"], (*place, "role")) if "role" in said else None,
            constant=self._constant(name, said.get("value"), (*place, "value")),
            digest=self._digest(name, said, place),
            any_of=self._each(said.get("any", []), (*place, "any"), self._tests),
            replaced=tuple(self._replacements(said.get("map", {}), (*place, "map"))),
            prefix=self._words(said.get("prefix", ""), (*place, "prefix")),
            when=self._tests(said["when"], (*place, "when")) if "when" in said else (),
            asserted=bool(said.get("asserted")),
        )

    def _digest(self, name: str, said: dict[str, Any], place: Place) -> bool:
        if "digest" in said and (name != "event_id" or said["digest"] != "record"):
            self._fail((*place, "digest"), "only an event_id is a digest", "write `digest: record` there")
        if "any" in said and name not in {"refused", "blocked"}:
            self._fail((*place, "any"), "only refused and blocked are answers of tests", "use `from` here")
        return "digest" in said

    def _constant(self, name: str, value: Any, place: Place) -> Any:
        if value is None:
            return None
        convert = SCALARS.get(DEFAULT_TRANSFORMS[name])
        found = convert(value) if convert is not None and isinstance(value, str | int | bool) else None
        if found is None:
            self._fail(place, f"{name} cannot be that", "a text, a number, true or false, as the field takes it")
        return found

    def _replacements(self, value: Any, place: Place) -> Iterator[tuple[str, Any]]:
        if not isinstance(value, dict) or not all(isinstance(item, str | int | bool) for item in value.values()):
            self._fail(place, "`map` pairs what the log says with what the event says", "write `text: text` a line")
        yield from value.items()

    def _decode(self, value: Any, place: Place) -> tuple[Path, str]:
        said = self._mapping(value, place, frozenset({"path", "as"}))
        path = self._path(said.get("path"), (*place, "path"))
        if said.get("as") not in DECODERS:
            self._fail((*place, "as"), "what lies there cannot be decoded so", f"one of {', '.join(DECODERS)}")
        try:
            decoding(path, DECODERS[said["as"]])
        except ValueError as error:
            self._fail((*place, "path"), str(error), "name the one place")
        return path, said["as"]

    def _join(self, value: Any) -> Join:
        place: Place = ("join",)
        said = self._mapping(value, place, frozenset({"key", "parts", "wait_seconds"}))
        wait = said.get("wait_seconds", 300)
        if isinstance(wait, bool) or not isinstance(wait, int | float) or not 0 < wait <= 86_400:
            self._fail((*place, "wait_seconds"), "how long parts are waited for", "seconds, more than 0, at most 86400")
        parts = self._mapping(said.get("parts"), (*place, "parts"), None)
        if not 2 <= len(parts) <= 8:
            self._fail((*place, "parts"), "a join has 2 to 8 parts", "name each kind of record")
        key = self._some_paths(said.get("key"), (*place, "key"))
        return Join(key, tuple(self._part(name, parts[name], (*place, "parts", name)) for name in parts), float(wait))

    def _part(self, name: str, value: Any, place: Place) -> JoinPart:
        said = self._mapping(value, place, frozenset({"recognise", "order", "split"}))
        return JoinPart(
            name,
            self._tests(said.get("recognise"), (*place, "recognise")),
            self._paths(said.get("order", []), (*place, "order")),
            self._paths(said.get("split", []), (*place, "split")),
        )

    def _tests(self, value: Any, place: Place) -> tuple[Test, ...]:
        found = self._each(value if isinstance(value, list) else [value], place, self._test)
        if not found:
            self._fail(place, "at least one test is needed", "name a path that must be there")
        return found

    def _test(self, value: Any, place: Place) -> Test:
        if isinstance(value, str):
            return Test((self._path(value, place),), kind="present", wanted=True)
        said = self._mapping(value, place, frozenset({"path", *_TEST_KINDS}))
        kinds = [kind for kind in _TEST_KINDS if kind in said] or ["present"]
        if len(kinds) > 1:
            self._fail(place, "a test asks one thing", f"one of {', '.join(_TEST_KINDS)}")
        wanted = self._wanted(kinds[0], said.get(kinds[0], True), (*place, kinds[0]))
        return Test(self._some_paths(said.get("path"), (*place, "path")), kinds[0], wanted)

    def _wanted(self, kind: str, value: Any, place: Place) -> Any:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if kind == "at_least" and not is_number:
            self._fail(place, "this compares with a number", "write one")
        if kind == "present" and not isinstance(value, bool):
            self._fail(place, "this is true or false", "write one of them")
        if kind in {"at_least", "present"}:
            return value
        many = value if isinstance(value, list) else [value]
        if not many or not all(isinstance(item, str | int | bool) for item in many):
            self._fail(place, "a test compares with texts or numbers", "write a list of them")
        return tuple(many)

    def _paths(self, value: Any, place: Place) -> tuple[Path, ...]:
        return self._each(value if isinstance(value, list) else [value], place, self._path)

    def _some_paths(self, value: Any, place: Place) -> tuple[Path, ...]:
        paths = self._paths(value, place)
        if not paths:
            self._fail(place, "a path is missing here", ALLOWED)
        return paths

    def _path(self, value: Any, place: Place) -> Path:
        if not isinstance(value, str):
            self._fail(place, "a path is missing here", ALLOWED)
        try:
            return parse_path(value)
        except ValueError as error:
            self._fail(place, str(error), ALLOWED)

    def _each(self, value: Any, place: Place, read: Callable[[Any, Place], _T]) -> tuple[_T, ...]:
        if not isinstance(value, list):
            self._fail(place, "this is a list", "begin each item with a dash")
        return tuple(read(item, (*place, number)) for number, item in enumerate(value))

    def _mapping(self, value: Any, place: Place, keys: frozenset[str] | None) -> dict[str, Any]:
        allowed = f"allowed here: {', '.join(sorted(keys))}" if keys else "write `key: value` a line"
        if not isinstance(value, dict):
            self._fail(place, "a mapping of keys is missing here", allowed)
        for key in value:
            if keys is not None and key not in keys:
                self._fail((*place, key), f"the key {key[:80]!r} is not known here", allowed)
        return value

    def _words(self, value: Any, place: Place) -> str:
        if not isinstance(value, str):
            self._fail(place, "a text is missing here", "write it, in quotes if it looks like a number")
        return value

    def _fail(self, place: Place, what: str, remedy: str) -> NoReturn:
        key = ".".join(str(part) for part in place if isinstance(part, str))
        said = f"{key}: {what}" if key else what
        raise InvalidInput(said, where=f"{self._file}:{self._document.line_of(*place)}", remedy=remedy)

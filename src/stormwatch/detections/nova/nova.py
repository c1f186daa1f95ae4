"""NOVA rule files to parsed rules: metadata, keywords, the names of their semantic and model parts, the condition."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SECTIONS: Final = ("meta", "keywords", "semantics", "llm", "condition")
MODEL_SECTIONS: Final = ("semantics", "llm")
_DECLARATION: Final = re.compile(r"rule\s+(\w+)\s*(\{)?\s*")
_ENTRY: Final = re.compile(r"(\$?\w+)\s*=\s*(.*)")
_QUOTED: Final = re.compile(r"""(["'])(.*)\1\s*(case:true)?\s*(?:\(\s*[0-9.]+\s*\))?\s*""", re.DOTALL)
_REGEX: Final = re.compile(r"/(.*)/(i?)\s*(case:true)?\s*", re.DOTALL)
# A file may be anything: longer ones are no rules.
LARGEST_FILE: Final = 1_000_000


class NovaProblem(Exception):
    """Why a rule cannot be read, and in which line."""

    def __init__(self, what: str, line: int) -> None:
        self.what = what
        self.line = line
        super().__init__(what)


@dataclass(frozen=True, slots=True)
class Keyword:
    """One keyword: its text or expression, whether it is an expression, whether case counts, and its line."""

    text: str
    regex: bool
    cased: bool
    line: int


@dataclass(frozen=True, slots=True)
class NovaRule:
    """One rule as it stands in its file. `model_parts` names the variables of each section that needs a model."""

    name: str
    meta: Mapping[str, str]
    keywords: Mapping[str, Keyword]
    model_parts: Mapping[str, tuple[str, ...]]
    condition: str
    path: Path
    line: int
    condition_line: int


def read_nova(path: Path, text: str) -> Iterator[NovaRule | NovaProblem]:
    """The rules of a file; what cannot be read is given as a problem, and the next rule is read all the same."""
    for start, lines in _blocks(text):
        try:
            yield _Block(path, start, lines).rule()
        except NovaProblem as problem:
            yield problem


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """The lines of each rule with the number of the first, split at declarations outside of any rule."""
    block: list[str] = []
    start = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if _DECLARATION.match(line.strip()) and line.strip().startswith("rule"):
            if block:
                yield start, block
            block, start = [line], number
        elif block:
            block.append(line)
        elif not _is_blank(line):
            block, start = [line], number
    if block:
        yield start, block


def _is_blank(line: str) -> bool:
    return not line.strip() or line.strip().startswith(("//", "#"))


class _Block:
    """The lines of one rule."""

    def __init__(self, path: Path, start: int, lines: list[str]) -> None:
        self._path = path
        self._start = start
        self._lines = lines

    def rule(self) -> NovaRule:
        """The rule; NovaProblem names the line of a fault."""
        declared = _DECLARATION.fullmatch(self._lines[0].strip())
        if declared is None:
            raise NovaProblem("a rule begins with `rule Name`", self._start)
        sections = self._sections()
        if not sections["condition"]:
            raise NovaProblem("the rule has no condition", self._start)
        meta = {name: value for name, value, _ in self._entries(sections["meta"], plain=True)}
        keywords = {
            name: _keyword(value, line) for name, value, line in self._entries(sections["keywords"], plain=False)
        }
        parts = {
            section: tuple(name for name, _, _ in self._entries(sections[section], plain=False))
            for section in MODEL_SECTIONS
        }
        condition = " ".join(text for _, text in sections["condition"])
        line = sections["condition"][0][0]
        return NovaRule(declared[1], meta, keywords, parts, condition, self._path, self._start, line)

    def _sections(self) -> dict[str, list[tuple[int, str]]]:
        found: dict[str, list[tuple[int, str]]] = {name: [] for name in SECTIONS}
        current: str | None = None
        for number, raw in enumerate(self._lines[1:], start=self._start + 1):
            line = raw.strip()
            if _is_blank(line) or line == "{":
                continue
            if line == "}":
                return found
            if line.endswith(":") and line[:-1].strip().lower() in SECTIONS:
                current = line[:-1].strip().lower()
            elif current is None:
                raise NovaProblem("this stands outside of any section", number)
            else:
                found[current].append((number, _without_comment(line) if current == "condition" else line))
        raise NovaProblem("the rule is not closed with }", self._start)

    def _entries(self, lines: list[tuple[int, str]], *, plain: bool) -> Iterator[tuple[str, str, int]]:
        seen: set[str] = set()
        for number, line in lines:
            entry = _ENTRY.fullmatch(line)
            if entry is None or (not plain and not entry[1].startswith("$")):
                raise NovaProblem(f"{line[:80]!r} is no entry", number)
            name = entry[1].removeprefix("$")
            if name in seen:
                raise NovaProblem(f"{entry[1]!r} stands twice", number)
            seen.add(name)
            yield name, entry[2].strip().strip('"') if plain else entry[2].strip(), number


def _without_comment(line: str) -> str:
    return line.partition("//")[0].strip()


def _keyword(value: str, line: int) -> Keyword:
    regex = _REGEX.fullmatch(value)
    if regex:
        return Keyword(regex[1], regex=True, cased=not regex[2] or bool(regex[3]), line=line)
    quoted = _QUOTED.fullmatch(value)
    if quoted is None:
        raise NovaProblem(f"{value[:80]!r} is neither quoted nor an expression", line)
    text, cased = quoted[2], bool(quoted[3])
    if text.rstrip().endswith("case:true"):  # the modifier is also written within the quotes
        text, cased = text.rstrip().removesuffix("case:true").rstrip(), True
    if not text:
        raise NovaProblem("the keyword is empty", line)
    return Keyword(text, regex=False, cased=cased, line=line)

"""What commands print: prose or one JSON object on stdout, notes and progress on stderr, hostile text made harmless."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from stormwatch.model.progress import ProgressReport

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of prose.")]

_KEPT = frozenset("\n\t")


def safe_text(text: str) -> str:
    """Text that a terminal shows as text: control, format and surrogate characters appear as visible escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if _is_harmless(character) else _escape(character) for character in text)


def _is_harmless(character: str) -> bool:
    return character in _KEPT or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _escape(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def one_line(text: str) -> str:
    """Text without line breaks: what somebody wrote must not pass for a line of ours."""
    return text.replace("\n", _escape("\n"))


def lines_of(lines: Iterable[str]) -> str:
    """Lines as prose; a break inside one of them is shown as an escape."""
    return "\n".join(one_line(line) for line in lines)


def emit(payload: Mapping[str, Any], prose: str, *, as_json: bool) -> None:
    """Prints a result: the payload as one line of ASCII JSON, or prose with anything hostile escaped."""
    sys.stdout.write(json.dumps(payload, ensure_ascii=True, default=str) + "\n" if as_json else safe_text(prose) + "\n")


def note(text: str) -> None:
    """A remark for the person at the terminal, on stderr, so that stdout stays the result."""
    sys.stderr.write(safe_text(one_line(text)) + "\n")


@contextmanager
def progress_bars() -> Iterator[ProgressReport]:
    """Progress on stderr when that is a terminal; silent otherwise."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        tasks: dict[str, Any] = {}

        def report(step: str, done: int, total: int | None) -> None:
            if step not in tasks:
                tasks[step] = progress.add_task(safe_text(step).replace("[", "\\["), total=total)
            progress.update(tasks[step], completed=done, total=total)

        yield report

"""What is wrong with a rule file: where, what and what to do, so that one broken rule never hides the others."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final


class Severity(StrEnum):
    """An error keeps a rule from being loaded; a warning is advice."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """One finding in a rule file; `line` counts from 1, None when the whole file is meant."""

    path: Path
    line: int | None
    severity: Severity
    what: str
    remedy: str

    @property
    def where(self) -> str:
        """File and line."""
        return str(self.path) if self.line is None else f"{self.path}:{self.line}"

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.remedy}"


# A fault may quote the file, and a file may hold a line of megabytes.
_LONGEST_QUOTE: Final = 300


def error_at(path: Path, line: int | None, what: str, remedy: str) -> RuleProblem:
    """A problem that keeps a rule out."""
    return RuleProblem(path, line, Severity.ERROR, _shortened(what), remedy)


def warning_at(path: Path, line: int | None, what: str, remedy: str) -> RuleProblem:
    """Advice."""
    return RuleProblem(path, line, Severity.WARNING, _shortened(what), remedy)


def _shortened(sentence: str) -> str:
    return sentence if len(sentence) <= 2 * _LONGEST_QUOTE else f"{sentence[:_LONGEST_QUOTE]} … {sentence[-80:]}"

"""What is wrong with a rule file: where, what and what to do, so that one broken rule never hides the others."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


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

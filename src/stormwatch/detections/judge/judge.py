"""The port of a model as judge: a question about one text goes out, words come back that nobody believes unchecked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from stormwatch.model.errors import StormwatchError


class Verdict(StrEnum):
    """What a model may say of a text. Only `concerning` counts for anything, and for little."""

    CONCERNING = "concerning"
    ORDINARY = "ordinary"
    UNCLEAR = "unclear"


class JudgeUnavailable(StormwatchError):
    """The model gave no answer at all; `retry_after_seconds` where it said when to come back."""

    def __init__(self, what: str, *, where: str | None = None, retry_after_seconds: float | None = None) -> None:
        super().__init__(what, where=where)
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked: messages (role, text), the JSON schema of the answer, the most tokens it may take."""

    messages: tuple[tuple[str, str], ...]
    schema: Mapping[str, Any]
    most_tokens: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the answer's raw text, and the tokens that question and answer took (0: not told)."""

    text: str
    tokens: int


class Judge(Protocol):
    """One model."""

    @property
    def model(self) -> str:
        """The model's name, as it stands in rule ids."""
        ...

    def ask(self, question: Question) -> Reply:
        """One request, bounded in time and size; JudgeUnavailable when no answer came."""
        ...

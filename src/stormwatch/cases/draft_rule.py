"""Characteristic phrases to a draft: a Sigma rule in shadow, its test events and a regression entry, as YAML."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import yaml

from stormwatch.cases.phrases import Phrase, phrases_of

_NAMESPACE: Final = uuid.UUID("6f1f7b1a-3a52-5d0e-9c2d-0a7d4b8f6e21")
_REDACTED: Final = "[redacted]"
_MOST_REGRESSIONS: Final = 20


@dataclass(frozen=True, slots=True)
class DraftFacts:
    """What a draft says about where it comes from; counts of requests, no text."""

    case_id: str
    techniques: tuple[str, ...]
    case_requests: int
    case_hits: int
    other_requests: int
    other_hits: int
    artefact_kinds: Mapping[str, int]
    today: date


@dataclass(frozen=True, slots=True)
class Draft:
    """The two files of a draft."""

    name: str
    rule: str
    tests: str

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Writes both; the rule's path and that of its tests."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = folder / f"{self.name}.yml", folder / f"{self.name}.tests.yaml"
        for path, text in zip(paths, (self.rule, self.tests), strict=True):
            path.write_text(text, encoding="utf-8")
        return paths


def draft_of(phrases: Sequence[Phrase], texts: Sequence[str], facts: DraftFacts) -> Draft:
    """The draft. Of the case's texts only which phrases stand together in one request enters the regression entry."""
    words = [phrase.words for phrase in phrases]
    rule_id = str(uuid.uuid5(_NAMESPACE, "\n".join([facts.case_id, *words])))
    rule = {
        "title": f"Draft from {facts.case_id}",
        "id": rule_id,
        "status": "experimental",
        "description": _description(facts),
        "references": [f"stormwatch:{facts.case_id}"],
        "author": "drafted by Stormwatch from a case, for a detection engineer to judge",
        "date": facts.today.isoformat(),
        "tags": list(facts.techniques),
        "logsource": {"category": "llm"},
        "detection": {"phrases": {"prompt|contains": words}, "condition": "phrases"},
        "falsepositives": [
            "Others who work on the same subject and use its ordinary words",
            "Whoever was given the same text to work with",
        ],
        "level": "low",
        "shadow": True,
    }
    documents = [
        {"rule": rule_id, "match": list(_matches(words)), "near_miss": list(_near_misses(words))},
        {"rule": rule_id, "match": list(_regressions(words, texts, facts.case_id))},
    ]
    return Draft(
        f"draft-{facts.case_id}",
        _yaml(rule),
        "".join(f"---\n{_yaml(document)}" for document in documents),
    )


def hits(texts: Sequence[str], words: Collection[str]) -> int:
    """In how many texts one of the phrases stands."""
    return sum(not phrases_of(text).isdisjoint(words) for text in texts)


def _description(facts: DraftFacts) -> str:
    kinds = ", ".join(f"{kind} ({count})" for kind, count in sorted(facts.artefact_kinds.items()))
    artefacts = f" Its accounts shared artefacts of these kinds: {kinds}; those belong into a lead." if kinds else ""
    return (
        f"Phrases that set one case apart. Of {facts.case_requests} requests of the case {facts.case_hits} hold one, "
        f"of {facts.other_requests} others of this provider {facts.other_hits}.{artefacts} See that no phrase names a "
        "person, broaden or drop what fits this one case alone, and backtest before leaving the shadow."
    )


def _matches(words: Sequence[str]) -> Iterator[Mapping[str, str]]:
    for phrase in words:
        yield {
            "why": "a phrase of the case, everything around it redacted",
            "prompt": f"{_REDACTED} {phrase} {_REDACTED}",
        }


def _near_misses(words: Sequence[str]) -> Iterator[Mapping[str, str]]:
    yield {"why": "nothing of the case", "prompt": f"{_REDACTED} an everyday question about something else {_REDACTED}"}
    for phrase in words:
        parts = phrase.split()
        turned = f" {_REDACTED} ".join(reversed(parts))
        if not any(other in turned for other in words):
            yield {"why": "the same words apart from each other", "prompt": turned}


def _regressions(words: Sequence[str], texts: Sequence[str], case_id: str) -> Iterator[Mapping[str, str]]:
    """One event for each combination of phrases that stood in one request: the shape of the case without its text."""
    known = set(words)
    seen: dict[tuple[str, ...], None] = {}
    for text in texts:
        together = tuple(word for word in words if word in phrases_of(text) & known)
        if together:
            seen.setdefault(together)
    for together in list(seen)[:_MOST_REGRESSIONS]:
        joined = f" {_REDACTED} ".join(together)
        yield {"why": f"regression: a request of {case_id}, redacted", "prompt": joined}


def _yaml(document: Mapping[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)

"""The LLM-themed techniques (LLM-nn): names, and the ids of ATT&CK and ATLAS that come nearest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml


@dataclass(frozen=True, slots=True)
class LlmTechnique:
    """One technique of the vocabulary."""

    technique_id: str
    name: str
    attack: tuple[str, ...]
    atlas: tuple[str, ...]


@cache
def llm_techniques() -> Mapping[str, LlmTechnique]:
    """All techniques by id (data/llm-techniques.yaml)."""
    text = resources.files(__package__).joinpath("data", "llm-techniques.yaml").read_text(encoding="utf-8")
    return {
        entry["id"]: LlmTechnique(entry["id"], entry["name"], tuple(entry["attack"]), tuple(entry["atlas"]))
        for entry in yaml.safe_load(text)
    }

"""What of a document decides its detections, hashed: the version that tells a hunt what to scan again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from stormwatch.detections.text.normalise import NORMALISER_VERSION

# Raised whenever the same rule may hit differently.
_EVALUATOR_VERSION: Final = "3"


def version_of(document: Mapping[str, Any], keys: Iterable[str]) -> str:
    """The version of a document's content; the rest of it may be reworded without rescanning history."""
    content = {key: document.get(key) for key in keys}
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True, default=str)
    return _digest(f"{_EVALUATOR_VERSION}.{NORMALISER_VERSION}.{canonical}")


def combined_version(version: str, parts: Iterable[str]) -> str:
    """The version of something that also depends on others; the same as before when it depends on none."""
    others = sorted(parts)
    return _digest(",".join((version, *others))) if others else version


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]

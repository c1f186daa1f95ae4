"""What a person wrote into what the stores keep of it: trimmed, and never nothing where something must be said."""

from __future__ import annotations

from stormwatch.model.errors import InvalidInput


def said(text: str, complaint: str) -> str:
    """The text without space around it; InvalidInput with the complaint when nothing is left."""
    kept = text.replace("\x00", "").strip()  # PostgreSQL stores no NUL
    if not kept:
        raise InvalidInput(complaint)
    return kept

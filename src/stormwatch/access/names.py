"""Names of people and machines as typed into the one form that is stored and the key that makes them unique."""

from __future__ import annotations

import unicodedata
from typing import Final

from stormwatch.model.errors import InvalidInput

_MAX_NAME: Final = 100


def clean_name(name: str) -> str:
    """The name with single spaces, in NFC; InvalidInput when it is empty, too long or holds invisible characters."""
    cleaned = unicodedata.normalize("NFC", " ".join(name.split()))
    if not cleaned or len(cleaned) > _MAX_NAME:
        raise InvalidInput(f"a name has 1 to {_MAX_NAME} characters", where=repr(name[:_MAX_NAME]))
    if any(unicodedata.category(character).startswith("C") for character in cleaned):
        raise InvalidInput("a name holds no control or invisible characters", where=repr(name))
    return cleaned


def name_key(name: str) -> str:
    """What two spellings of one name share: compatibility forms and letter case are folded."""
    return unicodedata.normalize("NFKC", clean_name(name)).casefold()

"""data/fingerprints.yaml, checked: what counts as a block and how its fingerprints are chosen."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec
import yaml

from stormwatch.model.errors import InvalidInput


class GramSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tokens in a gram, grams in a window, and the fewest tokens of a block."""

    gram: int
    window: int
    fewest_tokens: int


class BareCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When text outside fences passes for code."""

    fewest_lines: int
    marks: str
    share: float


class FingerprintSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that decides which fingerprints a text has."""

    version: str
    code: GramSettings
    code_text: GramSettings
    document: GramSettings
    fewest_characters: int
    longest_characters: int
    most_hashes: int
    bare_code: BareCode
    keywords: str


@cache
def fingerprint_settings() -> FingerprintSettings:
    """The shipped settings; InvalidInput names what does not fit."""
    file = resources.files("stormwatch.detections").joinpath("data", "fingerprints.yaml")
    try:
        settings = msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), FingerprintSettings)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise InvalidInput(
            f"the fingerprint settings cannot be used: {error}", where=str(file), remedy="restore the file"
        ) from error
    for kind in (settings.code, settings.code_text, settings.document):
        powers = all(number > 0 and number & (number - 1) == 0 for number in (kind.gram, kind.window))
        if not powers or kind.gram < kind.window or kind.fewest_tokens < kind.gram:
            raise InvalidInput(
                "gram and window must be powers of two, the window no longer than the gram, and no block shorter",
                where=str(file),
            )
    return settings

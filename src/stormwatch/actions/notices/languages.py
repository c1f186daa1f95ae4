"""Files of texts, one a language, into the words that notices are made of; English is there for whatever they lack."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

import msgspec

from stormwatch.actions.reasons import load_reasons
from stormwatch.model.errors import InvalidInput, NotFound
from stormwatch.model.notice import NoticeKind

FALLBACK = "en"


class Language(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One language: templates with `$names` for subject and text of each kind of notice, and what they are filled with.

    `code` is a BCP 47 language tag, `direction` the way it is written; `actions` and `reasons` go by their codes.
    """

    code: str
    name: str
    direction: str
    subjects: Mapping[str, str]
    texts: Mapping[str, str]
    actions: Mapping[str, str]
    ends: str
    endless: str
    reviewer_says: str
    reasons: Mapping[str, str] = {}

    def reason(self, code: str) -> str:
        """What the holder is told for a reason code, in this language where it is known, else in English."""
        return self.reasons.get(code) or load_reasons()[code].text


@cache
def load_languages() -> Mapping[str, Language]:
    """All languages by code, English first; InvalidInput names the file that does not have their form."""
    folder = resources.files("stormwatch.actions.notices").joinpath("texts")
    found = {language.code: language for language in map(_read, folder.iterdir())}
    return {code: found[code] for code in (FALLBACK, *sorted(set(found) - {FALLBACK}))}


def language_of(code: str) -> Language:
    """The language of a code; NotFound lists those there are."""
    known = load_languages()
    if code not in known:
        raise NotFound(f"notices are not written in {code}", remedy=f"use one of {', '.join(known)}")
    return known[code]


def best_language(wanted: str | None) -> Language:
    """The language for a tag such as `es-MX`, `zh_Hans` or nothing; English where there is none for it."""
    primary = (wanted or "").strip().replace("_", "-").partition("-")[0].lower()
    return load_languages().get(primary, load_languages()[FALLBACK])


def _read(file: Traversable) -> Language:
    try:
        language = msgspec.yaml.decode(file.read_bytes(), type=Language)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"the texts of notices cannot be read: {error}", where=file.name) from error
    lacking = [kind.value for kind in NoticeKind if kind not in language.subjects or kind not in language.texts]
    if lacking:
        raise InvalidInput(f"the texts of notices lack {', '.join(lacking)}", where=file.name)
    return language

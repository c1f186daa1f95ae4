"""The file of words into what the appeal page says in the language that its reader asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

import msgspec

from stormwatch.actions.notices.languages import FALLBACK, load_languages
from stormwatch.model.errors import InvalidInput


class PageWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that the page says in one language; `received` has a place for `$due`."""

    title: str
    intro: str
    code: str
    code_hint: str
    text: str
    text_hint: str
    send: str
    received: str
    refused: str
    wait: str
    unusable: str
    again: str
    failed: str
    languages: str


@cache
def load_words() -> Mapping[str, PageWords]:
    """The words by language code; InvalidInput when the file does not have their form."""
    raw = resources.files("stormwatch.console.public_appeal").joinpath("words.yaml").read_bytes()
    try:
        return msgspec.yaml.decode(raw, type=dict[str, PageWords])
    except msgspec.DecodeError as error:
        raise InvalidInput(f"the words of the appeal page cannot be read: {error}", where="words.yaml") from error


def chosen_language(asked: str, accept_language: str) -> str:
    """The code of the language of a page: as asked in its address, else the first that the browser names, else English.

    Weights of `Accept-Language` are not read: browsers name languages in the order in which they are wanted.
    """
    known = load_languages().keys() & load_words().keys()
    for tag in (asked, *accept_language[:200].split(",")):
        code = tag.partition(";")[0].strip().partition("-")[0].lower()
        if code in known:
            return code
    return FALLBACK

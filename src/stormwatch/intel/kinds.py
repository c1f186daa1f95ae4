"""Words that people and tables use for kinds of observable into our kinds, and `kind=value` into an observable."""

from __future__ import annotations

from typing import Final

from stormwatch.model.normal_form import observable_of
from stormwatch.model.observable import Observable, ObservableKind

_WORDS: Final = {
    "ip": ObservableKind.IPV4,
    "ipv4": ObservableKind.IPV4,
    "ipv6": ObservableKind.IPV6,
    "ip-src": ObservableKind.IPV4,
    "ip-dst": ObservableKind.IPV4,
    "range": ObservableKind.CIDR,
    "domain": ObservableKind.DOMAIN,
    "hostname": ObservableKind.DOMAIN,
    "email": ObservableKind.EMAIL,
    "md5": ObservableKind.MD5,
    "sha1": ObservableKind.SHA1,
    "sha256": ObservableKind.SHA256,
    "hash": ObservableKind.SHA256,
    "ja4": ObservableKind.TLS,
    **{kind.value: kind for kind in ObservableKind},
}


def kind_of(word: str) -> ObservableKind:
    """The kind a word stands for; ValueError lists the words."""
    kind = _WORDS.get(word.strip().lower())
    if kind is None:
        raise ValueError(f"kind {word.strip()[:40]!r} is unknown; known are {', '.join(sorted(_WORDS))}")
    return kind


def parse_observable(text: str) -> Observable:
    """Reads `kind=value`, such as `domain=example.org`; ValueError says what is wrong."""
    word, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"not of the form kind=value: {text[:60]!r}")
    kind = kind_of(word)
    try:
        return observable_of(kind, value)
    except ValueError as error:
        raise ValueError(f"{value[:60]!r} is no {kind.value}: {error}") from error
